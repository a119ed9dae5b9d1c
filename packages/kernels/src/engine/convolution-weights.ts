import { type Activation, type BatchNormalization, foldBatchNormalization } from '@qedge/codegen';
import { ShapeMismatchError } from '@qedge/core';
import { isNamed, loadWeights, type WeightOrigin } from './packed-weights.ts';

/** What follows a convolution before its result is stored: batch normalisation (folded into the weights), bias, activation. */
export interface ConvolutionEpilogue {
  /** `[outputChannels]`. Copied; any array. */
  readonly bias?: Float32Array;
  /** Parameters `[outputChannels]`; applied to the result with its bias, before the activation. */
  readonly batchNormalization?: BatchNormalization;
  /** Default `none`. */
  readonly activation?: Activation;
}

/** An epilogue with the weights that it follows. */
export interface WeightsAndEpilogue extends ConvolutionEpilogue {
  readonly weights: WeightOrigin<Float32Array>;
}

/** Weights and bias with the batch normalisation inside. */
export interface FoldedWeights {
  /** Null: they have no name. */
  readonly name: string | null;
  readonly hasBias: boolean;
  /** Weights per output. */
  readonly depth: number;
  /** Weights that are known by name alone are loaded and checked by it. */
  load(): { readonly weights: Float32Array; readonly bias: Float32Array | null };
}

/**
 * Checks the weights of a convolution and folds its batch normalisation into them.
 *
 * @param depth weights per output.
 * @throws ShapeMismatchError where a length does not fit, InvalidArgumentError for an impossible variance.
 */
export function foldWeights(
  options: WeightsAndEpilogue,
  outputChannels: number,
  depth: number,
): FoldedWeights {
  const { weights: origin, bias, batchNormalization } = options;
  const fold = (weights: Float32Array) => {
    requireFit(options, weights, outputChannels, depth);
    if (batchNormalization === undefined) return { weights, bias: bias ?? null };
    return foldBatchNormalization(weights, bias ?? null, batchNormalization);
  };
  const hasBias = bias !== undefined || batchNormalization !== undefined;
  if (isNamed(origin)) {
    return { name: origin.name, hasBias, depth, load: () => fold(loadWeights(origin)) };
  }
  const folded = fold(origin);
  return { name: null, hasBias, depth, load: () => folded };
}

function requireFit(
  { bias, batchNormalization }: ConvolutionEpilogue,
  weights: Float32Array,
  outputChannels: number,
  depth: number,
): void {
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
}
