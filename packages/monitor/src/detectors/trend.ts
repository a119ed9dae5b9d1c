import { InvalidArgumentError, quantileOfSorted } from '@qedge/core';

/** The outcome of a trend test. */
export interface TrendTest {
  /** Standard normal under "no trend"; positive for a rise. */
  readonly z: number;
  /** One-sided probability of a z at least this large without a rise. */
  readonly risingProbability: number;
  /** Variance inflation by autocorrelation, at least 1. */
  readonly varianceInflation: number;
}

/**
 * The Mann-Kendall test for a monotone trend, with the variance corrected for autocorrelation.
 *
 * Ties: Kendall's variance. Autocorrelation: Hamed and Rao (1998), J. Hydrology 204, equation 14, over the ranks of the series
 * without its Theil-Sen slope, with the lags that differ from zero at 95 %; a deflation of the variance is not believed.
 * Costs O(n^2).
 *
 * @param values evenly spaced, at least 4.
 * @throws InvalidArgumentError for fewer values or NaN.
 */
export function mannKendallTest(values: readonly number[]): TrendTest {
  const n = values.length;
  if (n < 4 || values.some(Number.isNaN)) {
    throw new InvalidArgumentError('A trend test needs numbers', {
      expected: 'at least 4 values, none NaN',
      actual: n < 4 ? n : 'NaN',
    });
  }
  let s = 0;
  for (let i = 0; i < n; i++) for (let j = i + 1; j < n; j++) s += Math.sign(values[j]! - values[i]!);
  let variance = n * (n - 1) * (2 * n + 5);
  for (const t of tieSizes(values)) variance -= t * (t - 1) * (2 * t + 5);
  variance /= 18;
  const varianceInflation = hamedRaoInflation(values);
  variance *= varianceInflation;
  const z = variance === 0 ? 0 : (s - Math.sign(s)) / Math.sqrt(variance);
  return { z, risingProbability: 1 - normalCumulative(z), varianceInflation };
}

/**
 * The median of the slopes between all pairs of points (Theil 1950, Sen 1968): hardly moved by outliers. Costs O(n^2 log n).
 *
 * @param times ascending.
 * @returns change of value per unit of time; 0 for fewer than two different times.
 */
export function theilSenSlope(times: readonly number[], values: readonly number[]): number {
  const slopes: number[] = [];
  for (let i = 0; i < times.length; i++) {
    for (let j = i + 1; j < times.length; j++) {
      const step = times[j]! - times[i]!;
      if (step > 0) slopes.push((values[j]! - values[i]!) / step);
    }
  }
  return slopes.length === 0 ? 0 : quantileOfSorted(Float64Array.from(slopes).sort(), 0.5);
}

/** n/n* of Hamed and Rao: how much autocorrelation inflates the variance of Kendall's S. */
function hamedRaoInflation(values: readonly number[]): number {
  const n = values.length;
  const index = values.map((_, i) => i);
  const slope = theilSenSlope(index, values);
  const ranks = averageRanks(values.map((value, i) => value - slope * i));
  const mean = (n + 1) / 2;
  const deviations = ranks.map((rank) => rank - mean);
  const power = deviations.reduce((sum, deviation) => sum + deviation * deviation, 0);
  if (power === 0) return 1;
  let weighted = 0;
  for (let lag = 1; lag < n - 2; lag++) {
    let product = 0;
    for (let i = 0; i + lag < n; i++) product += deviations[i]! * deviations[i + lag]!;
    const correlation = product / power;
    if (Math.abs(correlation) * Math.sqrt(n) < 1.96) continue;
    weighted += (n - lag) * (n - lag - 1) * (n - lag - 2) * correlation;
  }
  return Math.max(1, 1 + (2 * weighted) / (n * (n - 1) * (n - 2)));
}

function averageRanks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const ranks = new Array<number>(values.length);
  for (let i = 0; i < order.length; ) {
    let j = i;
    while (j < order.length && values[order[j]!] === values[order[i]!]) j++;
    for (let k = i; k < j; k++) ranks[order[k]!] = (i + j + 1) / 2;
    i = j;
  }
  return ranks;
}

function tieSizes(values: readonly number[]): number[] {
  const sizes = new Map<number, number>();
  for (const value of values) sizes.set(value, (sizes.get(value) ?? 0) + 1);
  return [...sizes.values()];
}

/** The normal distribution function by Abramowitz and Stegun 26.2.17 (error below 7.5e-8). */
function normalCumulative(z: number): number {
  const t = 1 / (1 + 0.2316419 * Math.abs(z));
  const tail =
    (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) *
    t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return z >= 0 ? 1 - tail : tail;
}
