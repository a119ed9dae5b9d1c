import { elementCount, type QuantizationParameters, type Shape } from '@qedge/core';

/** How many scales a tensor of this shape has: one, one per index of the axis, or per group of rows and column. */
export function scaleCount(
  { axis, groupSize }: Pick<QuantizationParameters, 'axis' | 'groupSize'>,
  shape: Shape,
): number {
  if (axis === null) return 1;
  const channels = shape[axis]!;
  if (groupSize === undefined || channels === 0) return channels;
  return channels * Math.ceil(elementCount(shape) / channels / groupSize);
}
