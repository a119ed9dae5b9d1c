import {
  type Activation,
  type BatchNormalization,
  CONVOLUTION_ARGUMENT_COUNT,
  CONVOLUTION_ARGUMENTS,
  type ConvolutionDescription,
  convolutionWeightBytes,
  type DepthwiseDescription,
  depthwiseWeightBytes,
  divideConvolution,
  divideRange,
  foldBatchNormalization,
  packConvolutionWeights,
  packDepthwiseWeights,
  planDepthwise,
  type WeightFormat,
  windowOutput,
} from '@qedge/codegen';
import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import {
  type BindingContext,
  blockFields,
  type KernelPart,
  type KernelSteps,
  worthwhileThreads,
} from './binding.ts';
import { checkImages, type ImageOptions, type WindowOptions } from './image.ts';
import { bytesOf, requireDisjoint, requireSize, requireVector } from './operands.ts';
import { divide } from './split-work.ts';

/** What follows a convolution before its result is stored: batch normalisation (folded into the weights), bias, activation. */
export interface ConvolutionEpilogue {
  /** `[outputChannels]`. Copied; any array. */
  readonly bias?: Float32Array;
  /** Parameters `[outputChannels]`; applied to the result with its bias, before the activation. */
  readonly batchNormalization?: BatchNormalization;
  /** Default `none`. */
  readonly activation?: Activation;
}

/** A convolution of images `[batch, height, width, inputChannels]` into `[batch, outputHeight, outputWidth, outputChannels]`. */
export interface ConvolutionOptions extends ImageOptions, WindowOptions, ConvolutionEpilogue {
  readonly outputChannels: number;
  /** Input and output channels are divided into as many groups; default 1. */
  readonly groups?: number;
  /** `[window height, window width, channels / groups, outputChannels]`. Copied; any array. */
  readonly weights: Float32Array;
  /** How weights are stored; narrow ones round to nearest, and are widened when they are read. Default `float32`. */
  readonly weightFormat?: WeightFormat;
  readonly output: Float32Array;
}

/** A convolution of each channel with windows of its own, into `channels * multiplier` channels. */
export interface DepthwiseOptions extends ImageOptions, WindowOptions, ConvolutionEpilogue {
  /** Outputs per channel; default 1. */
  readonly multiplier?: number;
  /** `[window height, window width, channels, multiplier]`. Copied; any array. */
  readonly weights: Float32Array;
  readonly output: Float32Array;
}

/** Checks a convolution and plans its kernels. @throws as `KernelWorkspace.convolution`. */
export function convolutionSteps(context: BindingContext, options: ConvolutionOptions): KernelSteps {
  const { host, tuner } = context;
  const { outputChannels, groups = 1, weightFormat = 'float32' } = options;
  requireSize('outputChannels', outputChannels, 1);
  requireSize('groups', groups, 1);
  if (options.channels % groups !== 0 || outputChannels % groups !== 0) {
    throw new InvalidArgumentError('Groups must divide the channels', {
      expected: `a divisor of ${options.channels} and ${outputChannels}`,
      actual: groups,
    });
  }
  const { batch, input, window } = checkImages(options);
  const request = {
    kind: 'convolution',
    batch,
    input,
    window,
    outputChannels,
    groups,
    weights: weightFormat,
    epilogue: describeEpilogue(options),
    outputRows: { from: 0, count: windowOutput(input, window).height },
    channelRange: { from: 0, count: outputChannels },
  } as const;
  const description = { ...request, blocking: tuner.convolutionBlocking(host, request) };
  return windowSteps(
    context,
    options,
    description,
    outputChannels,
    window.height * window.width * (input.channels / groups),
  );
}

/** Checks a depthwise convolution and plans its kernels. @throws as `KernelWorkspace.depthwise`. */
export function depthwiseSteps(context: BindingContext, options: DepthwiseOptions): KernelSteps {
  const { multiplier = 1 } = options;
  requireSize('multiplier', multiplier, 1);
  const { batch, input, window } = checkImages(options);
  const outputRows = { from: 0, count: windowOutput(input, window).height };
  const request = { batch, input, window, multiplier, epilogue: describeEpilogue(options), outputRows };
  const description = planDepthwise(request, context.host.traits);
  const outputChannels = input.channels * multiplier;
  return windowSteps(context, options, description, outputChannels, window.height * window.width);
}

