/** @file Executes vector programs by their written meaning, one number at a time, for tests only. */
import {
  COEFFICIENT_NUMBERS,
  type MultiplyFactors,
  type MultiplyMatrix,
  type MultiplyPhases,
  type RegisterKernel,
  type RotateLanes,
  type RotatePhase,
  type RotateRows,
  type TableReference,
  type VectorOperation,
  type VectorProgram,
} from '../../src/state-vector/vector-program.ts';

/** Amplitudes by physical index, real and imaginary parts apart. */
export interface PlainState {
  readonly real: Float64Array;
  readonly imaginary: Float64Array;
}

export function createPlainState(qubitCount: number): PlainState {
  const state = { real: new Float64Array(2 ** qubitCount), imaginary: new Float64Array(2 ** qubitCount) };
  state.real[0] = 1;
  return state;
}

/** What an operation sees of one block: the physical index of each row and lane. */
interface Block {
  readonly lanes: number;
  readonly rows: number;
  /** Index of row 0, lane 0. */
  readonly base: number;
  readonly rowOffsets: readonly number[];
}

/** Runs a program; checks what it says of itself on the way. */
export function interpretProgram(program: VectorProgram, tables: ArrayLike<number>, state: PlainState): void {
  const { laneQubits } = program.layout;
  const qubitCount = Math.max(program.layout.qubitCount, laneQubits);
  for (const sweep of program.sweeps) {
    checkSweep(sweep, laneQubits, qubitCount);
    for (const kernel of sweep.kernels) {
      const rowOffsets = Array.from({ length: 2 ** kernel.blockQubits.length }, (_, row) =>
        kernel.blockQubits.reduce((sum, qubit, position) => sum + ((row >> position) & 1) * 2 ** qubit, 0),
      );
      const skipped = 2 ** laneQubits - 1 + rowOffsets.at(-1)!;
      for (let base = 0; base < 2 ** qubitCount; base++) {
        if ((base & skipped) !== 0) continue;
        const block = { lanes: 2 ** laneQubits, rows: rowOffsets.length, base, rowOffsets };
        for (const operation of kernel.operations) execute(operation, kernel, block, tables, state, program);
      }
    }
  }
}

function checkSweep(sweep: VectorProgram['sweeps'][number], laneQubits: number, qubitCount: number): void {
  const { tileQubits, inPlace, kernels } = sweep;
  const ascending = (list: readonly number[]) => list.every((qubit, i) => i === 0 || qubit > list[i - 1]!);
  const fits =
    ascending(tileQubits) &&
    tileQubits.slice(0, laneQubits).every((qubit, i) => qubit === i) &&
    tileQubits.at(-1)! < qubitCount &&
    inPlace === (tileQubits.at(-1) === tileQubits.length - 1) &&
    kernels.length > 0 &&
    kernels.every(
      ({ blockQubits }) =>
        ascending(blockQubits) &&
        blockQubits.every((qubit) => qubit >= laneQubits && tileQubits.includes(qubit)),
    );
  if (!fits) throw new Error(`A sweep that contradicts itself: ${JSON.stringify(sweep)}`);
}

function entryOf(
  reference: TableReference,
  kernel: RegisterKernel,
  block: Block,
  program: VectorProgram,
): number {
  const { start, indexQubits, parity, entryLength } = reference;
  let index = 0;
  indexQubits.forEach((qubit, position) => {
    if (qubit < program.layout.laneQubits || kernel.blockQubits.includes(qubit)) {
      throw new Error(`Qubit ${qubit} is no index bit`);
    }
    const bit = Math.floor(block.base / 2 ** qubit) & 1;
    index = parity ? index ^ bit : index + bit * 2 ** position;
  });
  const at = start + index * entryLength;
  if (start % 16 !== 0 || at + entryLength > program.tableLength)
    throw new Error('An entry outside of the tables');
  return at;
}

function execute(
  operation: VectorOperation,
  kernel: RegisterKernel,
  block: Block,
  tables: ArrayLike<number>,
  state: PlainState,
  program: VectorProgram,
): void {
  const entry = (reference: TableReference) => entryOf(reference, kernel, block, program);
  switch (operation.kind) {
    case 'set-rows': {
      const at = entry(operation.table);
      forEachAmplitude(block, (i, _row, lane) => {
        state.real[i] = tables[at + lane]!;
        state.imaginary[i] = tables[at + block.lanes + lane]!;
      });
      return;
    }
    case 'rotate-rows':
      rotateRows(operation, entry(operation.table), block, tables, state);
      return;
    case 'rotate-lanes':
      rotateLanes(operation, entry(operation.table), block, tables, state);
      return;
    case 'rotate-phase':
      rotatePhase(operation, entry(operation.table), block, tables, state);
      return;
    case 'multiply-phases':
      multiplyPhases(operation, entry(operation.table), block, tables, state);
      return;
    case 'multiply-factors':
      multiplyFactors(operation, operation.factors.map(entry), block, tables, state);
      return;
    case 'multiply-matrix':
      multiplyMatrix(operation, entry(operation.table), block, tables, state);
      return;
    case 'scale': {
      const factor = tables[entry(operation.table)]!;
      forEachAmplitude(block, (i) => {
        state.real[i]! *= factor;
        state.imaginary[i]! *= factor;
      });
    }
  }
}

function forEachAmplitude(block: Block, visit: (index: number, row: number, lane: number) => void): void {
  block.rowOffsets.forEach((offset, row) => {
    for (let lane = 0; lane < block.lanes; lane++) visit(block.base + offset + lane, row, lane);
  });
}

const signOf = (signs: number, row: number) => (((signs >>> row) & 1) === 1 ? -1 : 1);

