/**
 * Moves bits of 32-bit indices: bit `b` goes to place `places[b]`, nowhere for -1. Works by two tables of half the bits each.
 *
 * @param places as many as the indices have bits, at most 32.
 */
export function bitPermutation(places: ArrayLike<number>): (index: number) => number {
  const lowBits = places.length >>> 1;
  const low = permutationTable(places, 0, lowBits);
  const high = permutationTable(places, lowBits, places.length);
  const mask = 2 ** lowBits - 1;
  return (index) => (low[index & mask]! | high[index >>> lowBits]!) >>> 0;
}

function permutationTable(places: ArrayLike<number>, first: number, end: number): Uint32Array {
  const table = new Uint32Array(2 ** (end - first));
  for (let bit = first; bit < end; bit++) {
    const half = 2 ** (bit - first);
    const moved = places[bit]! < 0 ? 0 : 2 ** places[bit]!;
    for (let i = 0; i < half; i++) table[half + i] = (table[i]! | moved) >>> 0;
  }
  return table;
}
