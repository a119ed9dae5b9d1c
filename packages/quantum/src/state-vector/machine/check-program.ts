import { InvalidArgumentError } from '@qedge/core';
import {
  COEFFICIENT_NUMBERS,
  type MultiplyMatrix,
  type RegisterKernel,
  type RotationAxis,
  type StateLayout,
  type Sweep,
  type TableReference,
  type TableWidth,
  type VectorOperation,
  type VectorProgram,
} from '../vector-program.ts';

/** Tables start at whole multiples of so many numbers. */
const TABLE_ALIGNMENT = 16;

/** What generated code relies on without looking. */
interface Limits {
  readonly layout: StateLayout;
  /** Most qubits of a block. */
  readonly blockQubits: number;
}

/**
 * Checks everything that generated code takes for granted: a wrong program would read or write memory that is not its own.
 *
 * @throws InvalidArgumentError naming what is wrong.
 */
export function requireProgram(program: VectorProgram, limits: Limits): void {
  const { layout } = limits;
  for (const name of ['qubitCount', 'laneQubits', 'element', 'paddingBytes'] as const) {
    if (program.layout[name] !== layout[name]) {
      refuse(`was planned for another layout (${name})`, layout[name], program.layout[name]);
    }
  }
  if (!Number.isInteger(program.tableLength) || program.tableLength < 0 || program.tableLength > 2 ** 26) {
    refuse('has tables of an impossible length', '0..2^26', program.tableLength);
  }
  for (const sweep of program.sweeps) checkSweep(program, sweep, limits);
}

function refuse(what: string, expected: unknown, actual: unknown): never {
  throw new InvalidArgumentError(`A vector program ${what}`, { expected, actual });
}

function checkSweep(program: VectorProgram, sweep: Sweep, limits: Limits): void {
  const { qubitCount, laneQubits } = limits.layout;
  const { tileQubits, kernels, inPlace } = sweep;
  const ascends = tileQubits.every((qubit, index) => {
    return (
      Number.isInteger(qubit) &&
      qubit < qubitCount &&
      (index < laneQubits ? qubit === index : qubit > tileQubits[index - 1]!)
    );
  });
  if (!ascends || tileQubits.length < laneQubits) {
    refuse('has a tile of impossible qubits', 'all lanes, then others of the state, ascending', tileQubits);
  }
  if (tileQubits.length > 24) refuse('has a tile of too many qubits', 'at most 24', tileQubits.length);
  if (inPlace && tileQubits.some((qubit, index) => qubit !== index)) {
    refuse('works in place on a tile that is not contiguous', 'the lowest qubits', tileQubits);
  }
  if (kernels.length === 0) refuse('has a sweep without kernels', 'one or more', 0);
  for (const kernel of kernels) {
    checkBlock(kernel, sweep, limits);
    for (const operation of kernel.operations) checkOperation(program, kernel, operation, limits);
  }
}

function checkBlock({ blockQubits }: RegisterKernel, { tileQubits }: Sweep, limits: Limits): void {
  const { laneQubits } = limits.layout;
  const fits = blockQubits.every((qubit, index) => {
    return (
      qubit >= laneQubits && tileQubits.includes(qubit) && (index === 0 || qubit > blockQubits[index - 1]!)
    );
  });
  if (fits && blockQubits.length <= limits.blockQubits) return;
  refuse(
    'has a block of impossible qubits',
    `at most ${limits.blockQubits} of the tile above the lanes, ascending`,
    blockQubits,
  );
}

