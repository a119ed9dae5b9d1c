import {
  CONVOLUTION_ARGUMENT_COUNT,
  CONVOLUTION_ARGUMENTS,
  type ConvolutionDescription,
  convolutionWeightBytes,
  type DepthwiseDescription,
  depthwiseWeightBytes,
  divideConvolution,
  divideRange,
  isPointwiseGemm,
  packConvolutionWeights,
  packDepthwiseWeights,
  planDepthwise,
  type WeightFormat,
  windowOutput,
} from '@qedge/codegen';
import { InvalidArgumentError } from '@qedge/core';
import {
  type BindingContext,
  blockFields,
  type KernelPart,
  type KernelSteps,
  worthwhileThreads,
} from './binding.ts';
import {
  type ConvolutionEpilogue,
  type FoldedWeights,
  foldWeights,
  type WeightsAndEpilogue,
} from './convolution-weights.ts';
import { gemmSteps } from './gemm.ts';
import { checkImages, type ImageOptions, type WindowOptions } from './image.ts';
import {
  bytesOf,
  requireDisjoint,
  requireOneOf,
  requireSize,
  requireVector,
  WEIGHT_FORMATS,
} from './operands.ts';
import { PackedMatrix } from './packed-matrix.ts';
import { placePacked } from './packed-weights.ts';
import { divide } from './split-work.ts';

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

/** A convolution whose weights may be known by name. */
export type ConvolutionRequestOptions = Omit<ConvolutionOptions, 'weights'> & WeightsAndEpilogue;

/** Checks a convolution and plans its kernels. @throws as `KernelWorkspace.convolution`. */
export function convolutionSteps(context: BindingContext, options: ConvolutionRequestOptions): KernelSteps {
  const { host, tuner } = context;
  const { outputChannels, groups = 1, weightFormat = 'float32' } = options;
  requireSize('outputChannels', outputChannels, 1);
  requireSize('groups', groups, 1);
  requireOneOf('weightFormat', weightFormat, WEIGHT_FORMATS);
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
  const depth = window.height * window.width * (input.channels / groups);
  const folded = foldWeights(options, outputChannels, depth);
  const images = placeImages(context, options, request, outputChannels);
  if (isPointwiseGemm(request)) return pointwiseSteps(context, options, folded);
  const description = { ...request, blocking: tuner.convolutionBlocking(host, request) };
  return windowSteps(context, description, images, folded);
}

/** Checks a depthwise convolution and plans its kernels. @throws as `KernelWorkspace.depthwise`. */
export function depthwiseSteps(
  context: BindingContext,
  options: Omit<DepthwiseOptions, 'weights'> & WeightsAndEpilogue,
): KernelSteps {
  const { multiplier = 1 } = options;
  requireSize('multiplier', multiplier, 1);
  const { batch, input, window } = checkImages(options);
  const outputRows = { from: 0, count: windowOutput(input, window).height };
  const request = { batch, input, window, multiplier, epilogue: describeEpilogue(options), outputRows };
  const outputChannels = input.channels * multiplier;
  const folded = foldWeights(options, outputChannels, window.height * window.width);
  const images = placeImages(context, options, request, outputChannels);
  // A plan walks over all outputs: only those that have a place.
  const description = planDepthwise(request, context.host.traits);
  return windowSteps(context, description, images, folded);
}

function describeEpilogue({ bias, batchNormalization, activation = 'none' }: ConvolutionEpilogue) {
  return { bias: bias !== undefined || batchNormalization !== undefined, activation, softmax: false };
}

type WindowKernel = ConvolutionDescription | DepthwiseDescription;

/** Addresses of images, and the bytes from one to the next. */
interface PlacedImages {
  readonly input: number;
  readonly output: number;
  readonly inputBytes: number;
  readonly outputBytes: number;
}

function placeImages(
  { arena }: BindingContext,
  { input, output }: { readonly input: Float32Array; readonly output: Float32Array },
  request: Pick<WindowKernel, 'batch' | 'input' | 'window'>,
  outputChannels: number,
): PlacedImages {
  const { batch, input: image, window } = request;
  const size = windowOutput(image, window);
  const inputElements = image.height * image.width * image.channels;
  const outputElements = size.height * size.width * outputChannels;
  const placed = {
    input: requireVector(arena, 'input', 'Float32Array', input, batch * inputElements),
    output: requireVector(arena, 'output', 'Float32Array', output, batch * outputElements),
    inputBytes: inputElements * 4,
    outputBytes: outputElements * 4,
  };
  requireDisjoint(bytesOf('output', output), [bytesOf('input', input)]);
  return placed;
}

function windowSteps(
  context: BindingContext,
  whole: WindowKernel,
  images: PlacedImages,
  folded: FoldedWeights,
): KernelSteps {
  const weights = packWeights(context, folded, whole);
  const threads = worthwhileThreads(context, whole.batch * (images.outputBytes / 4) * 2 * folded.depth);
  const parts = divideWindows(whole, threads, context.host.traits.lanes).map(
    ({ description, image }): KernelPart => ({
      description,
      fields: blockFields(CONVOLUTION_ARGUMENT_COUNT, {
        [CONVOLUTION_ARGUMENTS.input]: images.input + image * images.inputBytes,
        [CONVOLUTION_ARGUMENTS.weights]: weights,
        [CONVOLUTION_ARGUMENTS.output]: images.output + image * images.outputBytes,
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

/** Finds the packed weights, or packs them. @returns their address. */
function packWeights(context: BindingContext, folded: FoldedWeights, whole: WindowKernel): number {
  const { lanes } = context.host.traits;
  const { name, depth, hasBias } = folded;
  const byteLength =
    whole.kind === 'convolution' ? convolutionWeightBytes(whole, lanes) : depthwiseWeightBytes(whole, lanes);
  const cut =
    whole.kind === 'convolution'
      ? `${whole.groups}x${whole.outputChannels} ${whole.weights} ${whole.blocking.tileVectors}`
      : `${whole.input.channels}`;
  const layout = `${whole.kind} ${depth} ${cut} ${lanes} ${hasBias ? 'bias' : 'plain'}`;
  return placePacked(context, { name, layout, byteLength }, (target) => {
    const { weights, bias } = folded.load();
    if (whole.kind === 'convolution') packConvolutionWeights(whole, lanes, weights, bias, target);
    else packDepthwiseWeights(whole, lanes, weights, bias, target);
  });
}

/** A whole convolution of single pixels is a product, whose kernel reads weights in larger blocks. */
function pointwiseSteps(
  context: BindingContext,
  options: ConvolutionRequestOptions,
  folded: FoldedWeights,
): KernelSteps {
  const { batch = 1, height, width, channels, outputChannels, input, output } = options;
  const { weightFormat = 'float32', activation = 'none' } = options;
  const [m, k, n] = [batch * height * width, channels, outputChannels];
  const matrix = folded.name === null ? folded.load().weights : namedMatrix(folded, folded.name);
  const b = PackedMatrix.pack(context, { k, n, b: matrix, format: weightFormat });
  const product = { m, n, k, a: input, b, c: output, activation };
  if (!folded.hasBias) return gemmSteps(context, product);
  const bias = context.arena.array(Float32Array, n, 'a bias');
  bias.set(options.batchNormalization === undefined ? options.bias! : folded.load().bias!);
  return gemmSteps(context, { ...product, bias });
}

function namedMatrix(folded: FoldedWeights, name: string) {
  return { name, load: () => folded.load().weights };
}
