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
  readonly bias: (column: number) => number;
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

/** One element before softmax, in float64. */
export function referenceElement(
  product: ReferenceProduct,
  index: number,
  row: number,
  column: number,
): ReferenceElement {
  const { a, b, alpha, beta, epilogue } = product;
  let sum = 0;
  let magnitude = 0;
  for (let k = 0; k < product.depth; k++) {
    const term = a(index, row, k) * b(index, k, column);
    sum += term;
    magnitude += Math.abs(term);
  }
  // C may hold anything when beta is 0: it is not read.
  const old = beta === 0 ? 0 : beta * product.c(index, row, column);
  const bias = epilogue.bias ? product.bias(column) : 0;
  return {
    value: referenceActivation(epilogue.activation, alpha * sum + old + bias),
    magnitude: Math.abs(alpha) * magnitude + Math.abs(old) + Math.abs(bias),
  };
}

/**
 * One element with every step rounded to float32, the depth ascending: the bits that strict kernels give, for activations that are
 * exact (none, relu, relu6).
 */
export function referenceStrictElement(
  product: ReferenceProduct,
  index: number,
  row: number,
  column: number,
): number {
  const { fround } = Math;
  const { a, b, alpha, beta, epilogue } = product;
  let sum = 0;
  for (let k = 0; k < product.depth; k++) {
    sum = fround(sum + fround(a(index, row, k) * b(index, k, column)));
  }
  sum = fround(fround(alpha) * sum);
  if (beta !== 0) {
    sum = fround(sum + fround(fround(beta) * product.c(index, row, column)));
  }
  if (epilogue.bias) sum = fround(sum + product.bias(column));
  return fround(referenceActivation(epilogue.activation, sum));
}

/** Softmax over a row of float64 values. A NaN makes the whole row NaN. */
export function referenceSoftmaxRow(values: readonly number[]): number[] {
  const largest = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const powers = values.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
