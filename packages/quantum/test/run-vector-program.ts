import {
  COEFFICIENT_NUMBERS,
  type MultiplyFactors,
  type MultiplyMatrix,
  type RegisterKernel,
  type StateLayout,
  type TableReference,
  type VectorOperation,
  type VectorProgram,
} from '../src/state-vector/vector-program.ts';

// The meaning of vector programs in plain loops over basis states: no rows, tiles or vectors, and no code shared with the machine.

/** Amplitudes in float64, by basis state. */
export interface PlainState {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

type Numbers = Float32Array | Float64Array;

const bitOf = (index: number, qubit: number) => Math.floor(index / 2 ** qubit) % 2;

/** Runs a program on a state, in place. */
export function runVectorProgram(program: VectorProgram, tables: Numbers, state: PlainState): void {
  for (const { kernels } of program.sweeps) {
    for (const kernel of kernels) {
      for (const operation of kernel.operations) apply(program.layout, kernel, operation, tables, state);
    }
  }
}

function rowOf({ blockQubits }: RegisterKernel, index: number): number {
  return blockQubits.reduce((row, qubit, position) => row + bitOf(index, qubit) * 2 ** position, 0);
}

/** Where the entry of a basis state starts. */
function entryAt({ start, indexQubits, parity, entryLength }: TableReference, index: number): number {
  const bits = indexQubits.map((qubit) => bitOf(index, qubit));
  const entry = parity
    ? bits.reduce((sum, bit) => sum + bit, 0) % 2
    : bits.reduce((sum, bit, i) => sum + bit * 2 ** i, 0);
  return start + entry * entryLength;
}

function apply(
  layout: StateLayout,
  kernel: RegisterKernel,
  operation: VectorOperation,
  tables: Numbers,
  { re, im }: PlainState,
): void {
  const lanes = 2 ** layout.laneQubits;
  const [oldRe, oldIm] = [re.slice(), im.slice()];
  for (let index = 0; index < re.length; index++) {
    const row = rowOf(kernel, index);
    const lane = index % lanes;
    const [x, y] = amplitude(layout, kernel, operation, tables, { re: oldRe, im: oldIm }, index, row, lane);
    re[index] = x;
    im[index] = y;
  }
}

function amplitude(
  layout: StateLayout,
  kernel: RegisterKernel,
  operation: VectorOperation,
  tables: Numbers,
  old: PlainState,
  index: number,
  row: number,
  lane: number,
): readonly [number, number] {
  const { re, im } = old;
  const [x, y] = [re[index]!, im[index]!];
  const sign = 'signs' in operation && (operation.signs >> row) & 1 ? -1 : 1;
  switch (operation.kind) {
    case 'set-rows': {
      const at = entryAt(operation.table, index) + lane;
      return [tables[at]!, tables[at + 2 ** layout.laneQubits]!];
    }
    case 'rotate-rows': {
      const qubit = kernel.blockQubits[operation.position]!;
      const t = tables[entryAt(operation.table, index) + (operation.width === 'vector' ? lane : 0)]! * sign;
      const other = bitOf(index, qubit) === 1 ? index - 2 ** qubit : index + 2 ** qubit;
      // -i t (re + i im) = t im - i t re
      if (operation.axis === 'x') return [x + t * im[other]!, y - t * re[other]!];
      const direction = bitOf(index, qubit) === 1 ? t : -t;
      return [x + direction * re[other]!, y + direction * im[other]!];
    }
    case 'rotate-lanes': {
      const t = tables[entryAt(operation.table, index) + lane]! * sign;
      const other = index + (1 - 2 * bitOf(index, operation.lane)) * 2 ** operation.lane;
      if (operation.axis === 'x') return [x + t * im[other]!, y - t * re[other]!];
      return [x + t * re[other]!, y + t * im[other]!];
    }
    case 'rotate-phase': {
      const t = tables[entryAt(operation.table, index) + (operation.width === 'vector' ? lane : 0)]! * sign;
      return [x + t * y, y - t * x];
    }
    case 'multiply-phases': {
      if ((operation.trivialRows >> row) & 1) return [x, y];
      const width = operation.width === 'vector' ? 2 ** layout.laneQubits : 1;
      const at = entryAt(operation.table, index) + row * 2 * width + (width > 1 ? lane : 0);
      const [c, s] = [tables[at]!, tables[at + width]!];
      return [x * c - y * s, x * s + y * c];
    }
    case 'multiply-factors':
      return multiplyFactors(operation, kernel, tables, x, y, index, row, lane);
    case 'multiply-matrix':
      return multiplyMatrix(operation, layout, kernel, tables, old, index, lane);
    case 'scale': {
      const factor = tables[entryAt(operation.table, index)]!;
      return [x * factor, y * factor];
    }
  }
}

function multiplyFactors(
  { factors, selection, trivialRows }: MultiplyFactors,
  { blockQubits }: RegisterKernel,
  tables: Numbers,
  x: number,
  y: number,
  index: number,
  row: number,
  lane: number,
): readonly [number, number] {
  if ((trivialRows >> row) & 1) return [x, y];
  let [c, s] = [1, 0];
  for (const factor of factors) {
    const at = entryAt(factor, index) + row;
    const [a, b] = [tables[at]!, tables[at + 2 ** blockQubits.length]!];
    [c, s] = [c * a - s * b, c * b + s * a];
  }
  if (selection !== null) {
    const m = tables[selection.start + lane]!;
    [c, s] = [1 + m * c, m * s];
  }
  return [x * c - y * s, x * s + y * c];
}

function multiplyMatrix(
  { positions, lanes, table }: MultiplyMatrix,
  { laneQubits }: StateLayout,
  { blockQubits }: RegisterKernel,
  tables: Numbers,
  { re, im }: PlainState,
  index: number,
  lane: number,
): readonly [number, number] {
  const width = lanes.length > 0 ? 2 ** laneQubits : 1;
  const rowQubits = positions.map((position) => blockQubits[position]!);
  const r = rowQubits.reduce((sum, qubit, i) => sum + bitOf(index, qubit) * 2 ** i, 0);
  let [x, y] = [0, 0];
  for (let s = 0; s < 2 ** positions.length; s++) {
    for (let m = 0; m < 2 ** lanes.length; m++) {
      let other = index;
      rowQubits.forEach((qubit, i) => {
        other += (bitOf(s, i) - bitOf(index, qubit)) * 2 ** qubit;
      });
      lanes.forEach((qubit, i) => {
        if (bitOf(m, i) === 1) other += (1 - 2 * bitOf(index, qubit)) * 2 ** qubit;
      });
      const entry = (r * 2 ** positions.length + s) * 2 ** lanes.length + m;
      const at = entryAt(table, index) + entry * COEFFICIENT_NUMBERS * width + (width > 1 ? lane : 0);
      const [p, q, t] = [tables[at]!, tables[at + width]!, tables[at + 2 * width]!];
      x += p * (re[other]! + im[other]!) - q * im[other]!;
      y += p * (re[other]! + im[other]!) + t * re[other]!;
    }
  }
  return [x, y];
}
