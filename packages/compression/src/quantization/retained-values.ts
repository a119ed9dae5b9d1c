import { findExtremes } from './finite-values.ts';
import type { ValueRange } from './range-coding.ts';

/** Copies of everything observed: 4 bytes per value until the observer is dropped. */
export class RetainedValues {
  #parts: Float32Array[] = [];
  #min = 0;
  #max = 0;

  /** @throws NonFiniteValueError for NaN or infinity. */
  observe(values: Float32Array): void {
    const { min, max } = findExtremes(values);
    this.#min = Math.min(this.#min, min);
    this.#max = Math.max(this.#max, max);
    this.#parts.push(values.slice());
  }

  merge(other: RetainedValues): void {
    this.#min = Math.min(this.#min, other.#min);
    this.#max = Math.max(this.#max, other.#max);
    this.#parts.push(...other.#parts);
  }

  /** The smallest and the largest value, 0 included. */
  get extremes(): ValueRange {
    return { min: this.#min, max: this.#max };
  }

  /** Everything, as one array. */
  all(): Float32Array {
    if (this.#parts.length === 1) return this.#parts[0]!;
    const values = new Float32Array(this.#parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.#parts) {
      values.set(part, at);
      at += part.length;
    }
    this.#parts = [values];
    return values;
  }
}
