import type { ActivationQuantization } from '@qedge/core';
import { roundHalfEven } from './code-range.ts';

/**
 * Codes activations as 8-bit codes less their zero point, whole numbers in float32:
 * `clamp(roundHalfEven(fround(x / scale)) + zeroPoint, 0, 255) - zeroPoint`. NaN stays NaN.
 *
 * @param target receives one number per value; may be `values`.
 * @returns how many values were clipped: those whose rounded quotient has no code.
 */
export function centreActivations(
  values: Float32Array,
  { scale, zeroPoint }: ActivationQuantization,
  target: Float32Array,
): number {
  const step = Math.fround(scale);
  const low = -zeroPoint;
  const high = 255 - zeroPoint;
  let clipped = 0;
  for (let i = 0; i < values.length; i++) {
    const code = roundHalfEven(Math.fround(values[i]! / step));
    if (code > high) {
      target[i] = high;
      clipped += 1;
    } else if (code < low) {
      target[i] = low;
      clipped += 1;
    } else target[i] = code;
  }
  return clipped;
}
