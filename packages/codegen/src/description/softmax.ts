import type { RowLayout } from './row-layout.ts';

/**
 * `y[i] = exp(x[i] - max(x)) / sum(exp(x - max(x)))` over each row. Output may be input when the strides agree. A row with a NaN or
 * +Infinity, or of -Infinity only, becomes NaN.
 *
 * The sum runs in 16 lanes (element i in lane i modulo 16), which are then added in halves, on every target: strict hosts give the same
 * bits. Relative error: at most `(|x[i] - max(x)| + width / 16 + ln(width) + 12) * 2^-24`.
 */
export interface SoftmaxDescription extends RowLayout {
  readonly kind: 'softmax';
}

/** Fields of the argument block of a softmax kernel. */
export const SOFTMAX_ARGUMENTS = { input: 0, output: 1 } as const;

/** Fields that the argument block of a softmax kernel has. */
export const SOFTMAX_ARGUMENT_COUNT = 2;
