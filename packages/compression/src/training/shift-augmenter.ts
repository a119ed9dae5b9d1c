import { elementCount, InvalidArgumentError, type Random } from '@qedge/core';
import type { SampleAugmenter } from './sample-batches.ts';

/** Of one image. */
export type ImageShape =
  | readonly [height: number, width: number]
  | readonly [height: number, width: number, channels: number];

/**
 * Makes a function that copies an image moved by a random whole number of pixels, each of -maxShift..maxShift rows and
 * columns equally likely; pixels that enter are 0. The cheapest augmentation that keeps digits digits.
 *
 * @param imageShape `[height, width]` or `[height, width, channels]`, row-major.
 * @param maxShift pixels, an integer >= 0 and less than height and width.
 * @param random the stream that shifts are drawn from; advanced by two draws per image.
 * @throws InvalidArgumentError for an impossible shape or shift.
 */
export function makeShiftAugmenter(
  imageShape: ImageShape,
  maxShift: number,
  random: Random,
): SampleAugmenter {
  const [height, width, channels = 1] = imageShape;
  const rowLength = width * channels;
  elementCount(imageShape);
  if (!Number.isInteger(maxShift) || maxShift < 0 || maxShift >= Math.min(height, width)) {
    throw new InvalidArgumentError('An image cannot be shifted that far', {
      expected: `an integer in 0..${Math.min(height, width) - 1} pixels`,
      actual: maxShift,
    });
  }
  const choices = 2 * maxShift + 1;
  return (source, sourceOffset, target, targetOffset) => {
    const down = random.integer(choices) - maxShift;
    const right = random.integer(choices) - maxShift;
    target.fill(0, targetOffset, targetOffset + height * rowLength);
    for (let row = Math.max(0, down); row < Math.min(height, height + down); row++) {
      const from = sourceOffset + (row - down) * rowLength + Math.max(0, -right) * channels;
      const length = (width - Math.abs(right)) * channels;
      const to = targetOffset + row * rowLength + Math.max(0, right) * channels;
      for (let column = 0; column < length; column++) target[to + column] = source[from + column];
    }
  };
}
