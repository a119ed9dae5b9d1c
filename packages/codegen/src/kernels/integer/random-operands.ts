import type { Random } from '@qedge/core';
import { drawnLength, repeatFirst } from '../elements/fill-operands.ts';

/** Fills with numbers of `draw`, the first ones repeated: large operands cost no more than a copy. */
export function fillPeriodic(
  values: Uint8Array | Uint16Array | Int8Array | Float32Array,
  draw: () => number,
): void {
  const first = drawnLength(values.length);
  for (let i = 0; i < first; i++) values[i] = draw();
  repeatFirst(values, first);
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
