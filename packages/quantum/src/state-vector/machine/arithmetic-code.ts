import type { Pointer, Target, Vector } from '@qedge/codegen';
import { elementBytes } from './state-addressing.ts';

/** Fields of the argument block of {@link emitAddPauli}. */
export const ADD_PAULI_ARGUMENTS = {
  out: 0,
  state: 1,
  /** For each block of `out` the number of the block of `state` that goes there, 32 bits each. */
  words: 2,
  /** For each block of `out` a factor. */
  signs: 3,
  /** A factor for each lane. */
  lanes: 4,
  blockCount: 5,
} as const;

/**
 * Adds a permuted and signed state to another one, block by block.
 *
 * @param laneX lanes exchange their numbers with lane `lane ^ laneX`.
 * @param isImaginary whether factors are multiplied by `i`.
 */
export function emitAddPauli(
  target: Target<unknown>,
  element: 'float32' | 'float64',
  laneX: number,
  isImaginary: boolean,
): void {
  const numberBytes = elementBytes(element);
  const vectorBytes = numberBytes * target.traits.lanes;
  const [out, state, words, signs, source] = ['out', 'state', 'words', 'signs', 'source'].map((role) =>
    target.pointer(role),
  ) as [Pointer, Pointer, Pointer, Pointer, Pointer];
  const [lanes, factor, re, im, outRe, outIm, turned] = target.vectors('numbers', 7) as [
    ...[Vector, Vector, Vector, Vector, Vector, Vector, Vector],
  ];
  target.argument(source, ADD_PAULI_ARGUMENTS.lanes);
  target.load(lanes, { base: source, offset: 0 });
  target.argument(out, ADD_PAULI_ARGUMENTS.out);
  target.argument(state, ADD_PAULI_ARGUMENTS.state);
  target.argument(words, ADD_PAULI_ARGUMENTS.words);
  target.argument(signs, ADD_PAULI_ARGUMENTS.signs);
  const loadExchanged = (destination: Vector, offset: number) => {
    if (laneX === 0) target.load(destination, { base: source, offset });
    else {
      target.load(turned, { base: source, offset });
      target.exchange(destination, turned, laneX);
    }
  };
  target.loopArgument(ADD_PAULI_ARGUMENTS.blockCount, () => {
    target.copyPointer(source, state);
    target.advanceByWord(source, { base: words, offset: 0 }, 2 * vectorBytes);
    loadExchanged(re, 0);
    loadExchanged(im, vectorBytes);
    target.splat(factor, { base: signs, offset: 0 });
    target.float('multiply', factor, factor, lanes);
    target.load(outRe, { base: out, offset: 0 });
    target.load(outIm, { base: out, offset: vectorBytes });
    if (isImaginary) {
      target.fnma(outRe, factor, im);
      target.fma(outIm, factor, re);
    } else {
      target.fma(outRe, factor, re);
      target.fma(outIm, factor, im);
    }
    target.store(outRe, { base: out, offset: 0 });
    target.store(outIm, { base: out, offset: vectorBytes });
    target.advance(words, 4);
    target.advance(signs, numberBytes);
    target.advance(out, 2 * vectorBytes);
  });
}

/** Fields of the argument block of {@link emitFoldProducts}. */
export const FOLD_ARGUMENTS = { left: 0, right: 1, arrays: 2, totals: 3, groupCount: 4 } as const;

/** What {@link emitFoldProducts} is to sum up. */
export interface FoldRequest {
  readonly part: 'real' | 'imaginary';
  /** Masks of row qubits; the sum of each group is stored, those of a mask `arrayStride` bytes behind those of the one before. */
  readonly arrays: readonly number[];
  readonly arrayStride: number;
  /** Masks whose sums over all groups are stored, one vector each. */
  readonly totals: readonly number[];
}

/** Multiplies the amplitudes of two states and sums the products of `2^rowQubits` blocks with the signs of each mask. */
export function emitFoldProducts(
  target: Target<unknown>,
  element: 'float32' | 'float64',
  rowQubits: number,
  { part, arrays, arrayStride, totals }: FoldRequest,
): void {
  const vectorBytes = elementBytes(element) * target.traits.lanes;
  const rows = 2 ** rowQubits;
  const [left, right, out] = ['left', 'right', 'sums'].map((role) => target.pointer(role)) as [
    ...[Pointer, Pointer, Pointer],
  ];
  const accumulators = target.vectors('totals', totals.length);
  const free = target.vectors('products', rows + 1);
  const [a, b] = target.vectors('amplitudes', 2) as [Vector, Vector];
  for (const accumulator of accumulators) target.zero(accumulator);
  target.argument(left, FOLD_ARGUMENTS.left);
  target.argument(right, FOLD_ARGUMENTS.right);
  target.argument(out, FOLD_ARGUMENTS.arrays);
  const product = (row: number): Vector => {
    const vector = free.pop()!;
    const [re, im] = [2 * row * vectorBytes, (2 * row + 1) * vectorBytes];
    target.load(a, { base: left, offset: re });
    target.load(b, { base: right, offset: part === 'real' ? re : im });
    target.float('multiply', vector, a, b);
    target.load(a, { base: left, offset: im });
    target.load(b, { base: right, offset: part === 'real' ? im : re });
    if (part === 'real') target.fma(vector, a, b);
    else target.fnma(vector, a, b);
    return vector;
  };
  const deliver = (mask: number, vector: Vector) => {
    const array = arrays.indexOf(mask);
    if (array >= 0) target.store(vector, { base: out, offset: array * arrayStride });
    const total = totals.indexOf(mask);
    if (total >= 0) target.float('add', accumulators[total]!, accumulators[total]!, vector);
    free.push(vector);
  };
  target.loopArgument(FOLD_ARGUMENTS.groupCount, () => {
    const products = Array.from({ length: rows }, (_, row) => product(row));
    foldRows(target, products, [...arrays, ...totals], 0, free, deliver);
    target.advance(left, 2 * rows * vectorBytes);
    target.advance(right, 2 * rows * vectorBytes);
    target.advance(out, vectorBytes);
  });
  target.argument(out, FOLD_ARGUMENTS.totals);
  accumulators.forEach((accumulator, index) => {
    target.store(accumulator, { base: out, offset: index * vectorBytes });
  });
}

/** Halves rows by sums, and by differences where a mask has the bit; consumes the rows. */
function foldRows(
  target: Target<unknown>,
  rows: readonly Vector[],
  masks: readonly number[],
  prefix: number,
  free: Vector[],
  deliver: (mask: number, vector: Vector) => void,
): void {
  if (rows.length === 1) {
    deliver(prefix, rows[0]!);
    return;
  }
  const half = rows.length / 2;
  const differing = masks.filter((mask) => (mask & half) !== 0);
  const equal = masks.filter((mask) => (mask & half) === 0);
  const sums: Vector[] = [];
  const differences: Vector[] = [];
  for (let row = 0; row < half; row++) {
    const [low, high] = [rows[row]!, rows[row + half]!];
    if (differing.length > 0 && equal.length > 0) {
      const difference = free.pop()!;
      target.float('subtract', difference, low, high);
      target.float('add', low, low, high);
      free.push(high);
      sums.push(low);
      differences.push(difference);
    } else {
      target.float(equal.length > 0 ? 'add' : 'subtract', low, low, high);
      free.push(high);
      (equal.length > 0 ? sums : differences).push(low);
    }
  }
  if (differences.length > 0) foldRows(target, differences, differing, prefix | half, free, deliver);
  if (sums.length > 0) foldRows(target, sums, equal, prefix, free, deliver);
}
