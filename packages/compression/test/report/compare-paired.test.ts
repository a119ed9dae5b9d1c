import { InvalidArgumentError, Random, ShapeMismatchError } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparePaired, comparePairedRuns, gradePredictions, mcnemarTest } from '../../src/index.ts';

/** Two-sided exact p by whole numbers: twice the smaller tail of the binomial coefficients over 2^n. */
function binomialPValue(b: number, c: number): number {
  const n = b + c;
  let coefficient = 1n;
  let tail = 0n;
  for (let i = 0; i <= Math.min(b, c); i++) {
    tail += coefficient;
    coefficient = (coefficient * BigInt(n - i)) / BigInt(i + 1);
  }
  return Math.min(1, Number((2n * tail * 10n ** 18n) / 2n ** BigInt(n)) / 1e18);
}

/** Outcomes with given numbers of samples that both, only one, only the other, and neither have right. */
function outcomes(both: number, onlyReference: number, onlyCandidate: number, neither: number) {
  const fill = (counts: [number, number][]) =>
    Uint8Array.from(counts.flatMap(([count, value]) => Array.from({ length: count }, () => value)));
  return {
    reference: fill([
      [both, 1],
      [onlyReference, 1],
      [onlyCandidate, 0],
      [neither, 0],
    ]),
    candidate: fill([
      [both, 1],
      [onlyReference, 0],
      [onlyCandidate, 1],
      [neither, 0],
    ]),
  };
}

describe('mcnemarTest', () => {
  it('has the statistic with the continuity correction and the tail of the C library', () => {
    // Agresti 1990, table 10.1 (approval of the prime minister): (|150 - 86| - 1)^2 / 236 = 16.8178. Tails by erfc of glibc.
    expect(mcnemarTest(150, 86)).toEqual({
      pValue: expect.closeTo(4.1145622813459415e-5, 16),
      method: 'chi-square',
    });
    expect(mcnemarTest(59, 121).pValue).toBeCloseTo(5.450094825427123e-6, 17);
  });

  it('agrees with counting by whole numbers in the exact form', () => {
    for (let b = 0; b < 25; b++) {
      for (let c = 0; b + c < 25; c++) {
        const { pValue, method } = mcnemarTest(b, c);
        expect(method).toBe('exact');
        expect(pValue).toBeCloseTo(binomialPValue(b, c), 14);
      }
    }
    // Fagerland, Lydersen and Laake 2013, table 1: 1 against 7 gives 0.070.
    expect(mcnemarTest(1, 7).pValue).toBe(18 / 256);
    expect(mcnemarTest(0, 0).pValue).toBe(1);
  });

  it('comes close to the exact test where it takes over from it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60 }), fc.integer({ min: 25, max: 60 }), (b, c) => {
        // The continuity correction leaves an error of order 1 / n: 0.012 at most over these counts.
        expect(Math.abs(mcnemarTest(b, c).pValue - binomialPValue(b, c))).toBeLessThan(0.015);
      }),
      { seed: 1 },
    );
  });

  it('stays a probability far out, and refuses what is no count', () => {
    const far = mcnemarTest(100_000, 90_000).pValue;
    expect(far).toBeGreaterThan(0);
    expect(far).toBeLessThan(1e-100);
    expect(mcnemarTest(1e9, 0).pValue).toBe(0);
    expect(mcnemarTest(50, 50).pValue).toBe(1);
    for (const wrong of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => mcnemarTest(wrong, 3)).toThrow(InvalidArgumentError);
    }
  });
});

describe('comparePaired', () => {
  it('has the standard error of paired proportions', () => {
    const { reference, candidate } = outcomes(1900, 30, 18, 52);
    const result = comparePaired(reference, candidate);
    expect(result).toMatchObject({ count: 2000, onlyReference: 30, onlyCandidate: 18, method: 'chi-square' });
    expect(result.difference).toBeCloseTo(-12 / 2000, 15);
    // sqrt(b + c - (b - c)^2 / n) / n
    expect(result.standardError).toBeCloseTo(Math.sqrt(48 - 144 / 2000) / 2000, 15);
    expect(result.high - result.low).toBeCloseTo(2 * 1.959963984540054 * result.standardError, 15);
    expect(result.pValue).toBe(mcnemarTest(30, 18).pValue);
  });

  it('is 0 without any disagreement', () => {
    const { reference } = outcomes(5, 2, 0, 3);
    const result = comparePaired(reference, reference);
    expect(result).toMatchObject({ difference: 0, standardError: 0, low: 0, high: 0, pValue: 1 });
  });

  it('holds the true difference in 95 of 100 samples', () => {
    // The candidate loses 2 % and gains 1.2 % of the samples: a difference of -0.008. Over 500 trials the share of intervals that hold it has
    // a standard deviation of 1 %; the bound is four of them.
    const random = new Random(1);
    let held = 0;
    for (let trial = 0; trial < 500; trial++) {
      let [lost, gained] = [0, 0];
      for (let i = 0; i < 1000; i++) {
        const draw = random.uniform();
        if (draw < 0.02) lost++;
        else if (draw < 0.032) gained++;
      }
      const { reference, candidate } = outcomes(900 - lost, lost, gained, 100 - gained);
      const { low, high } = comparePaired(reference, candidate);
      if (low <= -0.008 && -0.008 <= high) held++;
    }
    expect(held / 500).toBeGreaterThan(0.91);
    expect(held / 500).toBeLessThan(0.99);
  });
});

describe('comparePairedRuns', () => {
  it('averages each sample over the runs first', () => {
    const references = [Uint8Array.of(1, 1, 0, 1), Uint8Array.of(1, 0, 0, 1)];
    const candidates = [Uint8Array.of(1, 0, 0, 1), Uint8Array.of(1, 0, 1, 0)];
    const result = comparePairedRuns(references, candidates);
    // Per sample 0, -0.5, 0.5, -0.5.
    const perSample = [0, -0.5, 0.5, -0.5];
    const mean = perSample.reduce((sum, value) => sum + value) / 4;
    const variance = perSample.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 4;
    expect(result.difference).toBeCloseTo(mean, 15);
    expect(result.standardError).toBeCloseTo(Math.sqrt(variance / 4), 15);
    expect(result.runs.map(({ onlyReference, onlyCandidate }) => [onlyReference, onlyCandidate])).toEqual([
      [1, 0],
      [1, 1],
    ]);
  });

  it('refuses nothing, other lengths and numbers that are no outcomes', () => {
    const one = Uint8Array.of(1, 0);
    expect(() => comparePairedRuns([], [])).toThrow(InvalidArgumentError);
    expect(() => comparePairedRuns([one], [one, one])).toThrow(InvalidArgumentError);
    expect(() => comparePaired(one, new Uint8Array(3))).toThrow(ShapeMismatchError);
    expect(() => comparePaired(one, Uint8Array.of(1, 2))).toThrow(InvalidArgumentError);
    expect(() => gradePredictions([1], [1, 2])).toThrow(ShapeMismatchError);
    expect([...gradePredictions([3, 1, 2], Uint8Array.of(3, 0, 2))]).toEqual([1, 0, 1]);
  });
});
