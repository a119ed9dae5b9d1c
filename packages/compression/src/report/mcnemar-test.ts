import { InvalidArgumentError } from '@qedge/core';

/** What {@link mcnemarTest} found. */
export interface McnemarTest {
  /** Chance of a difference at least as large between two classifiers that are equally good; 0..1, two-sided. */
  readonly pValue: number;
  /** `exact`: binomial. `chi-square`: one degree of freedom, with the continuity correction. */
  readonly method: 'exact' | 'chi-square';
}

/** From this many samples on which the two disagree, the chi-square distribution is close enough. */
const CHI_SQUARE_FROM = 25;

/**
 * McNemar's test (1947) of whether two classifiers are equally good, from the samples on which exactly one of them is right. Exact binomial
 * below 25 such samples, else `(|b - c| - 1)^2 / (b + c)` (Edwards 1948) against chi-square with one degree of freedom.
 *
 * @param onlyFirst samples that only the first has right; an integer >= 0
 * @param onlySecond samples that only the second has right; an integer >= 0
 * @throws InvalidArgumentError for anything else.
 */
export function mcnemarTest(onlyFirst: number, onlySecond: number): McnemarTest {
  if (![onlyFirst, onlySecond].every((count) => Number.isSafeInteger(count) && count >= 0)) {
    throw new InvalidArgumentError('McNemar needs counts of samples', {
      expected: 'integers >= 0',
      actual: [onlyFirst, onlySecond],
    });
  }
  const discordant = onlyFirst + onlySecond;
  if (discordant < CHI_SQUARE_FROM) {
    return { pValue: exactPValue(Math.min(onlyFirst, onlySecond), discordant), method: 'exact' };
  }
  const distance = Math.max(0, Math.abs(onlyFirst - onlySecond) - 1);
  const pValue = complementaryErrorFunction(distance / Math.sqrt(2 * discordant));
  return { pValue, method: 'chi-square' };
}

/** `min(1, 2 P(X <= fewer))` for X binomial with chance 1/2; the terms are exact in double precision up to 57 trials. */
function exactPValue(fewer: number, trials: number): number {
  let term = 1;
  let sum = 0;
  for (let i = 0; i <= fewer; i++) {
    sum += term;
    term = (term * (trials - i)) / (i + 1);
  }
  return Math.min(1, (2 * sum) / 2 ** trials);
}

/** `1 - erf(x)` for x >= 0, to a relative error of about 1e-13: series below 2, continued fraction above. */
function complementaryErrorFunction(x: number): number {
  const square = x * x;
  if (x < 2) {
    // erf(x) = 2 / sqrt(pi) * exp(-x^2) * sum of 2^n x^(2n+1) / (1 * 3 * ... * (2n+1)): no term is negative.
    let term = x;
    let sum = 0;
    for (let n = 1; term > 1e-17 * sum; n++) {
      sum += term;
      term *= (2 * square) / (2 * n + 1);
    }
    return 1 - (2 / Math.sqrt(Math.PI)) * Math.exp(-square) * sum;
  }
  let fraction = x;
  for (let n = 80; n >= 1; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-square) / (Math.sqrt(Math.PI) * fraction);
}
