import { type ActivationQuantization, NonFiniteValueError, type QuantizationParameters } from '@qedge/core';
import { codeRange, roundHalfEven } from './code-range.ts';
import type { QuantizationGranularity } from './scale-layout.ts';

/** The smallest and the largest value that codes are to cover. */
export interface ValueRange {
  readonly min: number;
  readonly max: number;
}

/** The width of codes and where they lie. */
export interface CodeFormat {
  /** Bits per code, 1..8. */
  readonly bits: number;
  /**
   * True: codes in `[-(2^(bits-1)-1), 2^(bits-1)-1]`, or -1 and +1 with 1 bit, and zero points 0 (weights).
   * False: codes in `[-2^(bits-1), 2^(bits-1)-1]` with a zero point, so that 0 stays exact (activations); 2 bits at least.
   */
  readonly symmetric: boolean;
}

/** Codes of one range: `code = clamp(roundHalfEven(fround(value / scale)) + zeroPoint)`. */
export interface AffineCode {
  /** A float32 number, positive. */
  readonly scale: number;
  readonly zeroPoint: number;
}

const SMALLEST_FLOAT32 = 2 ** -149;
const SMALLEST_NORMAL_FLOAT32 = 2 ** -126;

/**
 * The scale and zero point that cover a range, widened to hold 0: the rule that every scale goes through (Jacob et al. 2018, arXiv:1712.05877,
 * eq. 1). Scales are rounded to float32 and never 0. An empty range gets scale 1, or at 1 bit, which cannot code a 0, the smallest normal
 * number.
 *
 * @throws InvalidArgumentError for an impossible width, NonFiniteValueError for NaN or infinity.
 */
export function rangeCode(
  { min: least, max: largest }: ValueRange,
  { bits, symmetric }: CodeFormat,
): AffineCode {
  const { low, high } = codeRange(bits, symmetric);
  assertFiniteRange(least, largest);
  const min = Math.min(0, least);
  const max = Math.max(0, largest);
  const width = symmetric ? Math.max(-min, max) / high : (max - min) / (high - low);
  if (width === 0) {
    return { scale: bits === 1 ? SMALLEST_NORMAL_FLOAT32 : 1, zeroPoint: symmetric ? 0 : low };
  }
  const scale = Math.max(Math.fround(width), SMALLEST_FLOAT32);
  if (symmetric) return { scale, zeroPoint: 0 };
  const zeroPoint = roundHalfEven(low - min / scale);
  return { scale, zeroPoint: Math.min(high, Math.max(low, zeroPoint)) };
}

/** The parameters that cover one range per scale. @throws as {@link rangeCode}. */
export function codeRanges(
  ranges: readonly ValueRange[],
  { bits, symmetric }: CodeFormat,
  { axis, groupSize }: QuantizationGranularity,
): QuantizationParameters {
  const scales = new Float32Array(ranges.length);
  const zeroPoints = new Int32Array(ranges.length);
  ranges.forEach((range, at) => {
    const { scale, zeroPoint } = rangeCode(range, { bits, symmetric });
    scales[at] = scale;
    zeroPoints[at] = zeroPoint;
  });
  return { bits, symmetric, scales, zeroPoints, axis, ...(groupSize === undefined ? {} : { groupSize }) };
}

/**
 * The 8-bit unsigned coding of a range of activations: `code = clamp(roundHalfEven(x / scale) + zeroPoint, 0, 255)`.
 * The range is widened to hold 0, which is coded exactly.
 *
 * @throws NonFiniteValueError for NaN or infinity.
 */
export function activationQuantization(range: ValueRange): ActivationQuantization {
  const { scale, zeroPoint } = rangeCode(range, { bits: 8, symmetric: false });
  // The shared rule codes into -128..127; activations use the same codes counted from 0.
  return { scale, zeroPoint: zeroPoint - codeRange(8, false).low };
}

function assertFiniteRange(min: number, max: number): void {
  if (Number.isFinite(min) && Number.isFinite(max)) return;
  throw new NonFiniteValueError('A range cannot be quantised', {
    expected: 'finite numbers',
    actual: [min, max],
    remedy: 'Check the data, or lower the learning rate if training has diverged.',
  });
}
