/** How a 16-bit float is made: bits of fraction, and the exponent of its smallest normal number. */
interface HalfFormat {
  readonly fractionBits: number;
  readonly lowestExponent: number;
}

const HALF_FORMATS: Readonly<Record<'float16' | 'bfloat16', HalfFormat>> = {
  float16: { fractionBits: 10, lowestExponent: -14 },
  bfloat16: { fractionBits: 7, lowestExponent: -126 },
};

/** The integer nearest to `x`; of two the even one. */
function nearestEven(x: number): number {
  const below = Math.floor(x);
  const distance = x - below;
  if (distance !== 0.5) return distance < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

/** The value of 16 bits, read as sign, exponent and fraction. */
export function referenceHalfValue(format: 'float16' | 'bfloat16', bits: number): number {
  const { fractionBits, lowestExponent } = HALF_FORMATS[format];
  const sign = bits >= 0x8000 ? -1 : 1;
  const ones = 2 ** (15 - fractionBits) - 1;
  const exponent = Math.floor((bits % 0x8000) / 2 ** fractionBits);
  const fraction = (bits % 2 ** fractionBits) / 2 ** fractionBits;
  if (exponent === ones) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** lowestExponent;
  return sign * (1 + fraction) * 2 ** (lowestExponent + exponent - 1);
}

/** The value of a 16-bit format that a float32 number is rounded to: the nearest, of two the one with the even last bit. */
export function referenceHalfRounded(format: 'float16' | 'bfloat16', x: number): number {
  if (!Number.isFinite(x) || x === 0) return x;
  const { fractionBits, lowestExponent } = HALF_FORMATS[format];
  // A logarithm rounded up to an integer would be one too large.
  const logarithm = Math.floor(Math.log2(Math.abs(x)));
  const exponent = Math.max(lowestExponent, 2 ** logarithm > Math.abs(x) ? logarithm - 1 : logarithm);
  const unit = 2 ** (exponent - fractionBits);
  const rounded = Math.sign(x) * nearestEven(Math.abs(x) / unit) * unit;
  const largest = (2 - 2 ** -fractionBits) * 2 ** (1 - lowestExponent);
  return Math.abs(rounded) > largest ? Math.sign(x) * Number.POSITIVE_INFINITY : rounded;
}

/** `(q - zeroPoint) * scale`, rounded to float32. */
export function referenceDequantized(code: number, scale: number, zeroPoint: number): number {
  return Math.fround((code - zeroPoint) * Math.fround(scale));
}

/** `round(x / scale) + zeroPoint` within the format; the quotient is rounded to float32 first, NaN counts as 0. */
export function referenceQuantized(
  format: 'int8' | 'uint8',
  x: number,
  scale: number,
  zeroPoint: number,
): number {
  const quotient = Math.fround(x / Math.fround(scale));
  if (Number.isNaN(quotient)) return zeroPoint;
  const [least, most] = format === 'int8' ? [-128, 127] : [0, 255];
  if (Math.abs(quotient) > 1000) return quotient < 0 ? least : most;
  return Math.max(least, Math.min(most, nearestEven(quotient) + zeroPoint));
}
