import { ADAPTATION } from './logistic-tables.ts';

/**
 * Adaptive probabilities of a 1 live in an `Int32Array`, one per context: the upper 22 bits are the probability, the lower 10 count the bits
 * seen. The step shrinks as `1 / (n + 1.5)`, until the count reaches a limit. 0 marks a context that was not seen.
 */

/** A slot without experience whose probability is `probability / 65536`. */
export function freshSlot(probability: number): number {
  return probability << 16;
}

/** Moves the probability of slot `at` towards `bit`. @param limit of the count, below 1024. */
export function adaptSlot(slots: Int32Array, at: number, bit: number, limit: number): void {
  const slot = slots[at]!;
  const count = slot & 1023;
  const step = Math.imul(((bit << 22) - (slot >>> 10)) >> 3, ADAPTATION[count]!) & ~1023;
  slots[at] = slot + step + (count < limit ? 1 : 0);
}
