import { InvalidArgumentError, NonFiniteValueError } from '@qedge/core';
import { findExtremes } from './finite-values.ts';
import type { ValueRange } from './range-coding.ts';
import type { RangeObserver } from './range-observer.ts';

/**
 * The exponential moving average of the ranges of batches, as in Jacob et al. 2018 (arXiv:1712.05877, section 3.1). The first batch is taken as
 * it is.
 */
export class MovingAverageObserver implements RangeObserver {
  readonly decay: number;
  #range: ValueRange | null = null;

  /** @param decay weight of the past, 0 (only the last batch counts) up to, not including, 1. */
  constructor(decay: number) {
    if (!(decay >= 0 && decay < 1)) {
      throw new InvalidArgumentError('A moving average has an impossible decay', {
        expected: '0 <= decay < 1',
        actual: decay,
      });
    }
    this.decay = decay;
  }

  observe(values: Float32Array): void {
    this.observeRange(findExtremes(values));
  }

  /** Takes the range of one more batch into the average. @throws NonFiniteValueError when training has diverged. */
  observeRange(range: ValueRange): void {
    if (!Number.isFinite(range.min) || !Number.isFinite(range.max)) {
      throw new NonFiniteValueError('Activations are no longer finite', {
        expected: 'finite numbers',
        actual: [range.min, range.max],
        remedy: 'Lower the learning rate.',
      });
    }
    this.#range = this.#range ? averageRanges(this.#range, range, this.decay) : { ...range };
  }

  /** The average so far; `[0, 0]` before the first observation. */
  range(): ValueRange {
    return this.#range ?? { min: 0, max: 0 };
  }
}

/** `decay * past + (1 - decay) * now`, end by end. */
export function averageRanges(past: ValueRange, now: ValueRange, decay: number): ValueRange {
  const mix = (before: number, after: number) => decay * before + (1 - decay) * after;
  return { min: mix(past.min, now.min), max: mix(past.max, now.max) };
}
