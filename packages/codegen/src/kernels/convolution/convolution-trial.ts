import type { Random } from '@qedge/core';
import {
  CONVOLUTION_ARGUMENTS,
  type ConvolutionDescription,
  type DepthwiseDescription,
  type WeightFormat,
} from '../../description/convolution.ts';
import type { Epilogue } from '../../description/epilogue.ts';
import type { IndexRange } from '../../description/window.ts';
import { ACTIVATION_ERROR_ULPS, referenceActivation } from '../../reference/activation.ts';
import {
  type OutputPlace,
  type ReferenceConvolution,
  type ReferenceSum,
  referenceConvolutionSum,
} from '../../reference/convolution.ts';
import { bfloat16Bits, bfloat16Value, float16Bits, float16Value } from '../../target/narrow-numbers.ts';
import type { TargetTraits } from '../../target/target.ts';
import type { KernelTrial } from '../kernel-family.ts';
import { type ExpectedOutput, fillRandom, imageTrial } from '../window/image-trial.ts';
import { type WindowGeometry, windowGeometry } from '../window/window-geometry.ts';
import {
  convolutionWeightBytes,
  depthwiseWeightBytes,
  packConvolutionWeights,
  packDepthwiseWeights,
} from './pack-weights.ts';

const UNIT_ROUNDOFF = 2 ** -24;
/** No activation multiplies an error of its argument by more (gelu near 1.4). */
const STEEPEST_ACTIVATION = 1.13;

const inRange = ({ from, count }: IndexRange, index: number) => index >= from && index < from + count;

/** The nearest numbers that the format can hold. */
function roundToFormat(values: Float32Array, format: WeightFormat): Float32Array {
  if (format === 'float32') return values;
  if (format === 'float16') return values.map((value) => float16Value(float16Bits(value)));
  return values.map((value) => bfloat16Value(bfloat16Bits(value)));
}

/** The weights and the bias of a trial, which its packing and its reference both read. */
class TrialWeights {
  weights: Float32Array = new Float32Array(0);
  bias: Float32Array | null = null;

  draw(random: Random, format: WeightFormat, length: number, channels: number, { bias }: Epilogue): void {
    this.weights = roundToFormat(fillRandom(new Float32Array(length), random), format);
    this.bias = bias ? fillRandom(new Float32Array(channels), random) : null;
  }
}

/** What a convolution must give for exact weights. Strict targets give the reference's bits unless the activation approximates. */
function expectOutput(
  sum: ReferenceSum,
  terms: number,
  bias: number | null,
  { activation }: Epilogue,
  { fmaRounding }: TargetTraits,
): ExpectedOutput {
  const strict = fmaRounding === 'twice';
  const [total, magnitude] = [strict ? sum.float32 : sum.float64, sum.magnitude + Math.abs(bias ?? 0)];
  const biased = bias === null ? total : strict ? Math.fround(total + bias) : total + bias;
  // Every product and every addition rounds once; (1 + u)^n - 1 <= 1.01 * n * u for the sizes here.
  const tolerance = strict ? 0 : 1.01 * (terms + 2) * UNIT_ROUNDOFF * magnitude;
  const value = referenceActivation(activation, biased);
  const ulps = ACTIVATION_ERROR_ULPS[activation];
  if (ulps === 0) return { value, tolerance };
  // A unit in the last place is at most twice the unit roundoff times the value, and at least the smallest subnormal number.
  const own = (ulps + 1) * (2 * UNIT_ROUNDOFF * Math.abs(value) + 2 ** -149);
  return { value, tolerance: STEEPEST_ACTIVATION * tolerance + own };
}

/** A convolution of random images with random weights. */
export function convolutionTrial(
  description: ConvolutionDescription,
  traits: TargetTraits,
  effort: 'all' | 'sample',
  seed: number,
): KernelTrial {
  const { batch, input, window, outputChannels, groups, weights, epilogue, outputRows, channelRange } =
    description;
  const depth = (window.height * window.width * input.channels) / groups;
  const geometry = windowGeometry(batch, input, window, outputChannels, outputRows);
  return weightedTrial(description, geometry, traits, effort, seed, {
    outputChannels,
    groups,
    weightBytes: convolutionWeightBytes(description, traits.lanes),
    draw: (drawn, random, packed) => {
      drawn.draw(random, weights, depth * outputChannels, outputChannels, epilogue);
      packConvolutionWeights(description, traits.lanes, drawn.weights, drawn.bias, packed);
    },
    writes: ({ row, channel }) => inRange(outputRows, row) && inRange(channelRange, channel),
  });
}

/** A depthwise convolution of random images with random weights. */
export function depthwiseTrial(
  description: DepthwiseDescription,
  traits: TargetTraits,
  effort: 'all' | 'sample',
  seed: number,
): KernelTrial {
  const { batch, input, window, epilogue, outputRows } = description;
  const { channels } = input;
  const geometry = windowGeometry(batch, input, window, channels, outputRows);
  return weightedTrial(description, geometry, traits, effort, seed, {
    outputChannels: channels,
    groups: channels,
    weightBytes: depthwiseWeightBytes(description, traits.lanes),
    draw: (drawn, random, packed) => {
      drawn.draw(random, 'float32', window.height * window.width * channels, channels, epilogue);
      packDepthwiseWeights(description, traits.lanes, drawn.weights, drawn.bias, packed);
    },
    writes: ({ row }) => inRange(outputRows, row),
  });
}

/** What the trials of both kinds of convolutions differ in. */
interface WeightedKind {
  readonly outputChannels: number;
  readonly groups: number;
  readonly weightBytes: number;
  /** Draws weights and bias and packs them. */
  readonly draw: (drawn: TrialWeights, random: Random, packed: Uint8Array) => void;
  readonly writes: (place: OutputPlace) => boolean;
}

function weightedTrial(
  { batch, input, window, epilogue }: ConvolutionDescription | DepthwiseDescription,
  geometry: WindowGeometry,
  traits: TargetTraits,
  effort: 'all' | 'sample',
  seed: number,
  { outputChannels, groups, weightBytes, draw, writes }: WeightedKind,
): KernelTrial {
  const reference: ReferenceConvolution = { input, window, outputChannels, groups };
  const terms = (window.height * window.width * input.channels) / groups;
  const drawn = new TrialWeights();
  return imageTrial({
    geometry,
    inputShape: [batch, input.height, input.width, input.channels],
    outputShape: [
      batch,
      geometry.outputImageBytes / geometry.outputRowBytes,
      geometry.outputColumns,
      outputChannels,
    ],
    arguments: CONVOLUTION_ARGUMENTS,
    effort,
    seed,
    weightBytes,
    writeWeights: (random, packed) => draw(drawn, random, packed),
    expect: (x, place) => {
      if (!writes(place)) return null;
      const sum = referenceConvolutionSum(reference, x, drawn.weights, place);
      const bias = drawn.bias ? drawn.bias[place.channel]! : null;
      return expectOutput(sum, terms, bias, epilogue, traits);
    },
  });
}
