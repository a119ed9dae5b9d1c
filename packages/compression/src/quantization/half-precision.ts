// IEEE 754-2019 binary16 on the bits of single numbers: to nearest, ties to even.

const scratch = new DataView(new ArrayBuffer(4));

/** The binary16 nearest to a float32, as an integer 0..65535. Beyond 65,504 it is infinite, a NaN stays one. */
export function halfBits(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = bits >>> 31 ? 0x8000 : 0;
  if (Number.isNaN(value)) return sign | 0x7e00;
  const magnitude = Math.abs(value);
  if (magnitude >= 65520) return sign | 0x7c00;
  const exponent = Math.max(-14, ((bits >>> 23) & 255) - 127);
  const scaled = magnitude * 2 ** (10 - exponent);
  const floor = Math.floor(scaled);
  const rest = scaled - floor;
  const units = rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
  // A fraction that rounds up to the next power of two carries into the exponent.
  return sign | (units + (exponent === -14 ? 0 : (exponent + 14) * 1024));
}

/** The number that a binary16, given as an integer 0..65535, stands for. */
export function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** The number of half precision that is nearest to a float32. */
export function roundToHalf(value: number): number {
  return halfValue(halfBits(value));
}

/** Numbers as bits of half precision, in an array of their own. */
export function toHalfBits(values: ArrayLike<number>): Uint16Array {
  return Uint16Array.from(values, halfBits);
}

/** True when half precision holds every number exactly, the sign of zeros included. */
export function isHalfPrecision(values: Float32Array): boolean {
  return values.every((value) => Object.is(roundToHalf(value), value));
}