function rotateRows(
  { axis, position, width, signs }: RotateRows,
  at: number,
  block: Block,
  tables: ArrayLike<number>,
  { real, imaginary }: PlainState,
): void {
  for (let row = 0; row < block.rows; row++) {
    if (((row >> position) & 1) === 1) continue;
    for (let lane = 0; lane < block.lanes; lane++) {
      const a = block.base + block.rowOffsets[row]! + lane;
      const b = block.base + block.rowOffsets[row + 2 ** position]! + lane;
      const t = tables[at + (width === 'vector' ? lane : 0)]!;
      const ta = t * signOf(signs, row);
      const tb = t * signOf(signs, row + 2 ** position);
      if (axis === 'x') {
        [real[a], imaginary[b]] = [real[a]! + ta * imaginary[b]!, imaginary[b]! - tb * real[a]!];
        [real[b], imaginary[a]] = [real[b]! + tb * imaginary[a]!, imaginary[a]! - ta * real[b]!];
        continue;
      }
      for (const part of [real, imaginary])
        [part[a], part[b]] = [part[a]! - ta * part[b]!, part[b]! + tb * part[a]!];
    }
  }
}

function rotateLanes(
  { axis, lane: qubit, signs }: RotateLanes,
  at: number,
  block: Block,
  tables: ArrayLike<number>,
  { real, imaginary }: PlainState,
): void {
  block.rowOffsets.forEach((offset, row) => {
    const from = block.base + offset;
    const end = from + block.lanes;
    const [oldReal, oldImaginary] = [real.slice(from, end), imaginary.slice(from, end)];
    for (let lane = 0; lane < block.lanes; lane++) {
      const t = signOf(signs, row) * tables[at + lane]!;
      const [x, y] = [oldReal[lane ^ (1 << qubit)]!, oldImaginary[lane ^ (1 << qubit)]!];
      real[from + lane] = oldReal[lane]! + t * (axis === 'x' ? y : x);
      imaginary[from + lane] = oldImaginary[lane]! + t * (axis === 'x' ? -x : y);
    }
  });
}

function rotatePhase(
  { width, signs }: RotatePhase,
  at: number,
  block: Block,
  tables: ArrayLike<number>,
  { real, imaginary }: PlainState,
): void {
  forEachAmplitude(block, (i, row, lane) => {
    const t = signOf(signs, row) * tables[at + (width === 'vector' ? lane : 0)]!;
    [real[i], imaginary[i]] = [real[i]! + t * imaginary[i]!, imaginary[i]! - t * real[i]!];
  });
}

function multiplyAmplitude({ real, imaginary }: PlainState, i: number, c: number, s: number): void {
  [real[i], imaginary[i]] = [real[i]! * c - imaginary[i]! * s, real[i]! * s + imaginary[i]! * c];
}

function multiplyPhases(
  { width, trivialRows }: MultiplyPhases,
  at: number,
  block: Block,
  tables: ArrayLike<number>,
  state: PlainState,
): void {
  const lanes = width === 'vector' ? block.lanes : 1;
  forEachAmplitude(block, (i, row, lane) => {
    if (((trivialRows >>> row) & 1) === 1) return;
    const c = at + 2 * lanes * row + (lane % lanes);
    multiplyAmplitude(state, i, tables[c]!, tables[c + lanes]!);
  });
}

function multiplyFactors(
  { selection, trivialRows }: MultiplyFactors,
  at: readonly number[],
  block: Block,
  tables: ArrayLike<number>,
  state: PlainState,
): void {
  forEachAmplitude(block, (i, row, lane) => {
    if (((trivialRows >>> row) & 1) === 1) return;
    let [c, s] = [1, 0];
    for (const from of at) {
      const x = tables[from + row]!;
      const y = tables[from + block.rows + row]!;
      [c, s] = [c * x - s * y, c * y + s * x];
    }
    if (selection !== null) {
      const m = tables[selection.start + lane]!;
      [c, s] = [1 + m * c, m * s];
    }
    multiplyAmplitude(state, i, c, s);
  });
}

function multiplyMatrix(
  { positions, lanes }: MultiplyMatrix,
  at: number,
  block: Block,
  tables: ArrayLike<number>,
  { real, imaginary }: PlainState,
): void {
  const rowBits = (index: number) => positions.reduce((sum, p, i) => sum | (((index >> i) & 1) << p), 0);
  const pick = (row: number) => positions.reduce((sum, p, i) => sum | (((row >> p) & 1) << i), 0);
  const laneMask = (m: number) => lanes.reduce((sum, lane, i) => sum | (((m >> i) & 1) << lane), 0);
  const width = lanes.length > 0 ? block.lanes : 1;
  const rows = 2 ** positions.length;
  const exchanges = 2 ** lanes.length;
  const oldReal = new Map<number, number>();
  const oldImaginary = new Map<number, number>();
  forEachAmplitude(block, (i) => {
    oldReal.set(i, real[i]!);
    oldImaginary.set(i, imaginary[i]!);
  });
  forEachAmplitude(block, (i, row, lane) => {
    let [x, y] = [0, 0];
    const r = pick(row);
    for (let s = 0; s < rows; s++) {
      for (let m = 0; m < exchanges; m++) {
        const source = (row & ~rowBits(rows - 1)) | rowBits(s);
        const j = block.base + block.rowOffsets[source]! + (lane ^ laneMask(m));
        const c = at + COEFFICIENT_NUMBERS * width * ((r * rows + s) * exchanges + m) + (lane % width);
        const [re, im] = [oldReal.get(j)!, oldImaginary.get(j)!];
        x += tables[c]! * (re + im) - tables[c + width]! * im;
        y += tables[c]! * (re + im) + tables[c + 2 * width]! * re;
      }
    }
    real[i] = x;
    imaginary[i] = y;
  });
}
