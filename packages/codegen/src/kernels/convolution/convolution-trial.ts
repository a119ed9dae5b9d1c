import type { Random } from '@qedge/core';
import {
  CONVOLUTION_ARGUMENTS,
  type ConvolutionDescription,
  type DepthwiseDescription,
  type WeightFormat,
} from '../../description/convolution.ts';
import type { Epilogue } from '../../description/epilogue.ts';
import { type IndexRange, windowOutput } from '../../description/window.ts';
import {
  type ReferenceConvolution,
  type ReferenceSum,
  referenceConvolutionSum,
} from '../../reference/convolution.ts';
import { bfloat16Bits, bfloat16Value, float16Bits, float16Value } from '../../target/narrow-numbers.ts';
import type { TargetTraits } from '../../target/target.ts';
import { UNIT_ROUNDOFF } from '../../target/unit-roundoff.ts';
import { expectActivation } from '../activation/activation-family.ts';
import type { ExpectedElement } from '../elements/array-trial.ts';
import { fillUniform } from '../elements/fill-operands.ts';
import type { KernelTrial } from '../kernel-family.ts';
import { imageTrial } from '../window/image-trial.ts';
import {
  convolutionWeightBytes,
  depthwiseWeightBytes,
  packConvolutionWeights,
  packDepthwiseWeights,
} from './pack-weights.ts';

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
    this.weights = roundToFormat(fillUniform(new Float32Array(length), random), format);
    this.bias = bias ? fillUniform(new Float32Array(channels), random) : null;
  }
}

/** What a convolution must give for exact weights. Strict targets give the reference's bits unless the activation approximates. */
function expectOutput(
  sum: ReferenceSum,
  terms: number,
  bias: number | null,
  { activation }: Epilogue,
  { fmaRounding }: TargetTraits,
): ExpectedElement {
  const strict = fmaRounding === 'twice';
  const [total, magnitude] = [strict ? sum.float32 : sum.float64, sum.magnitude + Math.abs(bias ?? 0)];
  const biased = bias === null ? total : strict ? Math.fround(total + bias) : total + bias;
  // Every product and every addition rounds once: (1 + u)^n - 1 <= n u / (1 - n u).
  const roundings = (terms + 2) * UNIT_ROUNDOFF;
  return expectActivation(activation, biased, strict ? 0 : (roundings / (1 - roundings)) * magnitude);
}

/** A convolution of random images with random weights. */
export function convolutionTrial(
  description: ConvolutionDescription,
  traits: TargetTraits,
  effort: 'all' | 'sample',
  seed: number,
): KernelTrial {
  const { input, window, outputChannels, groups, weights, epilogue, channelRange } = description;
  const depth = (window.height * window.width * input.channels) / groups;
  return weightedTrial(description, traits, effort, seed, {
    outputChannels,
    groups,
    weightBytes: convolutionWeightBytes(description, traits.lanes),
    draw: (drawn, random, packed) => {
      drawn.draw(random, weights, depth * outputChannels, outputChannels, epilogue);
      packConvolutionWeights(description, traits.lanes, drawn.weights, drawn.bias, packed);
    },
    channels: channelRange,
  });
}

/** A depthwise convolution of random images with random weights. */
export function depthwiseTrial(
  description: DepthwiseDescription,
  traits: TargetTraits,
  effort: 'all' | 'sample',
  seed: number,
): KernelTrial {
  const { input, window, epilogue } = description;
  const { channels } = input;
  return weightedTrial(description, traits, effort, seed, {
    outputChannels: channels,
    groups: channels,
    weightBytes: depthwiseWeightBytes(description, traits.lanes),
    draw: (drawn, random, packed) => {
      drawn.draw(random, 'float32', window.height * window.width * channels, channels, epilogue);
      packDepthwiseWeights(description, traits.lanes, drawn.weights, drawn.bias, packed);
    },
    channels: { from: 0, count: channels },
  });
}

/** What the trials of both kinds of convolutions differ in. */
interface WeightedKind {
  readonly outputChannels: number;
  readonly groups: number;
  readonly weightBytes: number;
  /** Draws weights and bias and packs them. */
  readonly draw: (drawn: TrialWeights, random: Random, packed: Uint8Array) => void;
  /** Those that the kernel computes. */
  readonly channels: IndexRange;
}

function weightedTrial(
  { batch, input, window, epilogue, outputRows }: ConvolutionDescription | DepthwiseDescription,
  traits: TargetTraits,
  effort: 'all' | 'sample',
  seed: number,
  { outputChannels, groups, weightBytes, draw, channels }: WeightedKind,
): KernelTrial {
  const reference: ReferenceConvolution = { input, window, outputChannels, groups };
  const terms = (window.height * window.width * input.channels) / groups;
  const output = windowOutput(input, window);
  const drawn = new TrialWeights();
  return imageTrial({
    inputShape: [batch, input.height, input.width, input.channels],
    outputShape: [batch, output.height, output.width, outputChannels],
    computed: { rows: outputRows, channels },
    outside: Number.NaN,
    drawInput: fillUniform,
    arguments: CONVOLUTION_ARGUMENTS,
    effort,
    seed,
    weightBytes,
    writeWeights: (random, packed) => draw(drawn, random, packed),
    expect: (x, place) => {
      const sum = referenceConvolutionSum(reference, x, drawn.weights, place);
      const bias = drawn.bias ? drawn.bias[place.channel]! : null;
      return expectOutput(sum, terms, bias, epilogue, traits);
    },
  });
}
