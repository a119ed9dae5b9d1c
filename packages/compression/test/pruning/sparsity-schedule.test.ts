import { InvalidArgumentError } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cosineLearningRate, cubicSparsity } from '../../src/index.ts';

const ramp = { initial: 0, final: 0.9, begin: 0.2, end: 0.7 };

describe('cubicSparsity', () => {
  it('has the values of the published equation', () => {
    // Halfway: 0.9 * (1 - 1/8); a fifth of the way: 0.9 * (1 - 0.8^3).
    expect(cubicSparsity(0.45, ramp)).toBeCloseTo(0.7875, 12);
    expect(cubicSparsity(0.3, ramp)).toBeCloseTo(0.9 * (1 - 0.512), 12);
  });

  it('rests at both ends and is exact there', () => {
    expect([0, 0.1999].map((progress) => cubicSparsity(progress, ramp))).toEqual([0, 0]);
    expect([0.7, 0.9, 1].map((progress) => cubicSparsity(progress, ramp))).toEqual([0.9, 0.9, 0.9]);
  });

  it('jumps when the ramp has no length', () => {
    const jump = { ...ramp, begin: 0.5, end: 0.5 };
    expect([0.49, 0.5].map((progress) => cubicSparsity(progress, jump))).toEqual([0, 0.9]);
  });

  it('never falls and stays between its ends', () => {
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(unit, unit, unit, (a, b, final) => {
        const growing = { ...ramp, final };
        const [early, late] = [a, b]
          .sort((x, y) => x - y)
          .map((progress) => cubicSparsity(progress, growing));
        expect(early).toBeGreaterThanOrEqual(0);
        expect(late).toBeGreaterThanOrEqual(early);
        expect(late).toBeLessThanOrEqual(final);
      }),
      { seed: 1 },
    );
  });

  it('refuses numbers outside 0..1 and a ramp that ends before it begins', () => {
    expect(() => cubicSparsity(1.1, ramp)).toThrow(InvalidArgumentError);
    expect(() => cubicSparsity(0, { ...ramp, final: Number.NaN })).toThrow(InvalidArgumentError);
    expect(() => cubicSparsity(0, { ...ramp, begin: 0.8 })).toThrow(InvalidArgumentError);
  });
});

describe('cosineLearningRate', () => {
  it('falls along half a cosine', () => {
    const schedule = { initial: 2e-3, final: 1e-3 };
    expect(cosineLearningRate(0, schedule)).toBe(2e-3);
    expect(cosineLearningRate(0.5, schedule)).toBeCloseTo(1.5e-3, 15);
    expect(cosineLearningRate(1, schedule)).toBeCloseTo(1e-3, 15);
  });

  it.each([
    [0, 0],
    [1e-3, 2e-3],
    [1e-3, -1],
    [Number.NaN, 0],
    [Number.POSITIVE_INFINITY, 0],
  ])('refuses a schedule from %s to %s', (initial, final) => {
    expect(() => cosineLearningRate(0, { initial, final })).toThrow(InvalidArgumentError);
  });
});
