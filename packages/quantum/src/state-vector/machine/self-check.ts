import { VerificationError } from '@qedge/core';
import type { StateMachine } from '../state-machine.ts';
import type {
  RegisterKernel,
  RotationAxis,
  Sweep,
  TableReference,
  VectorOperation,
  VectorProgram,
} from '../vector-program.ts';

/** Largest error of a product of some fifteen factors below 1, in units of the last place of 1. */
const ROUNDINGS = 64;
const EPSILON = { float32: 2 ** -24, float64: 2 ** -53 } as const;

/** What the amplitude of a basis state is multiplied by: real and imaginary part. */
type Factor = (index: number) => readonly [number, number];

/**
 * Runs one small program whose result has a formula: each qubit is rotated by a tangent of its own, so that amplitude `i` becomes the
 * product of the tangents of its bits; then phases and factors that depend on tables of every kind. Through scratch tiles and in place.
 * Finds a host that does not run code as the tests' hosts do.
 *
 * @throws VerificationError
 */
export function selfCheck(machine: StateMachine): void {
  const { program, tables, factors } = new CheckedProgram(machine).make();
  const { qubitCount, laneQubits } = program.layout;
  using loaded = machine.load(program);
  loaded.tables.set(tables);
  using state = machine.createState(qubitCount);
  const numbers = state.chunks[0]!;
  numbers.fill(0);
  numbers[0] = 1;
  loaded.run(state);
  const lanes = 2 ** laneQubits;
  for (let index = 0; index < 2 ** qubitCount; index++) {
    let [x, y] = [1, 0];
    for (const factor of factors) {
      const [a, b] = factor(index);
      [x, y] = [x * a - y * b, x * b + y * a];
    }
    const at = Math.floor(index / lanes) * 2 * lanes + (index % lanes);
    const error = Math.max(Math.abs(numbers[at]! - x), Math.abs(numbers[at + lanes]! - y));
    if (error <= ROUNDINGS * EPSILON[machine.element]) continue;
    throw new VerificationError(`Code for state vectors computes wrongly on ${machine.isa}`, {
      expected: [x, y],
      actual: [numbers[at], numbers[at + lanes]],
      facts: { index },
    });
  }
}

/** A program on two qubits more than a block has, one of them outside of the tiles of its first and last sweep. */
class CheckedProgram {
  readonly #machine: StateMachine;
  readonly #lanes: number;
  readonly #rows: number;
  readonly #block: readonly number[];
  readonly #outer: number;
  readonly #inner: number;
  readonly #tables: number[] = [];
  readonly #factors: Factor[] = [];

  constructor(machine: StateMachine) {
    const { laneQubits, blockQubits } = machine.shape;
    this.#machine = machine;
    this.#lanes = 2 ** laneQubits;
    this.#rows = 2 ** blockQubits;
    this.#block = Array.from({ length: blockQubits }, (_, i) => laneQubits + i);
    this.#outer = laneQubits + blockQubits;
    this.#inner = this.#outer + 1;
  }

