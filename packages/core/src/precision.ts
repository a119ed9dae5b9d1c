/**
 * The arithmetic of a model: how wide weights and activations are while it runs.
 *
 * | name | weights | activations | accumulation |
 * |---|---|---|---|
 * | `float32` | float32 | float32 | float32 |
 * | `float16` | float16 | float32 | float32 |
 * | `int8` | int8 | 8-bit integers | int32, exact |
 * | `int4` | int4 | 8-bit integers | int32, exact |
 */
export type Precision = 'float32' | 'float16' | 'int8' | 'int4';

/** Bits per weight and per activation of a precision. */
export interface PrecisionBits {
  readonly weightBits: number;
  readonly activationBits: number;
}

/** Every precision, widest first. */
export const PRECISIONS: readonly Precision[] = ['float32', 'float16', 'int8', 'int4'];

/** Widths of each precision. */
export const PRECISION_BITS: Readonly<Record<Precision, PrecisionBits>> = {
  float32: { weightBits: 32, activationBits: 32 },
  float16: { weightBits: 16, activationBits: 32 },
  int8: { weightBits: 8, activationBits: 8 },
  int4: { weightBits: 4, activationBits: 8 },
};

/** True when `value` names a precision. */
export function isPrecision(value: unknown): value is Precision {
  return typeof value === 'string' && Object.hasOwn(PRECISION_BITS, value);
}
