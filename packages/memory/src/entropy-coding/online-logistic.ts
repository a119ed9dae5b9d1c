import { LARGEST_STRETCH, SQUASH } from './logistic-tables.ts';

/**
 * Logistic regression that learns while it codes. The logarithm of the odds of a 1 is a sum of weights, one of each group of exclusive
 * features, in units of 2^-16. A weight moves by `error / information` (a diagonal Newton step; information is the sum of
 * `p (1 - p)` over the times when its feature was there), so that the first codes teach much and later ones little.
 *
 * Weights and their information alternate in one `Int32Array`: feature `f` has them at `2 f` and `2 f + 1`.
 */

/** Information is counted until it passes this, in units of 2^-16: a model never stops learning, and a bit adds a quarter at most. */
const MOST_INFORMATION = 1019 * 4096;

/** Probabilities given to the range coder stay away from 0 and 1 by this much. */
const LEAST_PROBABILITY = 24;

/**
 * Step sizes by information in units of 1/16.
 *
 * @param ratePercent how much of a Newton step is made.
 * @param prior information in units of 1/16 that stands for what is known before the first bit.
 */
export function makeSteps(ratePercent: number, prior: number): Int32Array {
  return Int32Array.from({ length: 1024 }, (_, information) =>
    Math.floor((65_536 * 16 * ratePercent) / (100 * (information + prior))),
  );
}

/** The probability of a 1, in 1/65536, for a logarithm of odds in units of 1/256; neither certain nor impossible. */
export function probabilityOf(logOdds: number): number {
  const x = logOdds > LARGEST_STRETCH ? LARGEST_STRETCH : Math.max(logOdds, -LARGEST_STRETCH);
  const p = SQUASH[x + 2048]!;
  return p < LEAST_PROBABILITY ? LEAST_PROBABILITY : Math.min(p, 65_536 - LEAST_PROBABILITY);
}

/** `p (1 - p)` in units of 2^-16. */
export function informationOf(probability: number): number {
  return Math.imul(probability >> 4, (65_536 - probability) >> 4) >> 8;
}

/**
 * Moves the weight of a feature that was there.
 *
 * @param error `bit - p` in units of 2^-16.
 */
export function learn(
  table: Int32Array,
  feature: number,
  error: number,
  information: number,
  steps: Int32Array,
): void {
  const known = table[2 * feature + 1]!;
  // Halved twice first: the product fits 32 bits.
  table[2 * feature] = table[2 * feature]! + (Math.imul(error >> 2, steps[known >> 12]!) >> 14);
  if (known < MOST_INFORMATION) table[2 * feature + 1] = known + information;
}

/** `16 log2(x)`, linear between powers of two. @param x an integer; what is below 1 counts as 1. */
export function sixteenthOctaves(x: number): number {
  const exponent = 31 - Math.clz32(x | 1);
  return exponent * 16 + (((x << 4) >> exponent) & 15);
}
