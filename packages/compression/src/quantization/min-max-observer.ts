import { findExtremes } from './finite-values.ts';
import type { ValueRange } from './range-coding.ts';
import type { MergeableObserver } from './range-observer.ts';

/** The smallest and the largest value seen. */
export class MinMaxObserver implements MergeableObserver<MinMaxObserver> {
  #min = 0;
  #max = 0;

  observe(values: Float32Array): void {
    const { min, max } = findExtremes(values);
    this.#min = Math.min(this.#min, min);
    this.#max = Math.max(this.#max, max);
  }

  merge(other: MinMaxObserver): void {
    this.#min = Math.min(this.#min, other.#min);
    this.#max = Math.max(this.#max, other.#max);
  }

  range(): ValueRange {
    return { min: this.#min, max: this.#max };
  }
}
