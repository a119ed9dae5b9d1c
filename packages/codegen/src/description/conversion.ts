/**
 * - float32 to and from `float16` (IEEE 754 binary16) and `bfloat16`: to nearest, ties to even; subnormals are kept, a NaN stays a NaN,
 *   too large becomes infinity. Exact on the way back;
 * - `int8` or `uint8` to float32: `(q - zeroPoint) * scale`, one rounding;
 * - float32 to `int8` or `uint8`: `round(x / scale) + zeroPoint`, ties to even, saturated; NaN counts as 0.
 */
export interface ConversionDescription {
  readonly kind: 'conversion';
  /** One of the two is `float32`. */
  readonly from: NumberFormat;
  readonly to: NumberFormat;
  /** Positive. */
  readonly length: number;
}

/** How numbers lie in memory. */
export type NumberFormat = 'float32' | 'float16' | 'bfloat16' | 'int8' | 'uint8';

/**
 * Fields of the argument block of a conversion kernel; scale (float32, positive) and zero point (int32, a number that the
 * format holds) only with int8 and uint8.
 */
export const CONVERSION_ARGUMENTS = { input: 0, output: 1, scale: 2, zeroPoint: 3 } as const;

/** Fields that the argument block of a conversion kernel has. */
export const CONVERSION_ARGUMENT_COUNT = 4;