function describeEpilogue({ bias, batchNormalization, activation = 'none' }: ConvolutionEpilogue) {
  return { bias: bias !== undefined || batchNormalization !== undefined, activation, softmax: false };
}

type WindowKernel = ConvolutionDescription | DepthwiseDescription;

/** @param depth weights per output. */
function windowSteps(
  context: BindingContext,
  options: ConvolutionOptions | DepthwiseOptions,
  whole: WindowKernel,
  outputChannels: number,
  depth: number,
): KernelSteps {
  const { arena } = context;
  const { batch, input, window } = whole;
  const output = windowOutput(input, window);
  const imageElements = output.height * output.width * outputChannels;
  const addresses = {
    input: requireVector(
      arena,
      'input',
      'Float32Array',
      options.input,
      batch * input.height * input.width * input.channels,
    ),
    output: requireVector(arena, 'output', 'Float32Array', options.output, batch * imageElements),
  };
  requireDisjoint(bytesOf('output', options.output), [bytesOf('input', options.input)]);
  const weights = packWeights(context, options, whole, outputChannels, depth);
  const threads = worthwhileThreads(context, 2 * batch * imageElements * depth);
  const strides = { input: input.height * input.width * input.channels * 4, output: imageElements * 4 };
  const parts = divideWindows(whole, threads, context.host.traits.lanes).map(
    ({ description, image }): KernelPart => ({
      description,
      fields: blockFields(CONVOLUTION_ARGUMENT_COUNT, {
        [CONVOLUTION_ARGUMENTS.input]: addresses.input + image * strides.input,
        [CONVOLUTION_ARGUMENTS.weights]: weights,
        [CONVOLUTION_ARGUMENTS.output]: addresses.output + image * strides.output,
      }),
    }),
  );
  return [parts];
}

/** One description per thread: whole images where there are enough of them. `image` is the first that a part reads. */
function divideWindows(
  whole: WindowKernel,
  threads: number,
  lanes: number,
): { readonly description: WindowKernel; readonly image: number }[] {
  if (threads === 1) return [{ description: whole, image: 0 }];
  if (whole.batch >= threads) {
    return divide(whole.batch, threads).map(({ from, count }) => {
      return { description: { ...whole, batch: count }, image: from };
    });
  }
  const descriptions =
    whole.kind === 'convolution'
      ? divideConvolution(whole, threads, lanes)
      : divideRange(whole.outputRows, threads).map((outputRows) => ({ ...whole, outputRows }));
  return descriptions.map((description) => ({ description, image: 0 }));
}

/** Folds, packs and places the weights. @returns their address. */
function packWeights(
  { host, arena }: BindingContext,
  { weights, bias, batchNormalization }: ConvolutionOptions | DepthwiseOptions,
  whole: WindowKernel,
  outputChannels: number,
  depth: number,
): number {
  const { lanes } = host.traits;
  if (!(weights instanceof Float32Array) || weights.length !== depth * outputChannels) {
    throw new ShapeMismatchError('The weights do not fit the convolution', {
      expected: `a Float32Array of ${depth * outputChannels} numbers`,
      actual: `${weights?.constructor.name} of ${weights?.length}`,
    });
  }
  if (bias !== undefined && bias.length !== outputChannels) {
    throw new ShapeMismatchError('bias has the wrong length', {
      expected: outputChannels,
      actual: bias.length,
    });
  }
  if (batchNormalization !== undefined && batchNormalization.mean.length !== outputChannels) {
    throw new ShapeMismatchError('The batch normalisation does not fit the output channels', {
      expected: outputChannels,
      actual: batchNormalization.mean.length,
    });
  }
  const folded =
    batchNormalization === undefined
      ? { weights, bias: bias ?? null }
      : foldBatchNormalization(weights, bias ?? null, batchNormalization);
  const byteLength =
    whole.kind === 'convolution' ? convolutionWeightBytes(whole, lanes) : depthwiseWeightBytes(whole, lanes);
  const { byteOffset, address } = arena.allocate(byteLength, 'packed weights');
  const target = new Uint8Array(arena.memory.buffer, byteOffset, byteLength);
  if (whole.kind === 'convolution') packConvolutionWeights(whole, lanes, folded.weights, folded.bias, target);
  else packDepthwiseWeights(whole, lanes, folded.weights, folded.bias, target);
  return address;
}
