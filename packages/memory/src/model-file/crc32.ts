/**
 * CRC-32 as in PNG, gzip and IEEE 802.3 (reflected polynomial 0xEDB88320, initial value and final XOR 0xFFFFFFFF), eight bytes per
 * step (Kounavis and Berry 2005, "slicing-by-8").
 *
 * @param previous the checksum of the bytes that come before, to continue it; 0 to start.
 * @returns an unsigned 32-bit integer; `crc32` of the ASCII text `123456789` is 0xCBF43926.
 */
export function crc32(bytes: Uint8Array, previous = 0): number {
  const table = TABLE;
  const sliced = bytes.length - (bytes.length % 8);
  let crc = ~previous;
  let at = 0;
  for (; at < sliced; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      table[1792 + (crc & 255)]! ^
      table[1536 + ((crc >>> 8) & 255)]! ^
      table[1280 + ((crc >>> 16) & 255)]! ^
      table[1024 + (crc >>> 24)]! ^
      table[768 + bytes[at + 4]!]! ^
      table[512 + bytes[at + 5]!]! ^
      table[256 + bytes[at + 6]!]! ^
      table[bytes[at + 7]!]!;
  }
  for (; at < bytes.length; at++) crc = table[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

const TABLE = makeTable();

/** Entry `256 * k + b` is the checksum state of byte `b` followed by `k` zero bytes. */
function makeTable(): Int32Array {
  const table = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let state = byte;
    for (let bit = 0; bit < 8; bit++) state = (state >>> 1) ^ (state & 1 ? 0xedb88320 : 0);
    table[byte] = state;
  }
  for (let at = 256; at < table.length; at++) {
    const shorter = table[at - 256]!;
    table[at] = table[shorter & 255]! ^ (shorter >>> 8);
  }
  return table;
}
