import { InvalidArgumentError, Random } from '@qedge/core';
import { LogLinearHistogram, MetricRegistry } from '@qedge/monitor';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

/** The bound that the bucket width implies: half of 1/64 over the harmonic mean. */
const BOUND = 1 / 129 + 1e-12;

/** The value at rank ceil(fraction * n), by sorting. */
function rankOf(values: readonly number[], fraction: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(1, Math.ceil(fraction * sorted.length)) - 1]!;
}

function filled(values: readonly number[]): LogLinearHistogram {
  const histogram = new LogLinearHistogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

describe('LogLinearHistogram', () => {
  test('law: every quantile is within 1/129 of the exact one, over 20 powers of ten', () => {
    const value = fc.double({ min: -9, max: 12, noNaN: true }).map((exponent) => 10 ** exponent);
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 200 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, fraction) => {
          const exact = rankOf(values, fraction);
          expect(Math.abs(filled(values).quantile(fraction) / exact - 1)).toBeLessThanOrEqual(BOUND);
        },
      ),
      { seed: 1, numRuns: 500 },
    );
  });

  test('the error is at most 0.8 % on latencies of three shapes', () => {
    const random = new Random(7);
    const shapes: Record<string, () => number> = {
      lognormal: () => Math.exp(random.normal()),
      uniform: () => random.uniform() * 50,
      'two humps': () => (random.uniform() < 0.9 ? 1 : 40) * (1 + 0.1 * random.uniform()),
    };
    for (const draw of Object.values(shapes)) {
      const values = Array.from({ length: 50_000 }, draw);
      const histogram = filled(values);
      for (const fraction of [0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1])
        expect(Math.abs(histogram.quantile(fraction) / rankOf(values, fraction) - 1)).toBeLessThanOrEqual(
          0.008,
        );
    }
  });

  test('count, sum, least and greatest value are exact', () => {
    const histogram = filled([3, 1, 2, 0]);
    expect([histogram.count, histogram.sum, histogram.min, histogram.max]).toEqual([4, 6, 0, 3]);
  });

  test('negative, infinite and missing values are counted as rejected and change nothing else', () => {
    const histogram = filled([1, -1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0]);
    expect([histogram.count, histogram.rejected, histogram.sum, histogram.max]).toEqual([2, 4, 1, 1]);
  });

  test('values beyond the resolved range stay within the least and greatest seen', () => {
    const histogram = filled([Number.MIN_VALUE, 1e-20, 1e300, Number.MAX_VALUE]);
    expect(histogram.quantile(0)).toBe(Number.MIN_VALUE);
    expect(histogram.quantile(1)).toBe(Number.MAX_VALUE);
    expect(histogram.quantile(0.5)).toBeLessThan(1e-9);
    expect(histogram.quantile(0.75)).toBeGreaterThan(1e12);
  });

  test('an empty one knows no value, and one value is every quantile', () => {
    const histogram = new LogLinearHistogram();
    expect([histogram.quantile(0.5), histogram.min, histogram.max, histogram.count]).toEqual([
      Number.NaN,
      Number.NaN,
      Number.NaN,
      0,
    ]);
    histogram.record(0.1);
    expect([0, 0.5, 1].map((fraction) => histogram.quantile(fraction))).toEqual([0.1, 0.1, 0.1]);
    histogram.reset();
    expect([histogram.count, histogram.quantile(0.5)]).toEqual([0, Number.NaN]);
  });

  test('recording allocates nothing: two million records leave the heap as it was', () => {
    const histogram = new LogLinearHistogram();
    const registry = new MetricRegistry();
    const counter = registry.counter('c', { a: 'b' });
    const gauge = registry.gauge('g', { a: 'b' });
    const record = (count: number) => {
      for (let i = 0; i < count; i++) {
        const value = 0.001 * (i & 8191);
        histogram.record(value);
        counter.increment();
        gauge.set(value);
      }
    };
    record(500_000);
    const growths = Array.from({ length: 5 }, () => {
      const before = process.memoryUsage().heapUsed;
      record(2_000_000);
      return Math.abs(process.memoryUsage().heapUsed - before);
    });
    // One heap number per record would be 24 MB or more; a collection in between makes a growth negative, never small.
    expect(Math.min(...growths)).toBeLessThan(200_000);
  });

  test('refuses quantiles outside 0..1', () => {
    for (const bad of [-0.1, 1.1, Number.NaN])
      expect(() => new LogLinearHistogram().quantile(bad)).toThrow(InvalidArgumentError);
  });
});
