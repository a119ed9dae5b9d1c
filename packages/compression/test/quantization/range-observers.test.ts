import { NonFiniteValueError, Random } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type CodeFormat,
  codeRange,
  createRangeObserver,
  EntropyObserver,
  HistogramObserver,
  MeanSquaredErrorObserver,
  MinMaxObserver,
  MovingAverageObserver,
  OctavObserver,
  PercentileObserver,
  type RangeMethod,
  rangeCode,
  rangeMethods,
  roundHalfEven,
  type ValueRange,
} from '../../src/index.ts';

const formats: readonly CodeFormat[] = [
  { bits: 8, symmetric: false },
  { bits: 8, symmetric: true },
  { bits: 4, symmetric: true },
  { bits: 3, symmetric: false },
  { bits: 2, symmetric: true },
];

/** Many small values and a few far out, `oneSided` ones not negative. */
function heavyTailed(count: number, seed: number, oneSided = false): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => {
    const value = random.normal() * Math.exp(0.8 * random.normal());
    return oneSided ? Math.max(0, value) : value + 0.3;
  });
}

function observed<Observer extends { observe(values: Float32Array): void; range(): ValueRange }>(
  observer: Observer,
  values: Float32Array,
): ValueRange {
  observer.observe(values);
  return observer.range();
}

/** The squared error of coding values with a range, one by one and by the definition. */
function codingError(values: Float32Array, range: ValueRange, format: CodeFormat): number {
  const { scale, zeroPoint } = rangeCode(range, format);
  const { low, high } = codeRange(format.bits, format.symmetric);
  return values.reduce((sum, value) => {
    const code = Math.min(high, Math.max(low, roundHalfEven(value / scale) + zeroPoint));
    return sum + ((code - zeroPoint) * scale - value) ** 2;
  }, 0);
}

const extremesOf = (values: Float32Array): ValueRange => ({
  min: Math.min(0, ...values),
  max: Math.max(0, ...values),
});

const floats = fc.array(fc.float({ min: -1000, max: 1000, noNaN: true }), { maxLength: 60 });
const parts = fc.array(floats, { minLength: 1, maxLength: 4 });

describe('every observer', () => {
  it.each(rangeMethods)('%s sees the same in one part, in many and merged', (method) => {
    fc.assert(
      fc.property(parts, fc.constantFrom(...formats), (lists, format) => {
        const make = () => createRangeObserver(method, format);
        const [whole, split, merged] = [make(), make(), make()];
        whole.observe(Float32Array.from(lists.flat()));
        for (const list of lists) {
          split.observe(Float32Array.from(list));
          const other = make();
          other.observe(Float32Array.from(list));
          (merged as typeof merged & { merge(from: typeof other): void }).merge(other);
        }
        expect(split.range()).toEqual(whole.range());
        expect(merged.range()).toEqual(whole.range());
      }),
      { seed: 1, numRuns: 30 },
    );
  });

  it.each(rangeMethods)('%s stays inside of what it saw, and can code what it gives', (method) => {
    fc.assert(
      fc.property(floats, fc.constantFrom(...formats), (list, format) => {
        const values = Float32Array.from(list);
        const range = observed(createRangeObserver(method, format), values);
        const { min, max } = extremesOf(values);
        const largest = Math.max(-min, max);
        if (format.symmetric) expect(Math.max(-range.min, range.max)).toBeLessThanOrEqual(largest);
        else {
          expect(range.min).toBeGreaterThanOrEqual(min);
          expect(range.max).toBeLessThanOrEqual(max);
        }
        expect(rangeCode(range, format).scale).toBeGreaterThan(0);
      }),
      { seed: 2, numRuns: 40 },
    );
  });

  it.each(rangeMethods)(
    '%s takes nothing, zeros, equal values, one value and the smallest numbers',
    (method) => {
      for (const format of formats) {
        const of = (...values: number[]) =>
          observed(createRangeObserver(method, format), Float32Array.from(values));
        expect(of()).toEqual({ min: 0, max: 0 });
        expect(of(0, -0, 0)).toEqual({ min: 0, max: 0 });
        for (const values of [
          [0.7],
          [2, 2, 2, 2],
          [-3, -3],
          [2 ** -149],
          [2 ** -140, -(2 ** -140)],
          [3e38, -3e38],
        ]) {
          const range = of(...values);
          const { scale } = rangeCode(range, format);
          expect(scale).toBeGreaterThan(0);
          expect(Number.isFinite(scale)).toBe(true);
        }
      }
    },
  );

  it.each([...rangeMethods, 'moving average'])('%s refuses NaN and infinity, naming the place', (method) => {
    for (const broken of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const observer =
        method === 'moving average'
          ? new MovingAverageObserver(0.9)
          : createRangeObserver(method as RangeMethod, formats[0]!);
      expect(() => observer.observe(Float32Array.of(1, 2, broken, 3))).toThrow(NonFiniteValueError);
      expect(() => observer.observe(Float32Array.of(1, 2, broken, 3))).toThrow(/index 2/);
    }
  });
});

