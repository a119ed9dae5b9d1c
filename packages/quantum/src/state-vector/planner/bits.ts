/** Number of bits set in a 32-bit word. */
export function countBits(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555);
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333);
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Positions of the bits set in a 32-bit word, ascending. */
export function listBits(word: number): number[] {
  const positions: number[] = [];
  for (let rest = word; rest !== 0; rest &= rest - 1) positions.push(31 - Math.clz32(rest & -rest));
  return positions;
}

/** A word with the lowest `count` bits set, 0..32. */
export function lowBits(count: number): number {
  return count >= 32 ? -1 : (1 << count) - 1;
}

/** Sets the lowest bits, from `first` on, that a word lacks, until it has `size`. */
export function fillWithLowest(word: number, size: number, first: number): number {
  let filled = word;
  for (let bit = first, room = size - countBits(word); room > 0; bit++) {
    if (((filled >>> bit) & 1) !== 0) continue;
    filled |= 1 << bit;
    room--;
  }
  return filled;
}

/** True for an odd number of bits. */
export function isOdd(word: number): boolean {
  let x = word ^ (word >>> 16);
  x ^= x >>> 8;
  x ^= x >>> 4;
  return ((0x6996 >>> (x & 15)) & 1) !== 0;
}
