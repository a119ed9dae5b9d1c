/**
 * Finds the `count` smallest of some numbers, of equal ones those with the lowest index, in O(n).
 *
 * @param values finite or infinite, no NaN; -0 equals 0.
 * @param count an integer, 0..values.length
 * @returns 0 at each of them and 1 elsewhere.
 */
export function selectSmallest(values: Float32Array, count: number): Uint8Array {
  const mask = new Uint8Array(values.length).fill(1);
  if (count === 0) return mask;
  const keys = orderedKeys(values);
  const { key: threshold, ties } = selectRank(keys, count);
  let tiesLeft = ties;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    if (key < threshold || (key === threshold && tiesLeft-- > 0)) mask[i] = 0;
  }
  return mask;
}

/** Unsigned integers in the order of the numbers: the bit pattern, turned over for negative ones. */
function orderedKeys(values: Float32Array): Uint32Array {
  const keys = new Uint32Array(values.length);
  const numbers = new Float32Array(keys.buffer);
  // Adding 0 makes -0 into 0.
  for (let i = 0; i < values.length; i++) numbers[i] = values[i]! + 0;
  for (let i = 0; i < keys.length; i++) {
    const bits = keys[i]!;
    keys[i] = bits >>> 31 ? ~bits : bits | 0x80000000;
  }
  return keys;
}

/** The `rank`-th smallest key (from 1) and how many keys equal to it are among the `rank` smallest: two counting passes over 16 bits each. */
function selectRank(keys: Uint32Array, rank: number): { key: number; ties: number } {
  const counts = new Uint32Array(65536);
  for (let i = 0; i < keys.length; i++) counts[keys[i] >>> 16]++;
  let left = rank;
  let high = 0;
  while (counts[high] < left) left -= counts[high++];
  counts.fill(0);
  for (let i = 0; i < keys.length; i++) if (keys[i] >>> 16 === high) counts[keys[i] & 0xffff]++;
  let low = 0;
  while (counts[low] < left) left -= counts[low++];
  return { key: high * 65536 + low, ties: left };
}
