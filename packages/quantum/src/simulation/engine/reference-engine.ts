import { UnsupportedError } from '@qedge/core';
import { gateDefinition } from '../../circuit/gate-definition.ts';
import type { UnitaryKind } from '../../circuit/instruction.ts';
import type { ParameterValue } from '../../circuit/parameter.ts';
import type { MachineState } from '../../state-vector/state-machine.ts';
import type { StateFrame } from '../amplitudes/stored-state.ts';
import { expandFully } from '../program/expand-fully.ts';
import {
  applyDiagonal,
  applyOneQubitMatrix,
  applyTwoQubitMatrix,
  multiplyControlled,
} from './apply-matrix.ts';
import type { EngineProgram, ProgramRequest, ProgramStart, StateEngine } from './state-engine.ts';

/** 2^24 amplitudes are 256 MiB. */
const MAX_QUBITS = 24;

/** A gate at given angles, to be applied to real and imaginary parts. */
type Action = (re: Float64Array, im: Float64Array) => void;

/**
 * Applies gates one after the other to one Float64Array of all real parts and then all imaginary ones, by plain loops. What other
 * engines are checked against.
 */
export function createReferenceEngine(): StateEngine {
  const dispose = () => undefined;
  return {
    name: 'reference',
    target: 'javascript',
    reason: 'plain loops in double precision, one gate at a time',
    precision: 'f64',
    threads: 1,
    maxQubits: MAX_QUBITS,
    availableBytes: () => 16 * 2 ** MAX_QUBITS,
    stateBytes: (qubitCount) => 16 * 2 ** qubitCount,
    arithmetic: null,
    allocate,
    compile: compileReference,
    compileBatch: () => null,
    dispose,
    [Symbol.dispose]: dispose,
  };
}

function allocate(qubitCount: number): MachineState {
  const numbers = new Float64Array(2 * 2 ** qubitCount);
  const dispose = () => undefined;
  return {
    layout: { qubitCount, laneQubits: qubitCount, element: 'float64', paddingBytes: 0 },
    chunks: [numbers],
    dispose,
    [Symbol.dispose]: dispose,
  };
}

function compileReference(
  { instructions, qubitCount, angleCount }: ProgramRequest,
  { known }: ProgramStart,
): EngineProgram {
  const names = new Map(Array.from({ length: angleCount }, (_, index) => [`a${index}`, index]));
  const makers = instructions.flatMap(expandFully).map((instruction) => makeAction(instruction, names));
  let actions: readonly Action[] = [];
  const size = 2 ** qubitCount;
  const dispose = () => undefined;
  return {
    planSeconds: 0,
    compileSeconds: 0,
    codeBytes: 0,
    statistics: null,
    bind(angles, frame) {
      const values = angles.slice();
      actions = [...turnBack(frame), ...makers.map((make) => make(values))];
      return { ...frame, flips: new Uint8Array(frame.flips.length) };
    },
    run(state) {
      if (known === 'zero') state.setBasisState();
      const numbers = state.regions[0] as Float64Array;
      const [re, im] = [numbers.subarray(0, size), numbers.subarray(size)];
      for (const apply of actions) apply(re, im);
    },
    dispose,
    [Symbol.dispose]: dispose,
  };
}

/** Exchanges the amplitudes of every bit that is stored inverted. */
function turnBack({ flips }: StateFrame): Action[] {
  const X = Float64Array.of(0, 0, 1, 0, 1, 0, 0, 0);
  return Array.from(flips).flatMap((flip, qubit) => (flip === 1 ? [actionOf(X, [qubit], 0)] : []));
}

/** A function from angles to the action of an elementary instruction. */
function makeAction(
  instruction: UnitaryKind,
  names: ReadonlyMap<string, number>,
): (angles: Float64Array) => Action {
  const { qubits } = instruction;
  if (instruction.kind === 'diagonal') {
    const { phases } = instruction;
    return () => (re, im) => applyDiagonal(re, im, qubits, phases);
  }
  if (instruction.kind === 'unitary') {
    const { matrix } = instruction;
    return () => actionOf(matrix, qubits, 0);
  }
  if (instruction.kind !== 'gate') {
    throw new UnsupportedError('The reference knows no such instruction', { actual: instruction.kind });
  }
  const gate = gateDefinition(instruction.name);
  const controlCount =
    qubits.length - Math.log2(gate.matrix(instruction.parameters.map(() => 0)).length / 2) / 2;
  const targets = qubits.slice(controlCount);
  let controlMask = 0;
  for (const qubit of qubits.slice(0, controlCount)) controlMask |= 1 << qubit;
  const angles = instruction.parameters.map((angle) => angleReader(angle, names));
  return (values) => actionOf(gate.matrix(angles.map((read) => read(values))), targets, controlMask);
}

function actionOf(matrix: Float64Array, targets: readonly number[], controlMask: number): Action {
  const [first, second] = targets;
  if (first === undefined) {
    return (re, im) => multiplyControlled(re, im, controlMask, matrix[0]!, matrix[1]!);
  }
  if (second === undefined) return (re, im) => applyOneQubitMatrix(re, im, first, controlMask, matrix);
  return (re, im) => applyTwoQubitMatrix(re, im, first, second, controlMask, matrix);
}

/** Reads an angle, which may be an expression of the named ones. */
function angleReader(
  angle: ParameterValue,
  names: ReadonlyMap<string, number>,
): (values: ArrayLike<number>) => number {
  return typeof angle === 'number' ? () => angle : angle.compile(names);
}
