import { InvalidArgumentError } from '@qedge/core';
import { EntropyObserver } from './entropy-observer.ts';
import { HistogramObserver } from './histogram-observer.ts';
import { MeanSquaredErrorObserver } from './mean-squared-error-observer.ts';
import { MinMaxObserver } from './min-max-observer.ts';
import { OctavObserver } from './octav-observer.ts';
import { PercentileObserver } from './percentile-observer.ts';
import type { CodeFormat } from './range-coding.ts';
import type { RangeObserver } from './range-observer.ts';

/**
 * How a range is chosen from values:
 *
 * - `min-max`: all of them ({@link MinMaxObserver});
 * - `percentile`: without the 0.01 % that lie farthest out ({@link PercentileObserver}, 99.99);
 * - `histogram-l2`: least squared error on a histogram ({@link HistogramObserver});
 * - `entropy`: least Kullback-Leibler divergence ({@link EntropyObserver});
 * - `mse`: least squared error among shrunken ranges ({@link MeanSquaredErrorObserver});
 * - `octav`: Newton's iteration for the least modelled error ({@link OctavObserver}).
 */
export type RangeMethod = 'min-max' | 'percentile' | 'histogram-l2' | 'entropy' | 'mse' | 'octav';

const DEFAULT_PERCENTILE = 99.99;

const MAKERS: Readonly<Record<RangeMethod, (format: CodeFormat) => RangeObserver>> = {
  'min-max': () => new MinMaxObserver(),
  percentile: ({ symmetric }) => new PercentileObserver(DEFAULT_PERCENTILE, symmetric),
  'histogram-l2': (format) => new HistogramObserver(format),
  entropy: (format) => new EntropyObserver(format),
  mse: (format) => new MeanSquaredErrorObserver(format),
  octav: (format) => new OctavObserver(format),
};

/** The names of {@link RangeMethod}. */
export const rangeMethods = Object.keys(MAKERS) as readonly RangeMethod[];

/** An observer that has seen nothing yet. @throws InvalidArgumentError for an unknown method or an impossible width. */
export function createRangeObserver(method: RangeMethod, format: CodeFormat): RangeObserver {
  if (!Object.hasOwn(MAKERS, method)) {
    throw new InvalidArgumentError('Unknown way to choose a range', {
      expected: rangeMethods.join(', '),
      actual: String(method),
    });
  }
  return MAKERS[method](format);
}
