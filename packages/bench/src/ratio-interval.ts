import { type Interval, InvalidArgumentError, quantileOfSorted, Random } from '@qedge/core';
import { requireAtLeast } from './require-at-least.ts';

/** Options of {@link pairedRatioInterval}. */
export interface RatioIntervalOptions {
  /** Probability that the interval covers the true ratio, above 0 and below 1. Default 0.99. */
  readonly confidence?: number;
  /** Bootstrap resamples, at least `1 / (1 - confidence)`. Default 2000. */
  readonly resamples?: number;
  /** Default 1. */
  readonly seed?: number;
}

/**
 * How many times as long as the baseline a candidate takes, from paired observations (one pair per repeat, taken close
 * together in time, so that drift of the machine cancels within a pair).
 *
 * The estimate is the exponential of the 20 % trimmed mean of the log-ratios, which neither a slow repeat nor a scale change
 * of the machine moves; the interval is a studentised bootstrap of it (Tukey and McLaughlin's standard error; Wilcox,
 * Introduction to Robust Estimation, section 4.4), whose coverage holds from 6 pairs on.
 *
 * @param baseline positive times, any unit
 * @param candidate as many positive times, in the same unit and order
 * @throws InvalidArgumentError for fewer than 6 pairs, unequal lengths, times that are not positive and finite, or options out of range.
 */
export function pairedRatioInterval(
  baseline: ArrayLike<number>,
  candidate: ArrayLike<number>,
  options: RatioIntervalOptions = {},
): Interval {
  const { confidence = 0.99, resamples = 2000, seed = 1 } = options;
  if (!(confidence > 0 && confidence < 1)) {
    throw new InvalidArgumentError('A confidence is out of range', {
      expected: 'above 0 and below 1',
      actual: confidence,
    });
  }
  requireAtLeast('resamples', resamples, Math.ceil(1 / (1 - confidence)));
  const logs = logRatios(baseline, candidate);
  const whole = trimmedMean(logs);
  const random = new Random(seed);
  const drawn = new Float64Array(logs.length);
  const pivots: number[] = [];
  for (let resample = 0; resample < resamples; resample++) {
    for (let i = 0; i < drawn.length; i++) drawn[i] = logs[random.integer(logs.length)]!;
    const { mean, standardError } = trimmedMean(drawn);
    // A resample without any spread says nothing about the spread of the estimate.
    if (standardError > 0) pivots.push(Math.abs(mean - whole.mean) / standardError);
  }
  const sorted = Float64Array.from(pivots).sort();
  const half = sorted.length > 0 ? quantileOfSorted(sorted, confidence) * whole.standardError : 0;
  return {
    estimate: Math.exp(whole.mean),
    low: Math.exp(whole.mean - half),
    high: Math.exp(whole.mean + half),
  };
}

function logRatios(baseline: ArrayLike<number>, candidate: ArrayLike<number>): Float64Array {
  if (baseline.length !== candidate.length || baseline.length < 6) {
    throw new InvalidArgumentError('A paired ratio needs pairs', {
      expected: 'at least 6 values on both sides, as many on each',
      actual: [baseline.length, candidate.length],
    });
  }
  return Float64Array.from({ length: baseline.length }, (_, i) => {
    const ratio = candidate[i]! / baseline[i]!;
    if (!(baseline[i]! > 0 && candidate[i]! > 0 && Number.isFinite(ratio))) {
      throw new InvalidArgumentError(`Pair ${i} is not a pair of times`, {
        expected: 'positive finite numbers',
        actual: [baseline[i], candidate[i]],
      });
    }
    return Math.log(ratio);
  });
}

const TRIM = 0.2;

/** The 20 % trimmed mean with its standard error from the winsorised variance. */
function trimmedMean(values: Float64Array): { mean: number; standardError: number } {
  const sorted = values.slice().sort();
  const count = sorted.length;
  const cut = Math.floor(TRIM * count);
  let sum = 0;
  for (let i = cut; i < count - cut; i++) sum += sorted[i]!;
  const mean = sum / (count - 2 * cut);
  const low = sorted[cut]!;
  const high = sorted[count - cut - 1]!;
  // Decided here because rounding in the sums below would leave a tiny error in place of none, and a huge pivot.
  if (low === high) return { mean: low, standardError: 0 };
  let winsorizedSum = 0;
  for (let i = 0; i < count; i++) winsorizedSum += Math.min(high, Math.max(low, sorted[i]!));
  const winsorizedMean = winsorizedSum / count;
  let squares = 0;
  for (let i = 0; i < count; i++) {
    squares += (Math.min(high, Math.max(low, sorted[i]!)) - winsorizedMean) ** 2;
  }
  const deviation = Math.sqrt(squares / (count - 1));
  return { mean, standardError: deviation / ((1 - 2 * TRIM) * Math.sqrt(count)) };
}
