import type { ImageShape, SlidingWindow } from './window.ts';

/**
 * What pooling passes back: `gradient` is `[batch, outputHeight, outputWidth, channels]`, the result has the shape of the input.
 * - `max`: each number goes to the first cell of its window, rows then columns, that holds the largest number. NaNs are passed over;
 *   of a window of NaNs nothing is passed back;
 * - `average`: each number, divided by all taps of the window, goes to every cell of the window that lies in the image.
 *
 * A cell that lies in several windows gets their sum, from +0, windows ascending.
 */
export interface PoolingGradientDescription {
  readonly kind: 'pooling-gradient';
  readonly operation: 'max' | 'average';
  readonly batch: number;
  readonly input: ImageShape;
  readonly window: SlidingWindow;
}

/** Fields of the argument block of a pooling gradient; `average` does not read the input. */
export const POOLING_GRADIENT_ARGUMENTS = { input: 0, gradient: 1, output: 2 } as const;

/** Fields that the argument block of a pooling gradient has. */
export const POOLING_GRADIENT_ARGUMENT_COUNT = 3;

/**
 * What a depthwise convolution passes back to its weights: `output[i, j, c] = sum(input[., row, column, c] * gradient[., r, s, c])` over
 * all outputs `[r, s]` of all images, where `[row, column]` is the cell that tap `[i, j]` meets. Sums start at +0 and run over images,
 * rows and columns, ascending, in one accumulator; cells of the padding are skipped.
 */
export interface DepthwiseFilterGradientDescription {
  readonly kind: 'depthwise-filter-gradient';
  readonly batch: number;
  readonly input: ImageShape;
  readonly window: SlidingWindow;
}

/** Fields of the argument block of a depthwise filter gradient; the output is `[window.height, window.width, channels]`. */
export const DEPTHWISE_FILTER_GRADIENT_ARGUMENTS = { input: 0, gradient: 1, output: 2 } as const;

/** Fields that the argument block of a depthwise filter gradient has. */
export const DEPTHWISE_FILTER_GRADIENT_ARGUMENT_COUNT = 3;
