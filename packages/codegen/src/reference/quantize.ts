/**
 * Plain-loop meaning of the quantisation of rows. Shares no code with `kernels/`. `f` is `Math.fround`.
 */

const LARGEST_FLOAT32 = (2 - 2 ** -23) * 2 ** 127;
const SMALLEST_NORMAL_FLOAT32 = 2 ** -126;
const LARGEST_ASYMMETRIC = 2 ** 126;

/** The nearest integer; a tie goes to the even one. */
function nearestEven(value: number): number {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/** `clamp(round(f(x / f(scale))), low, high)`; a NaN counts as 0. */
function centredCode(x: number, scale: number, low: number, high: number): number {
  const code = nearestEven(Math.fround(x / Math.fround(scale)));
  return Number.isNaN(code) ? 0 : Math.max(low, Math.min(high, code)) + 0;
}

/** uint8 codes: `clamp(round(f(x / f(scale))) + zeroPoint, 0, 255)`, ties to even; a NaN counts as 0. */
export function referenceQuantize(x: Float32Array, scale: number, zeroPoint: number): Uint8Array {
  return Uint8Array.from(x, (value) => centredCode(value, scale, -zeroPoint, 255 - zeroPoint) + zeroPoint);
}

/** `max(f(min(max |x|, largest float32) / 127), 2^-126)`; a NaN counts as 0. */
export function referenceSymmetricScale(x: Float32Array): number {
  let largest = 0;
  for (const value of x) if (Math.abs(value) > largest) largest = Math.abs(value);
  return Math.max(Math.fround(Math.min(largest, LARGEST_FLOAT32) / 127), SMALLEST_NORMAL_FLOAT32);
}

/** Codes -127..127 with the scale of {@link referenceSymmetricScale}. */
export function referenceQuantizeSymmetric(x: Float32Array): {
  readonly scale: number;
  readonly codes: Int8Array;
} {
  const scale = referenceSymmetricScale(x);
  return { scale, codes: Int8Array.from(x, (value) => centredCode(value, scale, -127, 127)) };
}

/** uint8 codes with a scale and zero point that cover the row and 0. */
export function referenceQuantizeAsymmetric(x: Float32Array): {
  readonly scale: number;
  readonly zeroPoint: number;
  readonly codes: Uint8Array;
} {
  let [low, high] = [0, 0];
  for (const value of x) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  low = Math.max(low, -LARGEST_ASYMMETRIC);
  high = Math.min(high, LARGEST_ASYMMETRIC);
  const scale = Math.max(Math.fround(Math.fround(high - low) / 255), SMALLEST_NORMAL_FLOAT32);
  const zeroPoint = nearestEven(Math.fround(-low / scale)) + 0;
  return { scale, zeroPoint, codes: referenceQuantize(x, scale, zeroPoint) };
}
