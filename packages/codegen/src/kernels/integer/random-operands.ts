import type { Random } from '@qedge/core';

/** Random numbers are repeated with this period, a prime, so that no stride meets the same number at every step. */
const PERIOD = 8191;

/** Fills with numbers of `draw`, the first {@link PERIOD} repeated: large operands cost no more than a copy. */
export function fillPeriodic(
  values: Uint8Array | Uint16Array | Int8Array | Float32Array,
  draw: () => number,
): void {
  const first = Math.min(PERIOD, values.length);
  for (let i = 0; i < first; i++) values[i] = draw();
  for (let filled = first; filled < values.length; filled *= 2) values.copyWithin(filled, 0, filled);
}

/** Integers from `low` to `high`; a quarter of them are one of the two. */
export function drawCodes(random: Random, low: number, high: number): () => number {
  return () => {
    const roll = random.integer(8);
    if (roll < 2) return roll === 0 ? low : high;
    return low + random.integer(high - low + 1);
  };
}

/** `count` different integers below `limit`, ascending, with the first ones, the last one and all `wanted` among them. */
export function samplePlaces(
  random: Random,
  limit: number,
  count: number,
  wanted: readonly number[],
): readonly number[] {
  if (limit <= count) return Array.from({ length: limit }, (_, i) => i);
  const places = new Set([0, limit - 1, ...wanted.filter((place) => place >= 0 && place < limit)]);
  while (places.size < count) places.add(random.integer(limit));
  return [...places].sort((left, right) => left - right);
}