  make(): {
    readonly program: VectorProgram;
    readonly tables: readonly number[];
    readonly factors: readonly Factor[];
  } {
    const layout = this.#machine.layoutOf(this.#inner + 1);
    const all = Array.from({ length: layout.qubitCount }, (_, qubit) => qubit);
    const tileQubits = all.filter((qubit) => qubit !== this.#outer);
    const kernel = (
      blockQubits: readonly number[],
      operations: readonly VectorOperation[],
    ): RegisterKernel => {
      return { blockQubits, operations };
    };
    const lanes = all.slice(0, layout.laneQubits).map((lane) => this.#rotateLanes(lane));
    const rows = this.#block.map((qubit, position) => this.#rotateRows(qubit, position));
    const sweeps: Sweep[] = [
      {
        tileQubits,
        inPlace: false,
        kernels: [kernel([], []), kernel(this.#block, [...lanes, ...rows]), kernel([], [])],
      },
      {
        tileQubits: all,
        inPlace: true,
        kernels: [this.#outer, this.#inner].map((qubit) => kernel([qubit], [this.#rotateRows(qubit, 0)])),
      },
      {
        tileQubits,
        inPlace: false,
        kernels: [
          kernel(this.#block, [this.#phases(), this.#rotatePhase()]),
          kernel(this.#block, [this.#multiplyFactors(), this.#scale()]),
        ],
      },
    ];
    const program = { layout, sweeps, tableLength: this.#tables.length };
    return { program, tables: this.#tables, factors: this.#factors };
  }

  #table(values: readonly number[], indexQubits: readonly number[] = [], parity = false): TableReference {
    const start = this.#tables.length;
    const length = Math.ceil(values.length / 16) * 16;
    this.#tables.push(...values, ...new Array<number>(length - values.length).fill(0));
    const entries = parity ? 2 : 2 ** indexQubits.length;
    return { start, indexQubits, parity, entryLength: values.length / entries };
  }

  /** The product of the tangents of the bits that are set, times `-i` for each rotation about X. */
  #tangent(qubit: number): number {
    const tangent = 1 - qubit / 16;
    const image = this.#axisOf(qubit) === 'y' ? ([tangent, 0] as const) : ([0, -tangent] as const);
    this.#factors.push((index) => ((index >> qubit) & 1 ? image : [1, 0]));
    return tangent;
  }

  #axisOf(qubit: number): RotationAxis {
    return qubit % 2 === 0 ? 'y' : 'x';
  }

  #rotateLanes(lane: number): VectorOperation {
    const tangent = this.#tangent(lane);
    const axis = this.#axisOf(lane);
    const values = Array.from({ length: this.#lanes }, (_, index) =>
      axis === 'x' || (index >> lane) & 1 ? tangent : -tangent,
    );
    return { kind: 'rotate-lanes', axis, lane, table: this.#table(values), signs: 0 };
  }

  #rotateRows(qubit: number, position: number): VectorOperation {
    const table = this.#table([this.#tangent(qubit)]);
    return { kind: 'rotate-rows', axis: this.#axisOf(qubit), position, table, width: 'splat', signs: 0 };
  }

  /** Phases of lanes, rows, a qubit of the tile and one outside. */
  #phases(): VectorOperation {
    const angle = (entry: number, row: number, lane: number) => entry / 8 + row / 16 + lane / 32;
    const values: number[] = [];
    for (let entry = 0; entry < 4; entry++) {
      for (let row = 0; row < this.#rows; row++) {
        for (const part of [Math.cos, Math.sin]) {
          for (let lane = 0; lane < this.#lanes; lane++) values.push(part(angle(entry, row, lane)));
        }
      }
    }
    this.#factors.push((index) => {
      const phase = angle(this.#entryOf(index), this.#rowOf(index), index % this.#lanes);
      return [Math.cos(phase), Math.sin(phase)];
    });
    const table = this.#table(values, [this.#outer, this.#inner]);
    return { kind: 'multiply-phases', table, width: 'vector', trivialRows: 0 };
  }

  #rotatePhase(): VectorOperation {
    this.#factors.push((index) => [1, [0, 3].includes(this.#entryOf(index)) ? -1 / 4 : 1 / 2]);
    const table = this.#table([1 / 4, -1 / 2], [this.#inner, this.#outer], true);
    return { kind: 'rotate-phase', table, width: 'splat', signs: 0 };
  }

  #multiplyFactors(): VectorOperation {
    const value = (bit: number, row: number) => [1 / (1 + bit + row), bit / 2] as const;
    const table = (qubit: number) => {
      const rows = Array.from({ length: this.#rows }, (_, row) => row);
      const entries = [0, 1].flatMap((bit) =>
        [0, 1].flatMap((part) => rows.map((row) => value(bit, row)[part]!)),
      );
      this.#factors.push((index) => value((index >> qubit) & 1, this.#rowOf(index)));
      return this.#table(entries, [qubit]);
    };
    return {
      kind: 'multiply-factors',
      factors: [table(this.#inner), table(this.#outer)],
      selection: null,
      trivialRows: 0,
    };
  }

  #scale(): VectorOperation {
    this.#factors.push(() => [3 / 4, 0]);
    return { kind: 'scale', table: this.#table([3 / 4]) };
  }

  #rowOf(index: number): number {
    return Math.floor(index / this.#lanes) % this.#rows;
  }

  /** The index of an entry whose lower bit is the outer qubit. */
  #entryOf(index: number): number {
    return (index >> this.#outer) & 3;
  }
}
