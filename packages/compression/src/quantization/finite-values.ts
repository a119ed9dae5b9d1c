import { NonFiniteValueError } from '@qedge/core';
import type { ValueRange } from './range-coding.ts';

/** The smallest and the largest value, 0 included. @throws NonFiniteValueError for NaN or infinity, naming the place. */
export function findExtremes(values: Float32Array, from = 0, to = values.length): ValueRange {
  let min = 0;
  let max = 0;
  for (let i = from; i < to; i++) {
    const value = values[i]!;
    // NaN fails both comparisons below, and infinities are found at the end.
    if (value < min) min = value;
    else if (value > max) max = value;
    else if (Number.isNaN(value)) refuse(value, i);
  }
  if (min === Number.NEGATIVE_INFINITY) refuse(min, values.indexOf(min, from));
  if (max === Number.POSITIVE_INFINITY) refuse(max, values.indexOf(max, from));
  return { min, max };
}

function refuse(value: number, index: number): never {
  throw new NonFiniteValueError('A value cannot be quantised', {
    expected: 'finite numbers',
    actual: `${value} at index ${index}`,
  });
}
