/**
 * Where two arrays of equal length differ, in whole 64-bit words: their byte offsets, rising. Both begin at a multiple of 8 in their
 * buffers, and their lengths are multiples of 8.
 */
export function differingWords(first: Uint8Array, second: Uint8Array): number[] {
  const halves = (bytes: Uint8Array) => new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
  const [one, other] = [halves(first), halves(second)];
  const found: number[] = [];
  for (let index = 0; index < one.length; index += 2) {
    if (one[index] !== other[index] || one[index + 1] !== other[index + 1]) found.push(index * 4);
  }
  return found;
}
