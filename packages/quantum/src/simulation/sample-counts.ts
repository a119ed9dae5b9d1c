/**
 * How often each outcome was measured. Keys are written like binary numbers: bit 0 is the rightmost character, as in Qiskit.
 * Outcomes that never occurred are absent; the order of the keys means nothing.
 */
export type SampleCounts = Record<string, number>;

/** The bits of an index as a string of `width` characters, bit 0 rightmost. */
export function formatBits(index: number, width: number): string {
  return width === 0 ? '' : index.toString(2).padStart(width, '0');
}

/** Counts outcomes, which are formatted once each; outcomes that read the same are added up. */
export function countOutcomes<T>(outcomes: Iterable<T>, format: (outcome: T) => string): SampleCounts {
  const counts = new Map<T, number>();
  for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  const texts: SampleCounts = {};
  for (const [outcome, count] of counts) {
    const text = format(outcome);
    texts[text] = (texts[text] ?? 0) + count;
  }
  return texts;
}
