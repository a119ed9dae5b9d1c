import { InvalidArgumentError } from '@qedge/core';
import { requireInteger } from './require-integer.ts';
import { requireKnown } from './require-known.ts';

/**
 * Interpolates float32 images `[batch, inputHeight, inputWidth, channels]` to `[batch, outputHeight, outputWidth, channels]`: each result is
 * the sum over `taps` rows and `taps` columns of the input, weighted with the product of a row's and a column's weight:
 * the columns of a row are summed first. Which ones they are, and what they count, says a table per axis: for each
 * output row (or column) first the `taps` indices, int32, then the `taps` weights, float32. An infinite or NaN element with weight
 * 0 gives a NaN.
 *
 * Indices must lie inside the image: whoever writes the tables sees to that.
 */
export interface ResizeDescription {
  readonly kind: 'resize';
  readonly batch: number;
  readonly inputHeight: number;
  readonly inputWidth: number;
  readonly channels: number;
  readonly outputHeight: number;
  readonly outputWidth: number;
  /** 1: nearest, 2: linear, 4: cubic. */
  readonly taps: 1 | 2 | 4;
  /** Elements from one image of the output to the next: more than one image has where only some of its rows are computed. */
  readonly outputStride: number;
}

/** Fields of the argument block of a resize. */
export const RESIZE_ARGUMENTS = { input: 0, output: 1, rowTable: 2, columnTable: 3 } as const;

/** Fields that the argument block of a resize has. */
export const RESIZE_ARGUMENT_COUNT = 4;

/** Distances in code are 32-bit. */
const MOST_ELEMENTS = 2 ** 28;

/** @throws InvalidArgumentError for what is no resize. */
export function requireResize(description: ResizeDescription): void {
  const { batch, inputHeight, inputWidth, channels, outputHeight, outputWidth, taps, outputStride } =
    description;
  const sizes = { batch, inputHeight, inputWidth, channels, outputHeight, outputWidth };
  for (const [name, size] of Object.entries(sizes)) requireInteger(`${name} of a resize`, size, 1);
  requireKnown('number of taps', taps, [1, 2, 4]);
  requireInteger('stride of the output', outputStride, outputHeight * outputWidth * channels);
  for (const elements of [batch * inputHeight * inputWidth * channels, batch * outputStride]) {
    if (elements <= MOST_ELEMENTS) continue;
    throw new InvalidArgumentError('A resize reaches too far', {
      expected: `at most ${MOST_ELEMENTS} elements`,
      actual: elements,
      remedy: 'Resize in parts.',
    });
  }
}
