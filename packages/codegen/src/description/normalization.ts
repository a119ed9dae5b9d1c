import type { Activation } from './epilogue.ts';
import type { RowLayout } from './row-layout.ts';

/**
 * Each row is made to have mean 0 and deviation 1: `y = activation((x - mean) / deviation [* gamma + beta])`, with
 * `variance = mean((x - mean)^2)`, the mean subtracted before squaring. Output may be input when the strides agree.
 *
 * Sums run in 16 lanes (element i in lane i modulo 16), which are then added in halves; the reciprocal of the deviation is multiplied
 * with: strict hosts give the same bits.
 */
export interface RowNormalizationDescription extends RowLayout {
  readonly kind: 'row-normalization';
  /**
   * - `root`: `sqrt(variance + epsilon)`, layer normalisation;
   * - `sum`: `sqrt(variance) + epsilon`, standardisation of samples.
   */
  readonly deviation: 'root' | 'sum';
  /** 0, with which a row of equal numbers becomes NaN, or from 2^-126 to 2^126. */
  readonly epsilon: number;
  /** True: gamma and beta, `[width]` each, are in the argument block. */
  readonly affine: boolean;
  readonly activation: Activation;
}

/** Fields of the argument block of a row normalisation kernel; gamma and beta only with `affine`. */
export const ROW_NORMALIZATION_ARGUMENTS = { input: 0, output: 1, gamma: 2, beta: 3 } as const;

/** Fields that the argument block of a row normalisation kernel has. */
export const ROW_NORMALIZATION_ARGUMENT_COUNT = 4;

/**
 * `y[row, c] = activation(x[row, c] * scale[c] + shift[c])`, the product and the sum rounded to float32 each. A batch normalisation
 * becomes this with `scale = gamma / sqrt(variance + epsilon)` and `shift = beta - mean * scale`. Output may be input when the
 * strides agree.
 */
export interface ChannelScaleDescription extends RowLayout {
  readonly kind: 'channel-scale';
  readonly activation: Activation;
}

/** Fields of the argument block of a channel scaling kernel; scale and shift are `[width]`. */
export const CHANNEL_SCALE_ARGUMENTS = { input: 0, output: 1, scale: 2, shift: 3 } as const;

/** Fields that the argument block of a channel scaling kernel has. */
export const CHANNEL_SCALE_ARGUMENT_COUNT = 4;
