import { InvalidArgumentError } from '@qedge/core';

/** Per-channel parameters of a batch normalisation, each `[channels]`. */
export interface BatchNormalization {
  /** The scale; null counts as 1. */
  readonly gamma: Float32Array | null;
  /** The shift; null counts as 0. */
  readonly beta: Float32Array | null;
  readonly mean: Float32Array;
  readonly variance: Float32Array;
  /** Added to the variance; positive. */
  readonly epsilon: number;
}

/**
 * Folds `y = gamma * (x - mean) / sqrt(variance + epsilon) + beta`, applied to the outputs of a convolution or product, into its
 * weights and bias. Computed in float64, rounded once.
 *
 * @param weights `[..., channels]`: the output channel is the last axis (for a depthwise convolution, the channel).
 * @param bias `[channels]`, or null for none.
 * @returns new arrays of the same shapes.
 * @throws InvalidArgumentError when a length does not fit, or `variance + epsilon` is not positive.
 */
export function foldBatchNormalization(
  weights: Float32Array,
  bias: Float32Array | null,
  { gamma, beta, mean, variance, epsilon }: BatchNormalization,
): { readonly weights: Float32Array; readonly bias: Float32Array } {
  const channels = mean.length;
  for (const [name, values] of Object.entries({ gamma, beta, mean, variance, bias })) {
    if (values === null || values.length === channels) continue;
    throw new InvalidArgumentError(`The ${name} of a batch normalisation has another length than its mean`, {
      expected: channels,
      actual: values.length,
    });
  }
  if (channels === 0 || weights.length % channels !== 0) {
    throw new InvalidArgumentError('Weights do not end in the channels of their batch normalisation', {
      expected: `a multiple of ${channels}`,
      actual: weights.length,
    });
  }
  const scale = Float64Array.from(variance, (value, channel) => {
    if (!(value + epsilon > 0)) {
      throw new InvalidArgumentError('A batch normalisation needs a positive variance + epsilon', {
        expected: 'above 0',
        actual: value + epsilon,
        facts: { channel },
      });
    }
    return (gamma?.[channel] ?? 1) / Math.sqrt(value + epsilon);
  });
  return {
    weights: weights.map((weight, i) => weight * scale[i % channels]!),
    bias: Float32Array.from(mean, (value, channel) => {
      return ((bias?.[channel] ?? 0) - value) * scale[channel]! + (beta?.[channel] ?? 0);
    }),
  };
}
