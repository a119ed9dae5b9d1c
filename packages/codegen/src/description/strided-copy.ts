import { InvalidArgumentError } from '@qedge/core';
import { requireInteger } from './require-integer.ts';
import { requireKnown } from './require-known.ts';

/** One axis of a box of elements: how many there are, and how far apart they lie in input and output. */
export interface CopyAxis {
  /** Positive. */
  readonly size: number;
  /** Elements from one index to the next in the input; 0 repeats, negative ones reverse. */
  readonly inputStride: number;
  /** Elements from one index to the next in the output; positive. */
  readonly outputStride: number;
}

/**
 * Copies a box of elements from one layout to another: `output[sum(i[a] * outputStride[a])] = input[sum(i[a] * inputStride[a])]` for
 * all indices i. Bits are copied as they are. Serves transpositions, slices, concatenations, padding, broadcasts and filling.
 *
 * No two indices may share a place of the output, which must share no bytes with the input. The order of the axes does not matter;
 * {@link mergeCopyAxes} gives the shortest list.
 */
export interface StridedCopyDescription {
  readonly kind: 'strided-copy';
  readonly elementBytes: 1 | 4;
  /** At most {@link MOST_COPY_AXES}; none copies one element. */
  readonly axes: readonly CopyAxis[];
}

/** Fields of the argument block of a strided copy: the places of the element with all indices 0. */
export const STRIDED_COPY_ARGUMENTS = { input: 0, output: 1 } as const;

/** Fields that the argument block of a strided copy has. */
export const STRIDED_COPY_ARGUMENT_COUNT = 2;

/** Axes that a strided copy may have. */
export const MOST_COPY_AXES = 6;

/** Distances in code are 32-bit. */
const MOST_BYTES = 2 ** 30;

/**
 * The same copy with the fewest axes: those of size 1 are left out, neighbours that lie one after the other in both layouts become
 * one. The first axis has the largest stride in the output, the last one the smallest.
 */
export function mergeCopyAxes(axes: readonly CopyAxis[]): CopyAxis[] {
  const sorted = axes
    .filter(({ size }) => size > 1)
    .toSorted((a, b) => b.outputStride - a.outputStride || b.size - a.size);
  const merged: CopyAxis[] = [];
  for (const axis of sorted) {
    const outer = merged.at(-1);
    if (
      outer !== undefined &&
      outer.inputStride === axis.inputStride * axis.size &&
      outer.outputStride === axis.outputStride * axis.size
    ) {
      merged[merged.length - 1] = { ...axis, size: outer.size * axis.size };
    } else merged.push(axis);
  }
  return merged;
}

/** Elements from the lowest to the highest place of a layout, and how far the first index is from the lowest. */
export function copySpan(
  axes: readonly CopyAxis[],
  side: 'inputStride' | 'outputStride',
): { readonly length: number; readonly first: number } {
  let [low, high] = [0, 0];
  for (const axis of axes) {
    const reach = (axis.size - 1) * axis[side];
    low += Math.min(0, reach);
    high += Math.max(0, reach);
  }
  return { length: high - low + 1, first: 0 - low };
}

/** Refuses what is no copy. @throws InvalidArgumentError. */
export function requireStridedCopy({ elementBytes, axes }: StridedCopyDescription): void {
  requireKnown('size of an element in bytes', elementBytes, [1, 4]);
  if (!Array.isArray(axes) || axes.length > MOST_COPY_AXES) {
    throw new InvalidArgumentError('A strided copy has too many axes', {
      expected: `an array of at most ${MOST_COPY_AXES}`,
      actual: Array.isArray(axes) ? axes.length : typeof axes,
      remedy: 'Merge axes, or copy in parts.',
    });
  }
  for (const { size, inputStride, outputStride } of axes) {
    requireInteger('size of an axis', size, 1);
    requireInteger('stride of the input', inputStride, Number.MIN_SAFE_INTEGER);
    requireInteger('stride of the output', outputStride, 1);
  }
  for (const side of ['inputStride', 'outputStride'] as const) {
    const reach = axes.reduce((sum, axis) => sum + axis.size * Math.abs(axis[side]), 0) * elementBytes;
    if (reach <= MOST_BYTES) continue;
    throw new InvalidArgumentError('A strided copy reaches too far', {
      expected: `at most ${MOST_BYTES} bytes`,
      actual: reach,
      remedy: 'Copy in parts.',
    });
  }
  requireDistinctPlaces(axes);
}

/** Each stride must reach beyond everything that the smaller ones span. */
function requireDistinctPlaces(axes: readonly CopyAxis[]): void {
  let span = 1;
  for (const { size, outputStride } of mergeCopyAxes(axes).reverse()) {
    if (outputStride < span) {
      throw new InvalidArgumentError('A strided copy writes a place twice', {
        expected: `a stride of at least ${span}`,
        actual: outputStride,
      });
    }
    span += (size - 1) * outputStride;
  }
}

/** Canonical text of the axes of a copy. */
export function copyAxesKey(axes: readonly CopyAxis[]): string {
  return axes
    .map(({ size, inputStride, outputStride }) => `${size}_${inputStride}_${outputStride}`)
    .join('x');
}
