import type { Activation } from './epilogue.ts';

/**
 * - `maximum` is `a < b ? b : a`, `minimum` is `b < a ? b : a`: where one is NaN, or both are zeros, the result is a;
 * - `scale-and-add` is `alpha * a + b`, the product and the sum rounded to float32 each.
 */
export type ElementwiseOperation =
  | 'add'
  | 'subtract'
  | 'multiply'
  | 'divide'
  | 'maximum'
  | 'minimum'
  | 'scale-and-add';

/**
 * `y = activation(a operation b)` on float32 matrices `[rows, width]`. y may be a or b when the strides agree. Strides count
 * elements; arrays without gaps are one row.
 */
export interface ElementwiseDescription {
  readonly kind: 'elementwise';
  readonly operation: ElementwiseOperation;
  /** Positive. */
  readonly rows: number;
  /** Positive. */
  readonly width: number;
  readonly aStride: number;
  /** 0: b is one row `[width]` for all rows. */
  readonly bStride: number;
  readonly outputStride: number;
  readonly activation: Activation;
}

/** Fields of the argument block of an elementwise kernel; alpha, a float32, only for `scale-and-add`. */
export const ELEMENTWISE_ARGUMENTS = { a: 0, b: 1, output: 2, alpha: 3 } as const;

/** Fields that the argument block of an elementwise kernel has. */
export const ELEMENTWISE_ARGUMENT_COUNT = 4;
