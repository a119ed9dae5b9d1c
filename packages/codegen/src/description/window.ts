import { InvalidArgumentError } from '@qedge/core';
import { requireInteger } from './require-integer.ts';

/** Rows and columns of cells that count as zero (or as absent) around an image. */
export interface Padding {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

export const NO_PADDING: Padding = { top: 0, left: 0, bottom: 0, right: 0 };

/** A window that slides over the rows and columns of an image: its taps, the step, the distance between taps, the padding. */
export interface SlidingWindow {
  readonly height: number;
  readonly width: number;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly dilationHeight: number;
  readonly dilationWidth: number;
  readonly padding: Padding;
}

/** An image `[height, width, channels]`, row-major: the channels of a pixel are neighbours. */
export interface ImageShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** Neighbouring rows (or channels) of an output. */
export interface IndexRange {
  readonly from: number;
  readonly count: number;
}

/** Cells that a window of `taps` covers along one axis. */
export function windowExtent(taps: number, dilation: number): number {
  return (taps - 1) * dilation + 1;
}

/** Positions of a window along one axis; 0 or less when the window is larger than the padded image. */
function positions(
  cells: number,
  taps: number,
  stride: number,
  dilation: number,
  before: number,
  after: number,
) {
  return Math.floor((cells + before + after - windowExtent(taps, dilation)) / stride) + 1;
}

/** Rows and columns of the output of a window; below 1 where the window is larger than the padded image. */
export function windowOutput(
  image: Pick<ImageShape, 'height' | 'width'>,
  window: SlidingWindow,
): { readonly height: number; readonly width: number } {
  const { height, width, strideHeight, strideWidth, dilationHeight, dilationWidth, padding } = window;
  return {
    height: positions(image.height, height, strideHeight, dilationHeight, padding.top, padding.bottom),
    width: positions(image.width, width, strideWidth, dilationWidth, padding.left, padding.right),
  };
}

/** Total padding of one axis for an output of `ceil(cells / stride)`. */
function samePaddingOfAxis(cells: number, taps: number, stride: number, dilation: number): number {
  const outputs = Math.ceil(cells / stride);
  return Math.max(0, (outputs - 1) * stride + windowExtent(taps, dilation) - cells);
}

/**
 * The padding that TensorFlow calls `same` and ONNX `SAME_UPPER`: as many outputs as `ceil(cells / stride)`, an odd cell goes after
 * the image. With `oddCell: 'before'` that of ONNX's `SAME_LOWER`. `valid` is {@link NO_PADDING}.
 */
export function samePadding(
  image: Pick<ImageShape, 'height' | 'width'>,
  window: Omit<SlidingWindow, 'padding'>,
  oddCell: 'after' | 'before' = 'after',
): Padding {
  const rows = samePaddingOfAxis(image.height, window.height, window.strideHeight, window.dilationHeight);
  const columns = samePaddingOfAxis(image.width, window.width, window.strideWidth, window.dilationWidth);
  const first = oddCell === 'after' ? Math.floor : Math.ceil;
  const [top, left] = [first(rows / 2), first(columns / 2)];
  return { top, left, bottom: rows - top, right: columns - left };
}

/** The largest image in bytes: what a displacement of 31 bits reaches. */
const MAX_IMAGE_BYTES = 2 ** 31 - 1;

/** Refuses an image whose bytes do not fit 31 bits. @throws InvalidArgumentError. */
export function requireImage(name: string, { height, width, channels }: ImageShape): void {
  requireInteger(`${name} height`, height, 1);
  requireInteger(`${name} width`, width, 1);
  requireInteger(`${name} channels`, channels, 1);
  if (height * width * channels * 4 <= MAX_IMAGE_BYTES) return;
  throw new InvalidArgumentError(`The ${name} image is too large for one kernel`, {
    expected: `at most ${MAX_IMAGE_BYTES} bytes`,
    actual: height * width * channels * 4,
  });
}

/** Refuses distances that do not fit 31 bits: over the padded image, and one step of the window beyond it. */
function requirePaddedImage({ height, width, channels }: ImageShape, window: SlidingWindow): void {
  const { strideHeight, strideWidth, padding } = window;
  const rows = height + padding.top + padding.bottom + strideHeight;
  const columns = width + padding.left + padding.right + strideWidth;
  if (rows * columns * channels * 4 <= MAX_IMAGE_BYTES) return;
  throw new InvalidArgumentError('The padded image and a step of the window are too large for one kernel', {
    expected: `at most ${MAX_IMAGE_BYTES} bytes`,
    actual: rows * columns * channels * 4,
    remedy: 'Use less padding or smaller steps, or compute the image in parts.',
  });
}

/**
 * Refuses a window that has no output on an image, and what is too large to address: the padded image, or an output of
 * `outputChannels` channels. @throws InvalidArgumentError.
 */
export function requireWindow(image: ImageShape, window: SlidingWindow, outputChannels: number): void {
  requireImage('input', image);
  for (const field of ['height', 'width'] as const) requireInteger(`window ${field}`, window[field], 1);
  for (const field of ['strideHeight', 'strideWidth', 'dilationHeight', 'dilationWidth'] as const) {
    requireInteger(field, window[field], 1);
  }
  for (const side of ['top', 'left', 'bottom', 'right'] as const) {
    requireInteger(`padding ${side}`, window.padding[side], 0);
  }
  const output = windowOutput(image, window);
  if (output.height < 1 || output.width < 1) {
    throw new InvalidArgumentError('The window is larger than the padded image', {
      expected: 'an output of at least 1 x 1',
      actual: `${output.height} x ${output.width}`,
      remedy: 'Use a smaller window or dilation, or more padding.',
    });
  }
  requirePaddedImage(image, window);
  requireImage('output', { ...output, channels: outputChannels });
}

/** Refuses a range outside of `0..total - 1` or without elements. @throws InvalidArgumentError. */
export function requireRange(name: string, { from, count }: IndexRange, total: number): void {
  requireInteger(`first of ${name}`, from, 0);
  requireInteger(`number of ${name}`, count, 1);
  if (from + count <= total) return;
  throw new InvalidArgumentError(`There are fewer ${name}`, {
    expected: `at most ${total}`,
    actual: from + count,
  });
}

/** Canonical text of an image and a window, for keys of kernels. */
export function windowKey({ height, width, channels }: ImageShape, window: SlidingWindow): string {
  const { padding: p } = window;
  return [
    `${height}x${width}x${channels}`,
    `w${window.height}x${window.width}`,
    `s${window.strideHeight}x${window.strideWidth}`,
    `d${window.dilationHeight}x${window.dilationWidth}`,
    `p${p.top}.${p.left}.${p.bottom}.${p.right}`,
  ].join('_');
}
