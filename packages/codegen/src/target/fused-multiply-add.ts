const doubleBits = new DataView(new ArrayBuffer(8));

/**
 * `a * b + c` on float32 values, rounded once. The product is exact in float64; the sum is rounded to odd there, so that the
 * final rounding to float32 is the only one that counts (Boldo and Melquiond 2008, "Emulation of a FMA").
 */
export function fusedMultiplyAdd(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  if (!Number.isFinite(sum)) return Math.fround(sum);
  const virtual = sum - product;
  const error = product - (sum - virtual) + (c - virtual);
  if (error === 0) return Math.fround(sum);
  doubleBits.setFloat64(0, sum);
  const bits = doubleBits.getBigInt64(0);
  if ((bits & 1n) === 0n) doubleBits.setBigInt64(0, error > 0 === sum > 0 ? bits + 1n : bits - 1n);
  return Math.fround(doubleBits.getFloat64(0));
}