describe('MinMaxObserver', () => {
  it('gives the extremes', () => {
    fc.assert(
      fc.property(floats, (list) => {
        const values = Float32Array.from(list);
        expect(observed(new MinMaxObserver(), values)).toEqual(extremesOf(values));
      }),
      { seed: 3 },
    );
  });
});

describe('MovingAverageObserver', () => {
  it('is the weighted sum of the ranges of all batches', () => {
    const decay = 0.8;
    const batches = Array.from({ length: 12 }, (_, at) => heavyTailed(50, at + 1));
    const observer = new MovingAverageObserver(decay);
    for (const batch of batches) observer.observe(batch);
    const weight = (at: number) => (at === 0 ? 1 : 1 - decay) * decay ** (batches.length - 1 - at);
    const expected = batches
      .map(extremesOf)
      .reduce(
        (sum, { min, max }, at) => ({ min: sum.min + weight(at) * min, max: sum.max + weight(at) * max }),
        { min: 0, max: 0 },
      );
    expect(observer.range().min).toBeCloseTo(expected.min, 12);
    expect(observer.range().max).toBeCloseTo(expected.max, 12);
  });

  it.each([-0.1, 1, Number.NaN])('refuses a decay of %s', (decay) => {
    expect(() => new MovingAverageObserver(decay)).toThrow(/decay/);
  });
});

describe('PercentileObserver', () => {
  it.each([100, 99.9, 99, 90, 50])(
    'cuts the tails at %s percent to within a bin of the sorted values',
    (percentile) => {
      for (const seed of [1, 2, 3]) {
        const values = heavyTailed(5000, seed);
        const sorted = values.slice().sort();
        const { min, max } = extremesOf(values);
        const bin = Math.max(-min, max) / 2048;
        const range = observed(new PercentileObserver(percentile, false), values);
        const allowed = Math.floor(((100 - percentile) / 200) * values.length);
        // As many values as allowed lie beyond: the end is between the value there and a bin farther out.
        expect(range.min).toBeLessThanOrEqual(Math.min(0, sorted[allowed]!));
        expect(range.min).toBeGreaterThanOrEqual(Math.min(0, sorted[allowed]!) - bin);
        expect(range.max).toBeGreaterThanOrEqual(Math.max(0, sorted[values.length - 1 - allowed]!));
        expect(range.max).toBeLessThanOrEqual(Math.max(0, sorted[values.length - 1 - allowed]!) + bin);
      }
    },
  );

  it.each([100, 99, 75])('covers %s percent of the magnitudes when symmetric', (percentile) => {
    const values = heavyTailed(4000, 4);
    const magnitudes = values.map(Math.abs).sort();
    const bin = magnitudes[magnitudes.length - 1]! / 2048;
    const range = observed(new PercentileObserver(percentile, true), values);
    const wanted = magnitudes[Math.ceil((percentile / 100) * values.length) - 1]!;
    const end = Math.max(-range.min, range.max);
    expect(end).toBeGreaterThanOrEqual(wanted);
    expect(end).toBeLessThanOrEqual(wanted + bin);
  });

  it.each([0, 101, Number.NaN])('refuses a percentile of %s', (percentile) => {
    expect(() => new PercentileObserver(percentile, true)).toThrow(/percentile/);
  });
});

