import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Random } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { detectChangePoints } from '../src/index.ts';
import { autoregressive, heavyTailed } from './synthetic.ts';

const gaussian = (random: Random, length: number) => Array.from({ length }, () => random.normal());
const heavy = (random: Random, length: number) => Array.from({ length }, () => heavyTailed(random));

/** Shares of true changes found within five places and of alarms that were true. */
function score(
  trials: number,
  truth: readonly number[],
  make: (random: Random) => number[],
): { recall: number; precision: number } {
  let found = 0;
  let alarms = 0;
  for (let seed = 0; seed < trials; seed++) {
    const indices = detectChangePoints(make(new Random(1000 + seed)), { seed }).map(({ index }) => index);
    alarms += indices.length;
    found += truth.filter((true_) => indices.some((index) => Math.abs(index - true_) <= 5)).length;
  }
  return { recall: found / (trials * truth.length), precision: alarms === 0 ? 1 : found / alarms };
}

describe('detectChangePoints', () => {
  it.each<[string, (random: Random) => number[]]>([
    ['Gaussian noise', (random) => gaussian(random, 100)],
    ['heavy tails', (random) => heavy(random, 100)],
    ['log-normal noise', (random) => gaussian(random, 100).map(Math.exp)],
    ['autocorrelation 0.5', (random) => autoregressive(random, 0.5, 120)],
  ])('raises an alarm on at most 3 of 100 series of nothing but %s', (_name, make) => {
    let alarms = 0;
    for (let seed = 0; seed < 100; seed++)
      if (detectChangePoints(make(new Random(seed)), { seed }).length > 0) alarms++;
    // One is promised; four or more would come up by chance less than twice in a hundred.
    expect(alarms).toBeLessThanOrEqual(3);
  });

  it('finds one shift of 1.5 standard deviations in the middle of 100 values', () => {
    const { recall, precision } = score(100, [50], (random) =>
      gaussian(random, 100).map((value, i) => value + (i >= 50 ? 1.5 : 0)),
    );
    expect(recall).toBeGreaterThan(0.9);
    expect(precision).toBeGreaterThan(0.9);
  });

  it('finds several shifts that partly cancel', () => {
    const level = (i: number) => (i < 50 ? 0 : i < 100 ? 2 : i < 150 ? 0.5 : 2.5);
    const { recall, precision } = score(40, [50, 100, 150], (random) =>
      gaussian(random, 200).map((value, i) => value + level(i)),
    );
    expect(recall).toBeGreaterThan(0.9);
    expect(precision).toBeGreaterThan(0.9);
  });

  it('finds a shift in autocorrelated noise', () => {
    const { recall, precision } = score(40, [100], (random) =>
      autoregressive(random, 0.5, 200).map((value, i) => value + (i >= 100 ? 2 : 0)),
    );
    expect(recall).toBeGreaterThan(0.8);
    expect(precision).toBeGreaterThan(0.8);
  });

  it('states place, levels and change of a clean step', () => {
    const series = [...new Array(20).fill(10), ...new Array(20).fill(12)];
    expect(detectChangePoints(series)).toEqual([
      {
        index: 20,
        before: 10,
        after: 12,
        changeFraction: expect.closeTo(0.2, 12),
        strength: expect.any(Number),
      },
    ]);
    expect(detectChangePoints(series)[0]!.strength).toBeGreaterThan(1);
    const fromZero = detectChangePoints([...new Array(20).fill(0), ...new Array(20).fill(1)]);
    expect(fromZero[0]!.changeFraction).toBeNaN();
  });

  it('is indifferent to single outliers, however large', () => {
    const series = gaussian(new Random(5), 80);
    expect(detectChangePoints(series.with(40, 1e9).with(11, -1e9))).toEqual([]);
  });

  it('has nothing to say about constant, short and empty series', () => {
    for (const series of [[], [1], new Array(9).fill(1), new Array(100).fill(7)])
      expect(detectChangePoints(series)).toEqual([]);
  });

  it('sees only the order of values: any increasing transformation gives the same places', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 10, maxLength: 60 }), (noise) => {
        const series = noise.map((value, i) => value + (i >= noise.length / 2 ? 25 : 0));
        const places = (values: number[]) =>
          detectChangePoints(values, { permutations: 100 }).map((p) => p.index);
        const found = places(series);
        expect(places(series.map((value) => Math.exp(value / 10)))).toEqual(found);
        expect(places(series.map((value) => 3 * value - 7))).toEqual(found);
      }),
      { seed: 1, numRuns: 40 },
    );
  });

  it('keeps changes in order and at least a minimal segment apart', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 2, max: 12 }), (seed, minimumSegment) => {
        const random = new Random(seed);
        let level = 0;
        const series = Array.from({ length: 150 }, () => {
          if (random.uniform() < 0.04) level = 10 * random.normal();
          return level + random.normal();
        });
        const indices = detectChangePoints(series, { minimumSegment, permutations: 100 }).map((p) => p.index);
        const borders = [0, ...indices, series.length];
        for (let i = 1; i < borders.length; i++)
          expect(borders[i]! - borders[i - 1]!).toBeGreaterThanOrEqual(minimumSegment);
      }),
      { seed: 1, numRuns: 40 },
    );
  });

  it.each<[string, number[], object]>([
    ['NaN', [1, Number.NaN], {}],
    ['a probability of 0', [1], { falseAlarmProbability: 0 }],
    ['a segment of one', [1], { minimumSegment: 1 }],
    ['too few permutations', [1], { permutations: 99 }],
  ])('refuses %s', (_what, series, options) => {
    expect(() => detectChangePoints(series, options)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });
});

const shared = process.env.QEDGE_SHARED ?? fileURLToPath(new URL('../../../../shared', import.meta.url));
const history = `${shared}/data/otava-data/tigerbeetle.json`;

describe.skipIf(!existsSync(history))('on the performance history of TigerBeetle (365 runs)', () => {
  it('agrees with Apache Otava on the large changes and reports none that Otava does not see', () => {
    const { series, otava_expected: otava } = JSON.parse(readFileSync(history, 'utf8')) as {
      series: number[];
      otava_expected: Record<'w30_p1e-2_mag0.05' | 'w30_p1e-3_mag0', number[]>;
    };
    const indices = detectChangePoints(series).map(({ index }) => index);
    for (const large of otava['w30_p1e-2_mag0.05']) expect(indices).toContain(large);
    // Both tools place small changes to within a few noisy runs.
    const near = (index: number) => otava['w30_p1e-3_mag0'].some((other) => Math.abs(other - index) <= 3);
    expect(indices.filter((index) => !near(index))).toEqual([]);
    expect(indices.length).toBeGreaterThanOrEqual(5);
  });
});
