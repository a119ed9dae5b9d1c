/**
 * One number per row of a float32 matrix `[rows, width]`:
 * - `sum`: in 16 lanes (element i in lane i modulo 16), which are then added in halves, on every target, so that strict hosts give
 *   the same bits. Error: at most `(width / 16 + 5) * 2^-24` of the sum of magnitudes;
 * - `maximum`: NaNs are passed over, a row of NaNs gives -Infinity; a zero is +0.
 */
export interface ReductionDescription {
  readonly kind: 'reduction';
  readonly operation: 'sum' | 'maximum';
  /** Positive; 1 for a whole array. */
  readonly rows: number;
  /** Positive. */
  readonly width: number;
  /** Elements from one row to the next, at least `width`. */
  readonly inputStride: number;
}

/** Fields of the argument block of a reduction kernel; the output is `[rows]`. */
export const REDUCTION_ARGUMENTS = { input: 0, output: 1 } as const;

/** Fields that the argument block of a reduction kernel has. */
export const REDUCTION_ARGUMENT_COUNT = 2;
