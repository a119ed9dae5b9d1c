import { Random } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pairedRatioInterval } from '../src/index.ts';
import { heavyTailed } from './synthetic.ts';

const times = fc.array(fc.double({ min: 0.1, max: 10, noNaN: true }), { minLength: 6, maxLength: 20 });

describe('pairedRatioInterval', () => {
  it('is exact when every pair has the same ratio, whatever the machine does between pairs', () => {
    fc.assert(
      fc.property(times, fc.constantFrom(0.5, 1, 2, 4), (baseline, ratio) => {
        const candidate = baseline.map((time) => time * ratio);
        expect(pairedRatioInterval(baseline, candidate, { resamples: 100 })).toEqual({
          estimate: ratio,
          low: ratio,
          high: ratio,
        });
      }),
      { seed: 1 },
    );
  });

  it('inverts when the two sides are swapped, and surrounds its estimate', () => {
    fc.assert(
      fc.property(times, fc.integer(), (baseline, seed) => {
        const random = new Random(seed);
        const candidate = baseline.map((time) => time * Math.exp(0.1 * random.normal()));
        const forward = pairedRatioInterval(baseline, candidate, { resamples: 200 });
        const backward = pairedRatioInterval(candidate, baseline, { resamples: 200 });
        expect(forward.estimate * backward.estimate).toBeCloseTo(1, 12);
        // The bootstrap of the negated log-ratios is the mirror image, up to the order of additions.
        expect(forward.low * backward.high).toBeCloseTo(1, 9);
        expect(forward.low).toBeLessThanOrEqual(forward.estimate);
        expect(forward.high).toBeGreaterThanOrEqual(forward.estimate);
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  it.each([
    ['Gaussian', (random: Random) => 0.05 * random.normal()],
    ['heavy-tailed', (random: Random) => 0.02 * heavyTailed(random)],
    ['two-humped', (random: Random) => 0.01 * random.normal() + (random.uniform() < 0.3 ? 0.06 : 0)],
  ])('covers the true ratio of %s times about as often as it promises', (_name, noise) => {
    const trials = 400;
    let covered = 0;
    for (let seed = 0; seed < trials; seed++) {
      const random = new Random(seed);
      const baseline = Array.from({ length: 20 }, () => Math.exp(noise(random)));
      const candidate = baseline.map(() => 1.05 * Math.exp(noise(random)));
      const { low, high } = pairedRatioInterval(baseline, candidate, {
        confidence: 0.95,
        resamples: 400,
        seed,
      });
      if (low <= 1.05 && 1.05 <= high) covered++;
    }
    // Three binomial standard deviations (1.1 points) below and, because the bootstrap is a little wide, above 95 %.
    expect(covered / trials).toBeGreaterThan(0.917);
    expect(covered / trials).toBeLessThan(0.995);
  });

  it('hardly moves for one wild pair', () => {
    const baseline = Array.from({ length: 20 }, (_, i) => 1 + 0.01 * Math.sin(i));
    const candidate = baseline.map((_, i) => 1.1 + 0.01 * Math.cos(3 * i));
    const calm = pairedRatioInterval(baseline, candidate);
    const wild = pairedRatioInterval(baseline, candidate.with(7, 1000));
    expect(Math.abs(wild.estimate - calm.estimate)).toBeLessThan(0.005);
    expect(wild.high).toBeLessThan(1.15);
  });

  it('narrows with lower confidence and depends on nothing but its seed', () => {
    const random = new Random(3);
    const draw = () => Array.from({ length: 15 }, () => Math.exp(0.1 * random.normal()));
    const [baseline, candidate] = [draw(), draw()];
    const at = (confidence: number, seed = 1) =>
      pairedRatioInterval(baseline, candidate, { confidence, seed });
    expect(at(0.5).high).toBeLessThan(at(0.95).high);
    expect(at(0.95).high).toBeLessThan(at(0.999).high);
    expect(at(0.95)).toEqual(at(0.95));
    expect(at(0.95, 2)).not.toEqual(at(0.95));
  });

  it.each<[string, number[], number[], object]>([
    ['few pairs', [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], {}],
    ['unequal lengths', [1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1, 1], {}],
    ['a time of zero', [1, 1, 0, 1, 1, 1], [1, 1, 1, 1, 1, 1], {}],
    ['a negative time', [1, 1, 1, 1, 1, 1], [1, -1, 1, 1, 1, 1], {}],
    ['NaN', [1, 1, 1, 1, 1, 1], [1, Number.NaN, 1, 1, 1, 1], {}],
    ['too few resamples', [1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1], { resamples: 99 }],
    ['a confidence of 1', [1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1], { confidence: 1 }],
  ])('refuses %s', (_what, baseline, candidate, options) => {
    expect(() => pairedRatioInterval(baseline, candidate, options)).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
  });
});
