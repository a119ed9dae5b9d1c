import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidArgumentError, Random } from '../src/index.ts';

/** Pearson's statistic of observed counts against expected ones. */
function chiSquare(observed: readonly number[], expected: readonly number[]): number {
  return observed.reduce((sum, count, i) => sum + (count - expected[i]!) ** 2 / expected[i]!, 0);
}

describe('Random', () => {
  it('gives the published stream of xoshiro128**', () => {
    // Vector of the rand_xoshiro crate, produced with the authors' C code.
    const random = Random.fromState([1, 2, 3, 4]);
    const words = Array.from({ length: 10 }, () => random.uint32());
    expect(words).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  it('is seeded through SplitMix64', () => {
    // First two outputs of SplitMix64 for seed 1234567 (published with Rosetta Code's "Pseudo-random numbers/Splitmix64").
    const words = [6457827717110365317n, 3203168211198807973n].flatMap((word) => [
      Number(word & 0xffffffffn),
      Number(word >> 32n),
    ]);
    const [seeded, expected] = [
      new Random(1234567),
      Random.fromState(words as [number, number, number, number]),
    ];
    for (let i = 0; i < 100; i++) expect(seeded.uint32()).toBe(expected.uint32());
  });

  it('gives equal streams for equal seeds and different ones for neighbouring seeds', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (seed) => {
        const take = (value: number) => {
          const random = new Random(value);
          return [random.uint32(), random.uniform(), random.normal(), random.integer(1000)];
        };
        expect(take(seed)).toEqual(take(seed));
        if (seed < Number.MAX_SAFE_INTEGER) expect(take(seed + 1)).not.toEqual(take(seed));
      }),
      { seed: 1 },
    );
  });

  it.each([0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY])('refuses the seed %s', (seed) => {
    expect(() => new Random(seed)).toThrow(InvalidArgumentError);
  });

  it.each([[[0, 0, 0, 0]], [[1, 2, 3, 2 ** 32]], [[-1, 2, 3, 4]], [[0.5, 1, 1, 1]]])(
    'refuses the state %s',
    (state) => {
      expect(() => Random.fromState(state as [number, number, number, number])).toThrow(InvalidArgumentError);
    },
  );

  // Bounds below are the 0.05 % and 99.95 % quantiles of the chi-square law; seeds are fixed, so the tests cannot flicker.
  it('is uniform in 64 cells and in pairs of successive values', () => {
    const random = new Random(11);
    const cells = new Array<number>(64).fill(0);
    const pairs = new Array<number>(64).fill(0);
    const draws = 128_000;
    for (let i = 0; i < draws; i += 2) {
      const [a, b] = [random.uniform(), random.uniform()];
      cells[Math.floor(a * 64)]!++;
      cells[Math.floor(b * 64)]!++;
      pairs[Math.floor(a * 8) * 8 + Math.floor(b * 8)]!++;
    }
    for (const [observed, total] of [
      [cells, draws],
      [pairs, draws / 2],
    ] as const) {
      const statistic = chiSquare(observed, new Array(64).fill(total / 64));
      expect(statistic).toBeGreaterThan(30.5);
      expect(statistic).toBeLessThan(107.3);
    }
  });

  it('keeps uniform values in [0, 1) with bits below 2^-32', () => {
    const random = new Random(12);
    let fine = 0;
    for (let i = 0; i < 1000; i++) {
      const value = random.uniform();
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThan(1);
      if (!Number.isInteger(value * 2 ** 32)) fine++;
    }
    expect(fine).toBeGreaterThan(990);
  });

  it('draws integers without the bias of a plain remainder', () => {
    // With 3 * 2^30 a plain remainder would hit the first third twice as often as the others.
    const random = new Random(13);
    const thirds = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) thirds[Math.floor(random.integer(3 * 2 ** 30) / 2 ** 30)]!++;
    expect(chiSquare(thirds, [10_000, 10_000, 10_000])).toBeLessThan(15.2);
  });

  it('draws integers below any legal bound', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4294967296 }), fc.maxSafeInteger(), (bound, seed) => {
        const value = new Random(seed).integer(bound);
        expect(Number.isInteger(value) && value >= 0 && value < bound).toBe(true);
      }),
      { seed: 1 },
    );
    expect(new Random(1).integer(1)).toBe(0);
  });

  it.each([0, -1, 1.5, 2 ** 32 + 1, Number.NaN])('refuses the bound %s', (bound) => {
    expect(() => new Random(1).integer(bound)).toThrow(InvalidArgumentError);
  });

  it('draws normal values with the right law and no memory of the value before', () => {
    const random = new Random(14);
    const draws = 100_000;
    const counts = new Array<number>(8).fill(0);
    let lagProduct = 0;
    let before = 0;
    for (let i = 0; i < draws; i++) {
      const value = random.normal();
      counts[Math.min(7, Math.max(0, Math.floor(value + 4)))]!++;
      lagProduct += value * before;
      before = value;
    }
    // Probabilities of (-inf, -3), [-3, -2), ... [3, inf) under the standard normal law.
    const half = [0.0013498980316301, 0.0214002339165491, 0.1359051219832778, 0.3413447460685429];
    const expected = [...half, ...half.toReversed()].map((probability) => probability * draws);
    expect(chiSquare(counts, expected)).toBeLessThan(26.02);
    // Standard deviation of the mean product of independent values is 1 / sqrt(draws).
    expect(Math.abs(lagProduct / draws)).toBeLessThan(3.5 / Math.sqrt(draws));
  });

  it('shuffles into every order equally often', () => {
    const random = new Random(15);
    const counts = new Map<string, number>();
    for (let i = 0; i < 24_000; i++) {
      const order = random.shuffle([0, 1, 2, 3]).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    expect(chiSquare([...counts.values()], new Array(24).fill(1000))).toBeLessThan(51.8);
  });

  it('shuffles in place and keeps every item', () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer(), (items, seed) => {
        const copy = [...items];
        expect(new Random(seed).shuffle(copy)).toBe(copy);
        expect(copy.toSorted((a, b) => a - b)).toEqual(items.toSorted((a, b) => a - b));
      }),
      { seed: 1 },
    );
    const typed = new Uint8Array([1, 2, 3]);
    expect(new Random(1).shuffle(typed)).toBe(typed);
  });

  it('forks streams that depend on the label and the state, without advancing', () => {
    const random = new Random(16);
    const first = random.fork('weights').uint32();
    expect(random.fork('weights').uint32()).toBe(first);
    expect(random.fork('order').uint32()).not.toBe(first);
    expect(random.uint32()).toBe(new Random(16).uint32());
    expect(random.fork('weights').uint32()).not.toBe(first);
  });
});
