import { type Activation, type BatchNormalization, foldBatchNormalization } from '@qedge/codegen';
import { ShapeMismatchError } from '@qedge/core';

/** What follows a convolution before its result is stored: batch normalisation (folded into the weights), bias, activation. */
export interface ConvolutionEpilogue {
  /** `[outputChannels]`. Copied; any array. */
  readonly bias?: Float32Array;
  /** Parameters `[outputChannels]`; applied to the result with its bias, before the activation. */
  readonly batchNormalization?: BatchNormalization;
  /** Default `none`. */
  readonly activation?: Activation;
}

/** Weights and bias with the batch normalisation inside. */
export interface FoldedWeights {
  readonly weights: Float32Array;
  readonly bias: Float32Array | null;
  /** Weights per output. */
  readonly depth: number;
}

/**
 * Checks the weights of a convolution and folds its batch normalisation into them.
 *
 * @param depth weights per output.
 * @throws ShapeMismatchError where a length does not fit, InvalidArgumentError for an impossible variance.
 */
export function foldWeights(
  { weights, bias, batchNormalization }: ConvolutionEpilogue & { readonly weights: Float32Array },
  outputChannels: number,
  depth: number,
): FoldedWeights {
  if (!(weights instanceof Float32Array) || weights.length !== depth * outputChannels) {
    throw new ShapeMismatchError('The weights do not fit the convolution', {
      expected: `a Float32Array of ${depth * outputChannels} numbers`,
      actual: `${Object.prototype.toString.call(weights).slice(8, -1)} of ${(weights as { length?: number })?.length}`,
    });
  }
  const lengths = { bias: bias?.length, batchNormalization: batchNormalization?.mean.length };
  for (const [name, length] of Object.entries(lengths)) {
    if (length === undefined || length === outputChannels) continue;
    throw new ShapeMismatchError(`${name} does not fit the output channels`, {
      expected: outputChannels,
      actual: length,
    });
  }
  if (batchNormalization === undefined) return { weights, bias: bias ?? null, depth };
  return { ...foldBatchNormalization(weights, bias ?? null, batchNormalization), depth };
}
