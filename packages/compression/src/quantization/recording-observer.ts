import type { ValueRange } from './range-coding.ts';
import type { MergeableObserver } from './range-observer.ts';

/** What an observer keeps of values: copies, or counts. */
export interface ValueRecord<Self> {
  /** @throws NonFiniteValueError for NaN or infinity. */
  observe(values: Float32Array): void;
  merge(other: Self): void;
}

/** An observer that keeps a record of the values and chooses the range from it whenever it is asked. */
export abstract class RecordingObserver<Values extends ValueRecord<Values>>
  implements MergeableObserver<RecordingObserver<Values>>
{
  readonly #values: Values;

  constructor(values: Values) {
    this.#values = values;
  }

  observe(values: Float32Array): void {
    this.#values.observe(values);
  }

  merge(other: this): void {
    this.#values.merge(other.#values);
  }

  range(): ValueRange {
    return this.chooseRange(this.#values);
  }

  protected abstract chooseRange(values: Values): ValueRange;
}
