import type { NarrowFormat } from './target.ts';

// Conversions between float32 and the 16-bit formats on the bits of single numbers: IEEE 754-2019 binary16, and bfloat16, the upper
// half of a binary32. Both round to nearest, ties to even; a NaN stays a (quiet) NaN.

const scratch = new DataView(new ArrayBuffer(4));

function bitsOf(value: number): number {
  scratch.setFloat32(0, value);
  return scratch.getUint32(0);
}

function floatOf(bits: number): number {
  scratch.setUint32(0, bits);
  return scratch.getFloat32(0);
}

/** Bytes per number of a narrow format. */
export const NARROW_BYTES: Readonly<Record<NarrowFormat, 1 | 2>> = {
  int8: 1,
  uint8: 1,
  int16: 2,
  uint16: 2,
  float16: 2,
  bfloat16: 2,
};

/** The value of a binary16, given as an integer 0..65535. */
export function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** The binary16 nearest to a float32, as an integer 0..65535. */
export function float16Bits(value: number): number {
  const sign = bitsOf(value) >>> 31 ? 0x8000 : 0;
  if (Number.isNaN(value)) return sign | 0x7e00;
  const magnitude = Math.abs(value);
  // Half-way between the largest number, 65504, and the next power of two; the tie goes to the even neighbour, infinity.
  if (magnitude >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, (bitsOf(magnitude) >>> 23) - 127);
  const units = roundTiesToEven(magnitude * 2 ** (10 - exponent));
  // A fraction that rounds up to the next power of two carries into the exponent, and a subnormal into the smallest normal.
  return sign | (units + (exponent === -14 ? 0 : (exponent + 14) * 1024));
}

/** The value of a bfloat16, given as an integer 0..65535. */
export function bfloat16Value(bits: number): number {
  return floatOf(bits * 65536);
}

/** The bfloat16 nearest to a float32, as an integer 0..65535. */
export function bfloat16Bits(value: number): number {
  const bits = bitsOf(value);
  if (Number.isNaN(value)) return (bits >>> 16) | 0x40;
  return Math.floor((bits + 0x7fff + ((bits >>> 16) & 1)) / 65536);
}

/** Rounds to the nearest integer, ties to even. */
export function roundTiesToEven(value: number): number {
  const below = Math.floor(value);
  const fraction = value - below;
  if (fraction !== 0.5) return fraction < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}
