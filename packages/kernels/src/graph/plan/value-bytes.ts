import { elementCount, type ValueSpec } from '@qedge/core';
import { VALUE_ARRAYS } from '../operators/operator-definition.ts';

/** Bytes that a value takes, without padding. */
export function valueByteLength({ dtype, shape }: ValueSpec): number {
  return elementCount(shape) * VALUE_ARRAYS[dtype].BYTES_PER_ELEMENT;
}
