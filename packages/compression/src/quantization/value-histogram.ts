import { findExtremes } from './finite-values.ts';
import type { ValueRange } from './range-coding.ts';

const BINS = 8192;
const HALF = BINS / 2;

/**
 * Counts of values in bins whose width is a power of two, with a bin's edge at 0. When a value falls outside, the width doubles and neighbouring
 * bins merge. So the counts depend on the values alone, not on their order or parts, and histograms merge without error. From the largest
 * magnitude to 0 there are always 2,048 to 4,096 bins. Zeros are counted apart: codes represent them exactly.
 */
export class ValueHistogram {
  readonly #counts = new Float64Array(BINS);
  /** log2 of the width; -Infinity before the first value other than 0. */
  #exponent = Number.NEGATIVE_INFINITY;
  #zeros = 0;
  #min = 0;
  #max = 0;

  /** Bin `i` holds the values in `[(i - halfBins) * width, (i + 1 - halfBins) * width)`, without 0. Read only. */
  get counts(): Float64Array {
    return this.#counts;
  }

  /** Bins on either side of 0. */
  get halfBins(): number {
    return HALF;
  }

  /** 0 before the first value other than 0. */
  get width(): number {
    return 2 ** this.#exponent;
  }

  get zeros(): number {
    return this.#zeros;
  }

  /** The smallest and the largest value seen, 0 included. */
  get extremes(): ValueRange {
    return { min: this.#min, max: this.#max };
  }

  /** @throws NonFiniteValueError for NaN or infinity. */
  observe(values: Float32Array): void {
    const { min, max } = findExtremes(values);
    this.#cover(min, max);
    const counts = this.#counts;
    const width = this.width;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (value === 0) this.#zeros += 1;
      else counts[Math.floor(value / width) + HALF]! += 1;
    }
  }

  merge(other: ValueHistogram): void {
    this.#cover(other.#min, other.#max);
    const doublings = this.#exponent - other.#exponent;
    this.#zeros += other.#zeros;
    if (other.#exponent === Number.NEGATIVE_INFINITY) return;
    for (let i = 0; i < BINS; i++) {
      const count = other.#counts[i]!;
      if (count > 0) this.#counts[Math.floor((i - HALF) / 2 ** doublings) + HALF]! += count;
    }
  }

  /** Widens the bins until both numbers fall into one. */
  #cover(min: number, max: number): void {
    this.#min = Math.min(this.#min, min);
    this.#max = Math.max(this.#max, max);
    if (this.#min === 0 && this.#max === 0) return;
    const needed = smallestExponent(this.#min, this.#max);
    if (needed <= this.#exponent) return;
    if (this.#exponent !== Number.NEGATIVE_INFINITY) this.#mergeBins(needed - this.#exponent);
    this.#exponent = needed;
  }

  #mergeBins(doublings: number): void {
    const before = this.#counts.slice();
    this.#counts.fill(0);
    for (let i = 0; i < BINS; i++) {
      if (before[i]! > 0) this.#counts[Math.floor((i - HALF) / 2 ** doublings) + HALF]! += before[i]!;
    }
  }
}

/** The smallest `e` with `floor(min / 2^e) >= -HALF` and `floor(max / 2^e) < HALF`. */
function smallestExponent(min: number, max: number): number {
  let exponent = Math.ceil(Math.log2(Math.max(-min, max))) - Math.log2(HALF) - 1;
  while (Math.floor(min / 2 ** exponent) < -HALF || Math.floor(max / 2 ** exponent) >= HALF) exponent += 1;
  return exponent;
}
