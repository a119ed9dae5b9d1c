import {
  assertShape,
  elementCount,
  InvalidArgumentError,
  NonFiniteValueError,
  type QuantizationParameters,
  rowMajorStrides,
  type Shape,
} from '@qedge/core';

/** How {@link computeQuantizationParameters} picks the range that the codes cover. */
export interface QuantizationOptions {
  /** Bits per code, 2..8. */
  readonly bits: number;
  /**
   * True: codes in `[-(2^(bits-1)-1), 2^(bits-1)-1]`, zero points 0 (weights).
   * False: codes in `[-2^(bits-1), 2^(bits-1)-1]` with a zero point, so that 0 stays exact (activations).
   */
  readonly symmetric: boolean;
  /** One scale per index of this axis, or null for one scale. */
  readonly axis: number | null;
  /**
   * `min-max`: the range of the values. `mse`: the shrunken range, among 46 between 10 % and 100 % of min-max, with the least
   * squared rounding and clipping error.
   */
  readonly method: 'min-max' | 'mse';
}

/** The integers that codes may take, both ends included. */
export interface CodeRange {
  readonly low: number;
  readonly high: number;
}

const SMALLEST_FLOAT32 = 2 ** -149;
const MSE_CANDIDATES = 46;
const MSE_SMALLEST_FRACTION = 0.1;

/** The integers that `bits`-bit codes may take. Symmetric codes leave the lowest one out, so that negation never overflows. */
export function codeRange(bits: number, symmetric: boolean): CodeRange {
  if (!Number.isInteger(bits) || bits < 2 || bits > 8) {
    throw new InvalidArgumentError('A width of integer codes is out of range', {
      expected: 'an integer number of bits in 2..8',
      actual: bits,
    });
  }
  const high = 2 ** (bits - 1) - 1;
  return { low: symmetric ? -high : -high - 1, high };
}

/**
 * Computes how to code real numbers as integers: `code = clamp(roundHalfEven(value / scale) + zeroPoint)`.
 *
 * The one rule behind quantisation-aware training, post-training quantisation and export, so that what was trained is what is
 * stored. Scales are rounded to float32. A channel of zeros gets scale 1, never 0 (Jacob et al. 2018, arXiv:1712.05877, eq. 1).
 *
 * @param values row-major, of shape `shape`; read only. O(n) for `min-max`, O(46 n) for `mse`.
 * @throws InvalidArgumentError for an impossible width or axis, ShapeMismatchError when `values` does not fill `shape`,
 *   NonFiniteValueError for NaN or infinity.
 */
export function computeQuantizationParameters(
  values: Float32Array,
  shape: Shape,
  options: QuantizationOptions,
): QuantizationParameters {
  const { bits, symmetric, axis, method } = options;
  const range = codeRange(bits, symmetric);
  const { channels, stride } = channelLayout(values.length, shape, axis);
  if (method !== 'min-max' && method !== 'mse') {
    throw new InvalidArgumentError('Unknown way to choose a range', {
      expected: 'min-max, mse',
      actual: String(method),
    });
  }
  const { minima, maxima } = channelExtremes(values, channels, stride);
  const scales = new Float32Array(channels);
  const zeroPoints = new Int32Array(channels);
  for (let channel = 0; channel < channels; channel++) {
    let chosen = affineCode(minima[channel], maxima[channel], range, symmetric);
    if (method === 'mse') {
      const members = channelValues(values, channels, stride, channel);
      chosen = leastSquaresCode(members, minima[channel], maxima[channel], range, symmetric);
    }
    scales[channel] = chosen.scale;
    zeroPoints[channel] = chosen.zeroPoint;
  }
  return { bits, symmetric, scales, zeroPoints, axis };
}

/**
 * How a flat, row-major array falls into channels: element `i` belongs to channel `floor(i / stride) % channels`.
 * @throws InvalidArgumentError or ShapeMismatchError when the axis or the length does not fit.
 */
