/** Bytes that `count` codes of `bits` bits occupy without gaps. */
export function packedByteLength(count: number, bits: number): number {
  return Math.ceil((count * bits) / 8);
}

/**
 * Writes the low `bits` bits of every code one after the other, least significant bit first (the order of DEFLATE): code `i` begins
 * at bit `i * bits`, bit `j` of the stream is bit `j % 8` of byte `floor(j / 8)`. Unused bits at the end are 0.
 *
 * One bit of signed codes stands for -1 (0) or +1 (1).
 *
 * @param bits 1..8.
 */
export function packCodes(codes: Int8Array | Uint8Array, bits: number): Uint8Array {
  const packed = new Uint8Array(packedByteLength(codes.length, bits));
  const mask = (1 << bits) - 1;
  const binary = bits === 1 && codes instanceof Int8Array;
  let pending = 0;
  let pendingBits = 0;
  let at = 0;
  for (let i = 0; i < codes.length; i++) {
    pending |= (binary ? (codes[i]! + 1) >> 1 : codes[i]! & mask) << pendingBits;
    pendingBits += bits;
    if (pendingBits >= 8) {
      packed[at++] = pending;
      pending >>>= 8;
      pendingBits -= 8;
    }
  }
  if (pendingBits > 0) packed[at] = pending;
  return packed;
}

/**
 * Reads what {@link packCodes} wrote. Codes are sign-extended when `codes` is an `Int8Array`.
 *
 * @param packed at least `packedByteLength(codes.length, bits)` bytes; borrowed.
 * @param codes filled completely.
 */
export function unpackCodes<Codes extends Int8Array | Uint8Array>(
  packed: Uint8Array,
  bits: number,
  codes: Codes,
): Codes {
  const mask = (1 << bits) - 1;
  const signShift = codes instanceof Int8Array ? 32 - bits : 0;
  const binary = bits === 1 && codes instanceof Int8Array;
  let pending = 0;
  let pendingBits = 0;
  let at = 0;
  for (let i = 0; i < codes.length; i++) {
    if (pendingBits < bits) {
      pending |= packed[at++]! << pendingBits;
      pendingBits += 8;
    }
    codes[i] = binary ? 2 * (pending & 1) - 1 : ((pending & mask) << signShift) >> signShift;
    pending >>>= bits;
    pendingBits -= bits;
  }
  return codes;
}
