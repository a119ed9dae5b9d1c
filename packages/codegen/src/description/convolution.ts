import type { Epilogue } from './epilogue.ts';
import type { ImageShape, IndexRange, SlidingWindow } from './window.ts';

/** How packed weights are stored. The narrow formats are widened to float32 when they are read; sums are float32 in any case. */
export type WeightFormat = 'float32' | 'float16' | 'bfloat16';

/** How a convolution is cut; changes the speed and the code, never the result. */
export interface ConvolutionBlocking {
  /** Most output rows and columns that are computed together in registers; they are divided into tiles that differ by at most one. */
  readonly tileRows: number;
  readonly tileColumns: number;
  /** Vectors of output channels that are computed together: the width of a panel of weights. */
  readonly tileVectors: number;
  /**
   * What the outer loop runs over. `channels`: each panel of weights is read once and the image once per panel; `rows`: each row of the
   * image (of a pointwise window: each tile) is read once and the weights once per row.
   */
  readonly outerLoop: 'channels' | 'rows';
}

/**
 * A convolution (a correlation, as everywhere in machine learning) of images `[batch, height, width, inputChannels]` into
 * `[batch, outputHeight, outputWidth, outputChannels]` with weights `[window.height, window.width, inputChannels / groups,
 * outputChannels]`, then bias and activation.
 *
 * Every sum starts at +0 and runs over window rows, window columns and input channels, ascending, in one accumulator. Cells of the
 * padding are skipped, not multiplied: an infinite weight above the padding adds nothing, where a product with 0 would give NaN.
 * For finite weights there is no difference, not even in signs of zero: a sum that starts at +0 never becomes -0.
 */
export interface ConvolutionDescription {
  readonly kind: 'convolution';
  /** Images per call, 1 or more. */
  readonly batch: number;
  readonly input: ImageShape;
  readonly window: SlidingWindow;
  readonly outputChannels: number;
  /** Input and output channels are divided into as many groups; an output reads the inputs of its own group. */
  readonly groups: number;
  readonly weights: WeightFormat;
  /** Softmax is refused. */
  readonly epilogue: Epilogue;
  /** The output rows that the kernel computes; the others stay as they are. One kernel per thread takes a part of them. */
  readonly outputRows: IndexRange;
  /**
   * The output channels that the kernel computes: all, or, of a convolution with one group, a range that starts at a panel and ends
   * at one or at the last channel.
   */
  readonly channelRange: IndexRange;
  readonly blocking: ConvolutionBlocking;
}

/** Fields of the argument block of convolutions: input, packed weights (bias inside), output. Each the start of the whole. */
export const CONVOLUTION_ARGUMENTS = { input: 0, weights: 1, output: 2 } as const;

/** Fields that the argument block of a convolution has. */
export const CONVOLUTION_ARGUMENT_COUNT = 3;

/**
 * A convolution of every channel with a window of its own, weights `[window.height, window.width, channels]`: sums, padding and
 * arguments as for {@link ConvolutionDescription}. More than one output per channel is a convolution with as many groups as
 * channels.
 */
export interface DepthwiseDescription {
  readonly kind: 'depthwise';
  readonly batch: number;
  readonly input: ImageShape;
  readonly window: SlidingWindow;
  /** Softmax is refused. */
  readonly epilogue: Epilogue;
  readonly outputRows: IndexRange;
  /** Most output columns that are computed together in registers. */
  readonly tileColumns: number;
}

/**
 * Copies the windows of images into rows of a matrix `[batch * outputHeight * outputWidth, window.height * window.width *
 * channels]`, zeros for the padding; a product with the weights as `[height * width * inputChannels, outputChannels]` is then the
 * convolution.
 */
export interface ImageToColumnsDescription {
  readonly kind: 'image-to-columns';
  readonly batch: number;
  readonly input: ImageShape;
  readonly window: SlidingWindow;
}

/** Fields of the argument block of `image-to-columns`. */
export const IMAGE_TO_COLUMNS_ARGUMENTS = { input: 0, output: 1 } as const;
