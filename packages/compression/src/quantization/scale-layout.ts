import { assertShape, elementCount, InvalidArgumentError, rowMajorStrides, type Shape } from '@qedge/core';

/** Which elements of a tensor share a scale. */
export interface QuantizationGranularity {
  /** One scale per index of this axis, or null for one scale. */
  readonly axis: number | null;
  /** Only for a matrix `[rows, outputs]` with `axis` 1: every so many rows of a column share a scale; an integer >= 1. */
  readonly groupSize?: number;
}

/**
 * A flat, row-major array seen as `[outer, channels, stride]`: the element at `(o, c, s)` has the scale number
 * `floor(o / groupSize) * channels + c`.
 */
export interface ScaleLayout {
  readonly outer: number;
  readonly channels: number;
  readonly stride: number;
  readonly groupSize: number;
  readonly scaleCount: number;
}

/** @throws InvalidArgumentError or ShapeMismatchError when the axis, the group or the length does not fit. */
export function scaleLayout(
  length: number,
  shape: Shape,
  { axis, groupSize }: QuantizationGranularity,
): ScaleLayout {
  assertShape([length], [elementCount(shape)], 'The array to quantise');
  if (groupSize !== undefined) return groupLayout(shape, axis, groupSize);
  if (axis === null) {
    return { outer: 1, channels: 1, stride: Math.max(1, length), groupSize: 1, scaleCount: 1 };
  }
  if (!Number.isInteger(axis) || axis < 0 || axis >= shape.length) {
    throw new InvalidArgumentError('There is no such axis to quantise along', {
      expected: `an integer in 0..${shape.length - 1}, or null`,
      actual: axis,
    });
  }
  const channels = shape[axis]!;
  const outer = elementCount(shape.slice(0, axis));
  const stride = rowMajorStrides(shape)[axis]!;
  return { outer, channels, stride, groupSize: Math.max(1, outer), scaleCount: channels };
}

function groupLayout(shape: Shape, axis: number | null, groupSize: number): ScaleLayout {
  if (shape.length !== 2 || axis !== 1) {
    throw new InvalidArgumentError('Groups of rows need a matrix', {
      expected: 'a shape [rows, outputs] and axis 1',
      actual: `a shape of ${shape.length} axes and axis ${axis}`,
    });
  }
  if (!Number.isSafeInteger(groupSize) || groupSize < 1) {
    throw new InvalidArgumentError('A group of rows has an impossible size', {
      expected: 'an integer >= 1',
      actual: groupSize,
    });
  }
  const [outer, channels] = [shape[0]!, shape[1]!];
  const groups = Math.max(1, Math.ceil(outer / groupSize));
  return { outer, channels, stride: 1, groupSize, scaleCount: groups * channels };
}

/** Calls `use` for every run of neighbouring elements that share a scale. */
export function forEachScaleRun(
  { outer, channels, stride, groupSize }: ScaleLayout,
  use: (scale: number, from: number, to: number) => void,
): void {
  let from = 0;
  for (let o = 0; o < outer; o++) {
    const first = Math.floor(o / groupSize) * channels;
    for (let channel = 0; channel < channels; channel++) {
      use(first + channel, from, from + stride);
      from += stride;
    }
  }
}
