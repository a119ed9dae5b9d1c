import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError, quantileOfSorted, summarize, wilsonInterval } from '../src/index.ts';

const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 });

describe('quantileOfSorted', () => {
  it.each([
    // numpy.quantile(values, fraction), method "linear".
    [[15, 20, 35, 40, 50], 0.4, 29],
    [[1, 2, 3, 4, 7, 10], 0.5, 3.5],
    [[1, 2, 3, 4], 0.25, 1.75],
    [[1, 2, 3, 4], 0.9, 3.7],
    [[0, 1, 10], 0.99, 9.82],
    [[7], 0.3, 7],
  ])('of %j at %f is %f', (values, fraction, expected) => {
    // Two roundings of double precision.
    expect(quantileOfSorted(values, fraction)).toBeCloseTo(expected, 12);
  });

  it('rises with the fraction from the minimum to the maximum', () => {
    fc.assert(
      fc.property(
        fc.array(finite, { minLength: 1 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, a, b) => {
          const sorted = values.toSorted((x, y) => x - y);
          const [low, high] = [Math.min(a, b), Math.max(a, b)].map((f) => quantileOfSorted(sorted, f));
          // Interpolating between two values may round past one of them by one unit in the last place.
          const slack = 1e-15 * Math.max(...values.map(Math.abs));
          expect(low!).toBeLessThanOrEqual(high! + slack);
          expect(quantileOfSorted(sorted, 0)).toBe(sorted[0]);
          expect(quantileOfSorted(sorted, 1)).toBe(sorted.at(-1));
        },
      ),
      { seed: 1 },
    );
  });

  it('copes with infinite values', () => {
    const { POSITIVE_INFINITY: infinity } = Number;
    expect(quantileOfSorted([1, 2, infinity], 0.5)).toBe(2);
    expect(quantileOfSorted([1, infinity, infinity], 0.75)).toBe(infinity);
  });

  it('refuses no values and fractions outside 0..1', () => {
    expect(() => quantileOfSorted([], 0.5)).toThrow(InvalidArgumentError);
    for (const fraction of [-0.1, 1.1, Number.NaN])
      expect(() => quantileOfSorted([1], fraction)).toThrow(InvalidArgumentError);
  });
});

describe('summarize', () => {
  it('agrees with numpy', () => {
    // numpy: mean, std(ddof=1), min, percentile 50/95/99, max of [2, 4, 4, 4, 5, 5, 7, 9].
    const summary = summarize([9, 2, 4, 5, 4, 7, 4, 5]);
    expect(summary.count).toBe(8);
    expect(summary.mean).toBe(5);
    expect(summary.standardDeviation).toBeCloseTo(Math.sqrt(32 / 7), 14);
    expect([summary.min, summary.p50, summary.max]).toEqual([2, 4.5, 9]);
    expect(summary.p95).toBeCloseTo(8.3, 12);
    expect(summary.p99).toBeCloseTo(8.86, 12);
  });

  it('does not change its input and takes typed arrays', () => {
    const values = new Float32Array([3, 1, 2]);
    expect(summarize(values).p50).toBe(2);
    expect([...values]).toEqual([3, 1, 2]);
  });

  it('shifts with its values and scales with them', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1 }), (values) => {
        const [plain, moved] = [summarize(values), summarize(values.map((value) => 2 * value + 1))];
        expect(moved.p95).toBeCloseTo(2 * plain.p95 + 1, 9);
        expect(moved.mean).toBeCloseTo(2 * plain.mean + 1, 9);
        expect(moved.standardDeviation).toBeCloseTo(2 * plain.standardDeviation, 9);
      }),
      { seed: 1 },
    );
  });

  it('has no spread for one value', () => {
    expect(summarize([3])).toEqual({
      count: 1,
      mean: 3,
      standardDeviation: 0,
      min: 3,
      p50: 3,
      p95: 3,
      p99: 3,
      max: 3,
    });
  });

  it('refuses no values and NaN', () => {
    expect(() => summarize([])).toThrow(/at least one/);
    expect(() => summarize([1, Number.NaN, 2])).toThrow(/NaN/);
  });
});

describe('wilsonInterval', () => {
  it.each([
    // Newcombe 1998, Statistics in Medicine 17, table I, method 3 (score, no continuity correction).
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])('of %i in %i is the published one', (successes, trials, low, high) => {
    const interval = wilsonInterval(successes, trials);
    expect(interval.estimate).toBe(successes / trials);
    expect(interval.low).toBeCloseTo(low, 4);
    expect(interval.high).toBeCloseTo(high, 4);
  });

  it('mirrors successes and failures and stays within 0..1', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (n, p) => {
        const successes = Math.round(n * p);
        const [one, other] = [wilsonInterval(successes, n), wilsonInterval(n - successes, n)];
        expect(one.low).toBeCloseTo(1 - other.high, 12);
        expect(one.low).toBeGreaterThanOrEqual(0);
        expect(one.high).toBeLessThanOrEqual(1);
        expect(one.low).toBeLessThanOrEqual(one.estimate + 1e-15);
        expect(one.high).toBeGreaterThanOrEqual(one.estimate - 1e-15);
      }),
      { seed: 1 },
    );
  });

  it.each([
    [1, 0],
    [-1, 5],
    [6, 5],
    [Number.NaN, 5],
    [1, Number.POSITIVE_INFINITY],
  ])('refuses %f of %f', (successes, trials) => {
    expect(() => wilsonInterval(successes, trials)).toThrow(InvalidArgumentError);
  });
});