/** A grid over both ends, or over one where the values or the codes have one side. */
function searchRange(values: Float32Array, format: CodeFormat, steps: number): number {
  const { min, max } = extremesOf(values);
  let least = Number.POSITIVE_INFINITY;
  const largest = Math.max(-min, max);
  for (let i = 1; i <= steps; i++) {
    if (format.symmetric) {
      const end = (largest * i) / steps;
      least = Math.min(least, codingError(values, { min: -end, max: end }, format));
      continue;
    }
    for (let j = min < 0 ? 1 : steps; j <= steps; j++) {
      const range = { min: (min * j) / steps, max: (max * i) / steps };
      least = Math.min(least, codingError(values, range, format));
    }
  }
  return least;
}

describe('HistogramObserver', () => {
  it.each(formats)('comes within 2 percent of a search over all ranges: %j', (format) => {
    for (const oneSided of [false, true]) {
      const values = heavyTailed(1000, 5, oneSided);
      const found = codingError(values, observed(new HistogramObserver(format), values), format);
      // 2 %: what spreading values evenly in bins of 1/2048 of the range costs at 8 bits, where a step has 16 bins or fewer.
      expect(found).toBeLessThanOrEqual(1.02 * searchRange(values, format, 40));
    }
  });
});

describe('MeanSquaredErrorObserver', () => {
  it.each(formats)('takes the best of the 46 shrunken ranges: %j', (format) => {
    const values = heavyTailed(800, 6);
    const { min, max } = extremesOf(values);
    const errors = Array.from({ length: 46 }, (_, i) => {
      const fraction = 0.1 + (0.9 * i) / 45;
      return codingError(values, { min: min * fraction, max: max * fraction }, format);
    });
    const found = codingError(values, observed(new MeanSquaredErrorObserver(format), values), format);
    // Ties within the rounding of quotients to float32.
    expect(found).toBeLessThanOrEqual(Math.min(...errors) * (1 + 1e-6));
  });

  it('takes the mean magnitude at 1 bit, which no other scale beats', () => {
    const values = heavyTailed(500, 7);
    const format = { bits: 1, symmetric: true };
    const { max } = observed(new MeanSquaredErrorObserver(format), values);
    const error = (scale: number) => values.reduce((sum, value) => sum + (Math.abs(value) - scale) ** 2, 0);
    for (let i = 1; i < 200; i++) expect(error(max)).toBeLessThanOrEqual(error((i / 100) * max) + 1e-9);
  });
});

describe('OctavObserver', () => {
  it('chooses for weights that are mostly zeros what it chooses for the others', () => {
    for (const format of formats) {
      const values = heavyTailed(600, 9);
      const pruned = new Float32Array(20_000);
      for (const [at, value] of values.entries()) pruned[31 * at] = value;
      expect(observed(new OctavObserver(format), pruned)).toEqual(
        observed(new OctavObserver(format), values),
      );
    }
  });

  it.each(formats)(
    'minimises the modelled error over all clipping magnitudes to 0.2 percent: %j',
    (format) => {
      for (const oneSided of [false, true]) {
        const values = heavyTailed(2000, 8, oneSided);
        const { min, max } = extremesOf(values);
        const { low, high } = codeRange(format.bits, format.symmetric);
        const steps = format.symmetric ? high : min === 0 ? high - low : (high - low) / 2;
        const modelled = (clip: number) =>
          values.reduce((sum, value) => {
            const excess = Math.abs(value) - clip;
            if (value === 0) return sum;
            return sum + (excess > 0 ? excess ** 2 : (clip / steps) ** 2 / 12);
          }, 0);
        const range = observed(new OctavObserver(format), values);
        const largest = Math.max(-min, max);
        const found = modelled(Math.max(-range.min, range.max));
        for (let i = 1; i <= 400; i++)
          expect(found).toBeLessThanOrEqual(1.002 * modelled((largest * i) / 400));
      }
    },
  );
});

