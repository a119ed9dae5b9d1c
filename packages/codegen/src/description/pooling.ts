import type { ImageShape, IndexRange, SlidingWindow } from './window.ts';

/**
 * - `max`: the largest of the cells inside the image. NaNs are passed over, as TensorFlow.js does; a window of NaNs only, or
 *   without a cell in the image, gives -Infinity. Of +0 and -0 the first that is met stays.
 * - `average`: the sum of the cells inside the image (from +0, window rows and columns ascending), divided by their number; a window
 *   without a cell gives NaN. TensorFlow's meaning, and ONNX's with `count_include_pad = 0`;
 * - `average-with-padding`: the same sum divided by all taps of the window; ONNX's with `count_include_pad = 1`.
 *
 * The number that a sum is divided by is a float32: exact up to 2^24.
 */
export type PoolingOperation = 'max' | 'average' | 'average-with-padding';

/**
 * Reduces each channel over a sliding window: images `[batch, height, width, channels]` into
 * `[batch, outputHeight, outputWidth, channels]`, float32. A window as large as the image is global pooling.
 */
export interface PoolingDescription {
  readonly kind: 'pooling';
  readonly operation: PoolingOperation;
  readonly batch: number;
  readonly input: ImageShape;
  readonly window: SlidingWindow;
  /** The output rows that the kernel computes; the others stay as they are. */
  readonly outputRows: IndexRange;
  /** Most output columns that are computed together in registers. */
  readonly tileColumns: number;
}

/** Fields of the argument block of a pooling kernel. */
export const POOLING_ARGUMENTS = { input: 0, output: 1 } as const;

/** Fields that the argument block of a pooling kernel has. */
export const POOLING_ARGUMENT_COUNT = 2;