function checkOperation(
  program: VectorProgram,
  kernel: RegisterKernel,
  operation: VectorOperation,
  limits: Limits,
): void {
  const rows = 2 ** kernel.blockQubits.length;
  const lanes = 2 ** limits.layout.laneQubits;
  switch (operation.kind) {
    case 'set-rows':
      checkReference(program, kernel, operation.table, 2 * lanes, limits);
      break;
    case 'rotate-rows':
      checkAxis(operation.axis);
      checkPosition(operation.position, kernel.blockQubits.length);
      checkReference(program, kernel, operation.table, numbersOf(operation.width, lanes), limits);
      break;
    case 'rotate-lanes':
      checkAxis(operation.axis);
      checkPosition(operation.lane, limits.layout.laneQubits);
      checkReference(program, kernel, operation.table, lanes, limits);
      break;
    case 'rotate-phase':
      checkReference(program, kernel, operation.table, numbersOf(operation.width, lanes), limits);
      break;
    case 'multiply-phases': {
      const numbers = 2 * rows * numbersOf(operation.width, lanes);
      checkReference(program, kernel, operation.table, numbers, limits);
      break;
    }
    case 'multiply-factors':
      if (operation.factors.length === 0) refuse('multiplies no factors', 'one or more', 0);
      for (const factor of operation.factors) checkReference(program, kernel, factor, 2 * rows, limits);
      if (operation.selection !== null) checkSelection(program, kernel, operation.selection, limits);
      break;
    case 'multiply-matrix':
      checkMatrix(program, kernel, operation, limits);
      break;
    case 'scale':
      checkReference(program, kernel, operation.table, 1, limits);
      break;
    default:
      refuse('has an operation that is not known', 'rotate-rows, ...', (operation as { kind: string }).kind);
  }
}

function numbersOf(width: TableWidth, lanes: number): number {
  return width === 'vector' ? lanes : 1;
}

function checkSelection(
  program: VectorProgram,
  kernel: RegisterKernel,
  selection: TableReference,
  limits: Limits,
): void {
  if (selection.indexQubits.length > 0) refuse('indexes a selection', 'no qubits', selection.indexQubits);
  checkReference(program, kernel, selection, 2 ** limits.layout.laneQubits, limits);
}

function checkMatrix(
  program: VectorProgram,
  kernel: RegisterKernel,
  { positions, lanes, table }: MultiplyMatrix,
  limits: Limits,
): void {
  const { layout } = limits;
  for (const position of positions) checkPosition(position, kernel.blockQubits.length);
  for (const lane of lanes) checkPosition(lane, layout.laneQubits);
  const qubits = positions.length + lanes.length;
  const distinct = new Set(positions).size === positions.length && new Set(lanes).size === lanes.length;
  if (qubits < 1 || qubits > 2 || !distinct) {
    refuse('multiplies by a matrix on impossible qubits', 'one or two different ones', { positions, lanes });
  }
  const width = lanes.length > 0 ? 2 ** layout.laneQubits : 1;
  const coefficients = 4 ** positions.length * 2 ** lanes.length;
  checkReference(program, kernel, table, coefficients * COEFFICIENT_NUMBERS * width, limits);
}

function checkAxis(axis: RotationAxis): void {
  if (axis !== 'x' && axis !== 'y') refuse('rotates about an axis that is not known', "'x' or 'y'", axis);
}

function checkPosition(position: number, count: number): void {
  if (Number.isInteger(position) && position >= 0 && position < count) return;
  refuse('works on a row or lane that is not there', `0..${count - 1}`, position);
}

function checkReference(
  { tableLength }: VectorProgram,
  { blockQubits }: RegisterKernel,
  { start, indexQubits, parity, entryLength }: TableReference,
  entryNumbers: number,
  { layout }: Limits,
): void {
  for (let index = 0; index < indexQubits.length; index++) {
    const qubit = indexQubits[index]!;
    const isOuter = Number.isInteger(qubit) && qubit >= layout.laneQubits && qubit < layout.qubitCount;
    if (isOuter && !blockQubits.includes(qubit) && indexQubits.indexOf(qubit) === index) continue;
    refuse(
      'indexes a table by impossible qubits',
      'different ones that are neither lanes nor rows',
      indexQubits,
    );
  }
  const isPower = Number.isInteger(Math.log2(entryLength));
  if (!isPower || entryLength < entryNumbers) {
    refuse(
      'has table entries of an impossible length',
      `a power of two from ${entryNumbers} on`,
      entryLength,
    );
  }
  const entries = parity ? 2 : 2 ** indexQubits.length;
  const inRange = start >= 0 && start % TABLE_ALIGNMENT === 0 && start + entries * entryLength <= tableLength;
  if (!inRange)
    refuse('reads beyond its tables', `within ${tableLength} numbers`, { start, entries, entryLength });
}