/** The divergence of TensorRT's description, bin by bin. */
function divergenceOf(counts: Float64Array, kept: number, levels: number): number {
  const p = counts.slice(0, kept);
  for (let i = kept; i < counts.length; i++) p[kept - 1]! += counts[i]!;
  const q = new Float64Array(kept);
  for (let level = 0; level < levels; level++) {
    const [from, to] = [level, level + 1].map((edge) => Math.floor((edge * kept) / levels)) as [
      number,
      number,
    ];
    let [total, occupied] = [0, 0];
    for (let i = from; i < to; i++) {
      total += counts[i]!;
      if (p[i]! > 0) occupied++;
    }
    for (let i = from; i < to; i++) if (p[i]! > 0) q[i] = total / occupied;
  }
  if (!smooth(p) || !smooth(q)) return Number.POSITIVE_INFINITY;
  const [sumP, sumQ] = [p, q].map((values) => values.reduce((sum, value) => sum + value, 0)) as [
    number,
    number,
  ];
  let divergence = 0;
  for (let i = 0; i < kept; i++) {
    const [pi, qi] = [p[i]! / sumP, q[i]! / sumQ];
    if (pi > 0 && qi > 0) divergence += pi * Math.log(pi / qi);
  }
  return divergence;
}

/** Gives empty bins a little from the others. @returns false where those have too little. */
function smooth(values: Float64Array): boolean {
  const empty = values.reduce((count, value) => count + (value === 0 ? 1 : 0), 0);
  const taken = (1e-4 * empty) / (values.length - empty);
  if (values.length === empty || taken >= 1) return false;
  for (let i = 0; i < values.length; i++) values[i] = values[i] === 0 ? 1e-4 : values[i]! - taken;
  return true;
}

describe('EntropyObserver', () => {
  it.each([
    { format: { bits: 8, symmetric: true }, levels: 128 },
    { format: { bits: 4, symmetric: true }, levels: 8 },
  ])('takes the threshold with the least divergence of all: $format', ({ format, levels }) => {
    const values = heavyTailed(600, 9);
    const largest = Math.max(...values.map(Math.abs));
    // Bins are powers of two wide, at most 2048 of them.
    let width = 2 ** Math.floor(Math.log2(largest / 2048));
    while (Math.floor(largest / width) >= 2048) width *= 2;
    const counts = new Float64Array(Math.floor(largest / width) + 1);
    for (const value of values) {
      // Bins hold their lower edge on the positive side and their upper edge on the negative one.
      if (value !== 0) counts[value > 0 ? Math.floor(value / width) : Math.ceil(-value / width) - 1]! += 1;
    }
    const end = Math.max(...Object.values(observed(new EntropyObserver(format), values)).map(Math.abs));
    const divergences = Array.from(counts, (_, i) =>
      i + 1 < levels ? Number.POSITIVE_INFINITY : divergenceOf(counts, i + 1, levels),
    );
    const best = divergences.indexOf(Math.min(...divergences)) + 1;
    expect(end).toBeCloseTo(Math.min(largest, best * width), 6);
  });

  it('clips a far outlier of many small values', () => {
    const values = heavyTailed(20_000, 10).map((value) => Math.max(-2, Math.min(2, value)));
    values[0] = 60;
    const { max } = observed(new EntropyObserver({ bits: 8, symmetric: true }), values);
    expect(max).toBeLessThan(10);
    expect(max).toBeGreaterThan(1);
  });
});
