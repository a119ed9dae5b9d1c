import { InvalidArgumentError, type Random } from '@qedge/core';

/**
 * How often each outcome was measured. Keys are written like binary numbers: bit 0 is the rightmost character, as in Qiskit.
 * Outcomes that never occurred are absent; the order of the keys means nothing.
 */
export type SampleCounts = Record<string, number>;

/** Outcomes of measurements on many copies of a state, or of many runs of a circuit. Immutable. */
export class Sample {
  /** Bits of an outcome: classical bits, or qubits where a circuit measures nothing. */
  readonly bitCount: number;
  readonly shots: number;
  /** Distinct outcomes, ascending, `[outcomes, words]`: 32 bits a word, the least significant first. Borrowed. */
  readonly outcomes: Uint32Array;
  /** How often each was seen, `[outcomes]`. Borrowed. */
  readonly frequencies: Uint32Array;
  #counts: SampleCounts | null = null;

  /** Use {@link Sample.fromOutcomes}. */
  private constructor(bitCount: number, outcomes: Uint32Array, frequencies: Uint32Array) {
    this.bitCount = bitCount;
    this.outcomes = outcomes;
    this.frequencies = frequencies;
    this.shots = frequencies.reduce((sum, frequency) => sum + frequency, 0);
  }

  /**
   * Sorts outcomes and adds up equal ones.
   *
   * @param outcomes `[count, max(1, ceil(bitCount / 32))]`.
   * @param frequencies `[count]`.
   */
  static fromOutcomes(bitCount: number, outcomes: Uint32Array, frequencies: Uint32Array): Sample {
    const words = wordCount(bitCount);
    if (outcomes.length !== words * frequencies.length) {
      throw new InvalidArgumentError('Outcomes and their frequencies differ in number', {
        expected: words * frequencies.length,
        actual: outcomes.length,
      });
    }
    if (isSortedAndDistinct(outcomes, words)) return new Sample(bitCount, outcomes, frequencies);
    if (bitCount <= HISTOGRAM_BITS) return Sample.#fromHistogram(bitCount, outcomes, frequencies);
    const order = Uint32Array.from(frequencies, (_, index) => index);
    order.sort((a, b) => compareOutcomes(outcomes, words, a, b));
    const merged = new Uint32Array(outcomes.length);
    const sums = new Uint32Array(frequencies.length);
    let count = 0;
    let previous = -1;
    for (const index of order) {
      if (previous < 0 || compareOutcomes(outcomes, words, previous, index) !== 0) {
        merged.set(outcomes.subarray(words * index, words * (index + 1)), words * count++);
      }
      sums[count - 1] = sums[count - 1]! + frequencies[index]!;
      previous = index;
    }
    return new Sample(bitCount, merged.slice(0, words * count), sums.slice(0, count));
  }

  static #fromHistogram(bitCount: number, outcomes: Uint32Array, frequencies: Uint32Array): Sample {
    const histogram = new Uint32Array(2 ** bitCount);
    for (let i = 0; i < outcomes.length; i++) {
      histogram[outcomes[i]!] = histogram[outcomes[i]!]! + frequencies[i]!;
    }
    const [distinct, sums] = [new Uint32Array(outcomes.length), new Uint32Array(outcomes.length)];
    let count = 0;
    for (let outcome = 0; outcome < histogram.length; outcome++) {
      if (histogram[outcome] === 0) continue;
      distinct[count] = outcome;
      sums[count++] = histogram[outcome]!;
    }
    return new Sample(bitCount, distinct.slice(0, count), sums.slice(0, count));
  }

  /** Frequencies by bit string, the highest bit first. Made on first use; for a million outcomes that takes longer than sampling. */
  get counts(): SampleCounts {
    if (this.#counts === null) {
      this.#counts = {};
      this.frequencies.forEach((frequency, index) => {
        this.#counts![this.outcomeText(index)] = frequency;
      });
    }
    return this.#counts;
  }

  /** The bit string of distinct outcome number `index`. */
  outcomeText(index: number): string {
    const words = wordCount(this.bitCount);
    let text = '';
    for (let word = 0; word < words; word++) {
      const width = Math.min(32, this.bitCount - 32 * word);
      if (width <= 0) break;
      text = this.outcomes[words * index + word]!.toString(2).padStart(width, '0') + text;
    }
    return text;
  }

  /**
   * What these shots say of some bits alone: bit `i` of the new outcomes is bit `bits[i]` of these.
   *
   * @throws InvalidArgumentError for bits that are not there.
   */
  marginal(bits: readonly number[]): Sample {
    for (const bit of bits) {
      if (Number.isInteger(bit) && bit >= 0 && bit < this.bitCount) continue;
      throw new InvalidArgumentError('The sample has no such bit', {
        expected: `an integer in 0..${this.bitCount - 1}`,
        actual: bit,
      });
    }
    const words = wordCount(this.bitCount);
    const newWords = wordCount(bits.length);
    const outcomes = new Uint32Array(newWords * this.frequencies.length);
    for (let index = 0; index < this.frequencies.length; index++) {
      bits.forEach((bit, place) => {
        const isSet = (this.outcomes[words * index + (bit >>> 5)]! >>> (bit & 31)) & 1;
        if (isSet === 1) {
          const at = newWords * index + (place >>> 5);
          outcomes[at] = (outcomes[at]! | (1 << (place & 31))) >>> 0;
        }
      });
    }
    return Sample.fromOutcomes(bits.length, outcomes, this.frequencies);
  }

  /** One bit string for every shot, in an order drawn from `random` (shots are exchangeable). */
  memory(random: Random): string[] {
    const texts: string[] = [];
    this.frequencies.forEach((frequency, index) => {
      const text = this.outcomeText(index);
      for (let i = 0; i < frequency; i++) texts.push(text);
    });
    return random.shuffle(texts);
  }
}

/** Outcomes of up to so many bits are added up in a table of all outcomes (64 MiB) instead of being sorted. */
const HISTOGRAM_BITS = 24;

/** Words of 32 bits that hold an outcome. */
export function wordCount(bitCount: number): number {
  return Math.max(1, Math.ceil(bitCount / 32));
}

function compareOutcomes(outcomes: Uint32Array, words: number, a: number, b: number): number {
  for (let word = words - 1; word >= 0; word--) {
    const difference = outcomes[words * a + word]! - outcomes[words * b + word]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

function isSortedAndDistinct(outcomes: Uint32Array, words: number): boolean {
  const count = outcomes.length / words;
  for (let index = 1; index < count; index++) {
    if (compareOutcomes(outcomes, words, index - 1, index) >= 0) return false;
  }
  return true;
}
