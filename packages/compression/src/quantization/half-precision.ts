import { halfFloatToNumber, numberToHalfFloat } from '@qedge/core';

/** The number of half precision that is nearest to a float32. */
export function roundToHalf(value: number): number {
  return halfFloatToNumber(numberToHalfFloat(value));
}

/** Numbers as bits of half precision, in an array of their own. */
export function toHalfBits(values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from(values, numberToHalfFloat);
}

/** True when half precision holds every number exactly, the sign of zeros included. */
export function isHalfPrecision(values: Float32Array): boolean {
  return values.every((value) => Object.is(roundToHalf(value), value));
}
