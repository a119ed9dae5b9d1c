import type { Epilogue } from '../description/epilogue.ts';
import type { MatrixLayout } from '../description/gemm.ts';
import { referenceActivation } from './activation.ts';

/** Reads element `[row, column]` of one matrix of a batch. */
export type ElementReader = (index: number, row: number, column: number) => number;

/**
 * Plain-loop meaning of a float32 product. Shares no code with `kernels/` and knows nothing of panels, tiles or padding.
 */
export interface ReferenceProduct {
  readonly depth: number;
  readonly alpha: number;
  readonly beta: number;
  readonly epilogue: Epilogue;
  readonly a: ElementReader;
  readonly b: ElementReader;
  /** C before the product. */
  readonly c: ElementReader;
  readonly bias: (row: number, column: number) => number;
}

/** One element of the result. */
export interface ReferenceElement {
  /** In float64. */
  readonly value: number;
  /** `|alpha| * sum |a * b| + |beta * c| + |bias|`: what rounding errors are relative to, before the activation. */
  readonly magnitude: number;
}

/** Where element `[row, column]` of matrix `index` of a batch lies. */
export function elementIndex(layout: MatrixLayout, index: number, row: number, column: number): number {
  return index * layout.batchStride + row * layout.rowStride + column * layout.columnStride;
}

/** Reads from an array with the given strides. */
export function readElements(values: ArrayLike<number>, layout: MatrixLayout): ElementReader {
  return (index, row, column) => values[elementIndex(layout, index, row, column)]!;
}

/** One element before softmax, in float64. `left` is its row of A and `right` its column of B, `depth` numbers each. */
export function referenceElement(
  product: ReferenceProduct,
  { left, right }: { readonly left: Float32Array; readonly right: Float32Array },
  index: number,
  row: number,
  column: number,
): ReferenceElement {
  const { alpha, beta, epilogue } = product;
  let sum = 0;
  let magnitude = 0;
  for (let k = 0; k < product.depth; k++) {
    const term = left[k]! * right[k]!;
    sum += term;
    magnitude += Math.abs(term);
  }
  // C may hold anything when beta is 0: it is not read.
  const old = beta === 0 ? 0 : beta * product.c(index, row, column);
  const bias = epilogue.bias ? product.bias(row, column) : 0;
  return {
    value: referenceActivation(epilogue.activation, alpha * sum + old + bias),
    magnitude: Math.abs(alpha) * magnitude + Math.abs(old) + Math.abs(bias),
  };
}

/**
 * One element with every step rounded to float32, the sum in one lane, the depth ascending: the bits that strict gemm kernels give, for
 * activations that are exact (none, relu, relu6).
 */
export function referenceStrictElement(
  product: ReferenceProduct,
  index: number,
  row: number,
  column: number,
): number {
  let sum = 0;
  for (let k = 0; k < product.depth; k++) {
    sum = Math.fround(sum + Math.fround(product.a(index, row, k) * product.b(index, k, column)));
  }
  return finishStrictly(product, sum, index, row, column);
}

/** The same, with the sum in 16 lanes that are added in halves: the bits that strict gemv kernels give. */
export function referenceStrictDot(
  product: ReferenceProduct,
  index: number,
  row: number,
  column: number,
): number {
  const lanes = new Float32Array(16);
  for (let k = 0; k < product.depth; k++) {
    lanes[k % 16] = lanes[k % 16]! + Math.fround(product.a(index, row, k) * product.b(index, k, column));
  }
  for (let half = 8; half >= 1; half /= 2) {
    for (let lane = 0; lane < half; lane++) lanes[lane] = lanes[lane]! + lanes[lane + half]!;
  }
  return finishStrictly(product, lanes[0]!, index, row, column);
}

function finishStrictly(
  { alpha, beta, epilogue, c, bias }: ReferenceProduct,
  sum: number,
  index: number,
  row: number,
  column: number,
): number {
  const { fround } = Math;
  let result = fround(fround(alpha) * sum);
  if (beta !== 0) result = fround(result + fround(fround(beta) * c(index, row, column)));
  if (epilogue.bias) result = fround(result + bias(row, column));
  return fround(referenceActivation(epilogue.activation, result));
}

/** Softmax over a row of float64 values. A NaN makes the whole row NaN. */
export function referenceSoftmaxRow(values: readonly number[]): number[] {
  const largest = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const powers = values.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
