import { roundTiesToEven } from './narrow-numbers.ts';
import type { Comparison, DotForm, FloatOperation, IntegerOperation, Rounding, Shift } from './target.ts';

/** Float32 operations on single lanes; the caller rounds the result to float32, which is exact for these (no double rounding). */
export const FLOAT_OPERATIONS: Readonly<Record<FloatOperation, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  // Not Math.min and Math.max: those give NaN when either operand is NaN.
  // biome-ignore lint/complexity/useMathMinMax: another result for NaN
  min: (a, b) => (b < a ? b : a),
  // biome-ignore lint/complexity/useMathMinMax: another result for NaN
  max: (a, b) => (a < b ? b : a),
};

/** Comparisons of single lanes. */
export const COMPARISONS: Readonly<Record<Comparison, (a: number, b: number) => boolean>> = {
  equal: (a, b) => a === b,
  less: (a, b) => a < b,
  'less-or-equal': (a, b) => a <= b,
};

/** Integers from single lanes. */
export const ROUNDINGS: Readonly<Record<Rounding, (value: number) => number>> = {
  nearest: (value) => (Math.abs(value) <= 0.5 ? value * 0 : roundTiesToEven(value)),
  floor: Math.floor,
  ceiling: Math.ceil,
};

/** Operations on 32-bit lanes; the caller takes the result modulo 2^32. */
export const INTEGER_OPERATIONS: Readonly<Record<IntegerOperation, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  andNot: (a, b) => ~a & b,
};

/** The exact sum of the products of two lanes. */
export const sumOfProducts: Readonly<Record<DotForm, (a: number, b: number) => number>> = {
  bytes: (a, b) => {
    let sum = 0;
    for (const bit of [0, 8, 16, 24]) sum += ((a >>> bit) & 255) * ((b << (24 - bit)) >> 24);
    return sum;
  },
  words: (a, b) => ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16),
};

/** The nearest value within bounds. */
export function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}

/** The sums of the two halves, each modulo 2^16. */
export function addWords(a: number, b: number): number {
  return ((a + b) & 0xffff) | (((a >>> 16) + (b >>> 16)) << 16);
}

const SIGN_BITS = 0x80808080;

/**
 * Sums of neighbouring products of the bytes of `a`, unsigned, and of `b`, signed; saturated to 16 bits.
 *
 * @throws RangeError where a byte of `a` has more than `unsignedBits` bits.
 */
export function multiplyBytes(a: number, b: number, unsignedBits: number): number {
  if (unsignedBits < 8 && (a & SIGN_BITS) !== 0) {
    throw new RangeError(`A kernel multiplies a byte of ${a} that needs more than ${unsignedBits} bits.`);
  }
  const low = clamp(sumOfProducts.bytes(a & 0xffff, b), -32768, 32767);
  const high = clamp(sumOfProducts.bytes(a >>> 16, b >> 16), -32768, 32767);
  return (low & 0xffff) | (high << 16);
}

/** A lane of 32 bits, or its two halves by themselves, shifted. */
export function shiftLane(shift: Shift, width: 16 | 32, value: number, bits: number): number {
  const apply = (part: number) => {
    if (shift === 'left') return part << bits;
    return shift === 'right-signed' ? part >> bits : part >>> bits;
  };
  if (width === 32) return apply(value);
  const unsigned = shift === 'right-unsigned';
  const low = apply(unsigned ? value & 0xffff : (value << 16) >> 16);
  const high = apply(unsigned ? value >>> 16 : value >> 16);
  return (low & 0xffff) | (high << 16);
}

/** The nearest integer, ties to even. @throws RangeError for a NaN and beyond int32. */
export function toInt32(value: number): number {
  const rounded = roundTiesToEven(value);
  if (rounded >= -(2 ** 31) && rounded < 2 ** 31) return rounded;
  throw new RangeError(`A kernel converts ${value} to int32; kernels clamp first.`);
}
