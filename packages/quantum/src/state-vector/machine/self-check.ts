import { VerificationError } from '@qedge/core';
import type { StateMachine } from '../state-machine.ts';
import type {
  RegisterKernel,
  Sweep,
  TableReference,
  VectorOperation,
  VectorProgram,
} from '../vector-program.ts';

/** Largest error of a product of some ten factors, in units of the last place of the largest one. */
const ROUNDINGS = 32;
const EPSILON = { float32: 2 ** -24, float64: 2 ** -53 } as const;

/**
 * Runs one small program whose result has a formula, through a scratch tile and in place: each qubit is rotated by a tangent of its own, so
 * that amplitude `i` of the result is the product of the tangents of its bits. Finds a host that does not run code as the tests' hosts do.
 *
 * @throws VerificationError
 */
export function selfCheck(machine: StateMachine): void {
  const { laneQubits, blockQubits } = machine.shape;
  const layout = machine.layoutOf(laneQubits + blockQubits + 2);
  const { program, tables } = productProgram(machine, layout.qubitCount);
  using loaded = machine.load(program);
  loaded.tables.set(tables);
  using state = machine.createState(layout.qubitCount);
  loaded.run(state);
  const [numbers] = state.chunks;
  const lanes = 2 ** laneQubits;
  for (let index = 0; index < 2 ** layout.qubitCount; index++) {
    let expected = 1;
    for (let qubit = 0; qubit < layout.qubitCount; qubit++)
      if ((index >> qubit) & 1) expected *= tangent(qubit);
    const at = Math.floor(index / lanes) * 2 * lanes + (index % lanes);
    const error = Math.max(Math.abs(numbers![at]! - expected), Math.abs(numbers![at + lanes]!));
    if (error <= ROUNDINGS * EPSILON[machine.element]) continue;
    throw new VerificationError(`Code for state vectors computes wrongly on ${machine.isa}`, {
      expected: [expected, 0],
      actual: [numbers![at], numbers![at + lanes]],
      facts: { index },
    });
  }
}

function tangent(qubit: number): number {
  return 1 - qubit / 16;
}

/** Lanes and the lowest block first, through scratch memory with other tiles than the rest, in place. */
function productProgram(
  machine: StateMachine,
  qubitCount: number,
): { readonly program: VectorProgram; readonly tables: number[] } {
  const { laneQubits, blockQubits } = machine.shape;
  const lanes = 2 ** laneQubits;
  const tables: number[] = [];
  const table = (values: readonly number[]): TableReference => {
    const start = tables.length;
    tables.push(...values, ...new Array<number>(16 - (values.length % 16)).fill(0));
    return { start, indexQubits: [], parity: false, entryLength: values.length };
  };
  const onLanes = Array.from({ length: laneQubits }, (_, lane): VectorOperation => {
    const values = Array.from(
      { length: lanes },
      (__, index) => ((index >> lane) & 1 ? 1 : -1) * tangent(lane),
    );
    return { kind: 'rotate-lanes', lane, table: table(values), signs: 0 };
  });
  const onRows = (qubits: readonly number[]): RegisterKernel => ({
    blockQubits: qubits,
    operations: qubits.map((qubit, position): VectorOperation => {
      return { kind: 'rotate-rows', position, table: table([tangent(qubit)]), width: 'splat', signs: 0 };
    }),
  });
  const upper = Array.from({ length: qubitCount - laneQubits }, (_, index) => laneQubits + index);
  const first = onRows(upper.slice(0, blockQubits));
  const laneKernel = { blockQubits: first.blockQubits, operations: [...onLanes, ...first.operations] };
  const rest = upper.slice(blockQubits);
  const all = Array.from({ length: qubitCount }, (_, qubit) => qubit);
  const withoutOne = all.filter((qubit) => qubit !== laneQubits + blockQubits);
  const through: Sweep = {
    tileQubits: withoutOne,
    inPlace: false,
    kernels: [laneKernel, onRows([]), onRows([])],
  };
  const inPlace: Sweep = { tileQubits: all, inPlace: true, kernels: rest.map((qubit) => onRows([qubit])) };
  const layout = machine.layoutOf(qubitCount);
  return { program: { layout, sweeps: [through, inPlace], tableLength: tables.length }, tables };
}
