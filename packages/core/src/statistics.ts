import { InvalidArgumentError } from './errors.ts';

/** Order statistics of a set of numbers. */
export interface Summary {
  readonly count: number;
  readonly mean: number;
  /** Sample standard deviation (n - 1); 0 for one value. */
  readonly standardDeviation: number;
  readonly min: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
}

/** An interval with the value it surrounds. */
export interface Interval {
  readonly estimate: number;
  readonly low: number;
  readonly high: number;
}

/**
 * The `fraction` quantile of values sorted in ascending order, by linear interpolation between closest ranks
 * (Hyndman and Fan 1996, type 7, the default of R and numpy).
 *
 * @param fraction 0..1
 * @throws InvalidArgumentError when there are no values or the fraction is outside 0..1.
 */
export function quantileOfSorted(sorted: ArrayLike<number>, fraction: number): number {
  if (sorted.length === 0)
    throw new InvalidArgumentError('A quantile needs values', { expected: 'at least one', actual: 'none' });
  if (!(fraction >= 0 && fraction <= 1)) {
    throw new InvalidArgumentError('A quantile is a fraction', { expected: '0..1', actual: fraction });
  }
  const rank = (sorted.length - 1) * fraction;
  const below = Math.floor(rank);
  const lower = sorted[below]!;
  const upper = sorted[Math.min(below + 1, sorted.length - 1)]!;
  // Without these cases an infinite neighbour of weight 0, or two equal infinities, would give NaN.
  return rank === below || lower === upper ? lower : lower + (rank - below) * (upper - lower);
}

/** Summary of values in any order; the input is not changed. @throws InvalidArgumentError when empty or when a value is NaN. */
export function summarize(values: ArrayLike<number>): Summary {
  const sorted = Float64Array.from(values).sort();
  const count = sorted.length;
  if (count === 0)
    throw new InvalidArgumentError('A summary needs values', { expected: 'at least one', actual: 'none' });
  if (Number.isNaN(sorted[count - 1])) {
    throw new InvalidArgumentError('A summary cannot hold NaN', { expected: 'numbers', actual: 'NaN' });
  }
  const mean = sorted.reduce((sum, value) => sum + value, 0) / count;
  const squares = sorted.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return {
    count,
    mean,
    standardDeviation: count > 1 ? Math.sqrt(squares / (count - 1)) : 0,
    min: sorted[0]!,
    p50: quantileOfSorted(sorted, 0.5),
    p95: quantileOfSorted(sorted, 0.95),
    p99: quantileOfSorted(sorted, 0.99),
    max: sorted[count - 1]!,
  };
}

/**
 * Wilson's 95 % score interval for a proportion (Wilson 1927): trustworthy near 0 and 1, where the normal one is not.
 *
 * @throws InvalidArgumentError unless 0 <= successes <= trials and trials > 0.
 */
export function wilsonInterval(successes: number, trials: number): Interval {
  if (!(trials > 0 && Number.isFinite(trials) && successes >= 0 && successes <= trials)) {
    throw new InvalidArgumentError('A proportion needs trials', {
      expected: '0 <= successes <= trials, trials > 0',
      actual: [successes, trials],
    });
  }
  const z = 1.959963984540054;
  const p = successes / trials;
  const denominator = 1 + (z * z) / trials;
  const centre = (p + (z * z) / (2 * trials)) / denominator;
  const half = (z * Math.sqrt((p * (1 - p)) / trials + (z * z) / (4 * trials * trials))) / denominator;
  return { estimate: p, low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}
