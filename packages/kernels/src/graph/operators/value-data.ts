import { elementCount, type ValueSpec } from '@qedge/core';
import { VALUE_ARRAYS, type ValueData } from './operator-definition.ts';

/** Room for a value, all zeros. */
export function newValue({ dtype, shape }: ValueSpec): ValueData {
  return { dtype, shape, data: new VALUE_ARRAYS[dtype](elementCount(shape)) };
}

/** A float32 value with room, and its numbers. */
export function newFloats(shape: readonly number[]): { value: ValueData; data: Float32Array } {
  const data = new Float32Array(elementCount(shape));
  return { value: { dtype: 'float32', shape, data }, data };
}
