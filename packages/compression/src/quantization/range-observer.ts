import type { ValueRange } from './range-coding.ts';

/**
 * Chooses the range that codes are to cover from values that come in parts. The range is `[0, 0]` before the first value, always holds 0 when it
 * is coded, and does not depend on how the values were split into parts (but for the moving average, which is about parts).
 */
export interface RangeObserver {
  /** Takes a part into account; read only, not kept unless stated. @throws NonFiniteValueError for NaN or infinity. */
  observe(values: Float32Array): void;
  /** The range for everything observed. May cost a search. */
  range(): ValueRange;
}

/** An observer that can take over what another one of its kind and settings has seen. */
export interface MergeableObserver<Self> extends RangeObserver {
  /** As if the values of `other` had been observed here; `other` stays as it is. */
  merge(other: Self): void;
}