export function channelLayout(
  length: number,
  shape: Shape,
  axis: number | null,
): { channels: number; stride: number } {
  assertShape([length], [elementCount(shape)], 'The array to quantise');
  if (axis === null) return { channels: 1, stride: Math.max(1, length) };
  if (!Number.isInteger(axis) || axis < 0 || axis >= shape.length) {
    throw new InvalidArgumentError('There is no such axis to quantise along', {
      expected: `an integer in 0..${shape.length - 1}, or null`,
      actual: axis,
    });
  }
  return { channels: shape[axis], stride: rowMajorStrides(shape)[axis] };
}

/** Rounds to the nearest integer, ties to the even one, as IEEE 754 and the float-to-integer instructions do. |value| < 2^51. */
export function roundHalfEven(value: number): number {
  const shift = 6755399441055744; // 1.5 * 2^52: adding it leaves no room for a fraction, and the sum is rounded half to even.
  return value + shift - shift;
}

function channelExtremes(values: Float32Array, channels: number, stride: number) {
  const minima = new Float64Array(channels);
  const maxima = new Float64Array(channels);
  let channel = 0;
  let run = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (!Number.isFinite(value)) {
      throw new NonFiniteValueError('A value cannot be quantised', {
        expected: 'finite numbers',
        actual: `${value} at index ${i}`,
      });
    }
    // 0 is always inside the range, so that it has an exact code.
    if (value < minima[channel]) minima[channel] = value;
    else if (value > maxima[channel]) maxima[channel] = value;
    if (++run === stride) {
      run = 0;
      if (++channel === channels) channel = 0;
    }
  }
  return { minima, maxima };
}

function channelValues(values: Float32Array, channels: number, stride: number, channel: number) {
  const members = new Float32Array(values.length / channels);
  let count = 0;
  for (let start = channel * stride; start < values.length; start += channels * stride) {
    const end = Math.min(start + stride, values.length);
    for (let i = start; i < end; i++) members[count++] = values[i];
  }
  return members;
}

interface AffineCode {
  readonly scale: number;
  readonly zeroPoint: number;
}

function affineCode(min: number, max: number, range: CodeRange, symmetric: boolean): AffineCode {
  const width = symmetric ? Math.max(-min, max) / range.high : (max - min) / (range.high - range.low);
  if (width === 0) return { scale: 1, zeroPoint: symmetric ? 0 : range.low };
  const scale = Math.max(Math.fround(width), SMALLEST_FLOAT32);
  if (symmetric) return { scale, zeroPoint: 0 };
  const zeroPoint = roundHalfEven(range.low - min / scale);
  return { scale, zeroPoint: Math.min(range.high, Math.max(range.low, zeroPoint)) };
}

function leastSquaresCode(
  members: Float32Array,
  min: number,
  max: number,
  range: CodeRange,
  symmetric: boolean,
): AffineCode {
  let best = affineCode(min, max, range, symmetric);
  let leastError = squaredError(members, best, range);
  for (let candidate = MSE_CANDIDATES - 2; candidate >= 0; candidate--) {
    const fraction = MSE_SMALLEST_FRACTION + ((1 - MSE_SMALLEST_FRACTION) * candidate) / (MSE_CANDIDATES - 1);
    const code = affineCode(min * fraction, max * fraction, range, symmetric);
    const error = squaredError(members, code, range);
    if (error < leastError) {
      leastError = error;
      best = code;
    }
  }
  return best;
}

function squaredError(members: Float32Array, { scale, zeroPoint }: AffineCode, range: CodeRange): number {
  let sum = 0;
  for (let i = 0; i < members.length; i++) {
    const code = roundHalfEven(members[i] / scale) + zeroPoint;
    const clamped = Math.min(range.high, Math.max(range.low, code));
    const error = (clamped - zeroPoint) * scale - members[i];
    sum += error * error;
  }
  return sum;
}
