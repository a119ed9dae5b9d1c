/** Codes of at most 4 bits, two to a byte, the first one in the low half; of an odd number the last half byte is 0. */
export function packNibbles(codes: Int8Array): Uint8Array {
  const packed = new Uint8Array(Math.ceil(codes.length / 2));
  for (let i = 0; i < codes.length; i++) packed[i >> 1]! |= (codes[i]! & 15) << (4 * (i & 1));
  return packed;
}

/** The signed codes that {@link packNibbles} packed. */
export function unpackNibbles(packed: Uint8Array, count: number): Int8Array {
  return Int8Array.from({ length: count }, (_, i) => ((packed[i >> 1]! >> (4 * (i & 1))) << 28) >> 28);
}
