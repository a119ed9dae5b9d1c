import { Random } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { makeOptimizer } from '../../src/training/make-optimizer.ts';
import { assertFiniteLoss } from '../../src/training/optimizer.ts';

/** Algorithm 1 of the paper, literally, in float64. */
function referenceAdam(start: number[], gradients: number[][], rate: number, decay: number): number[] {
  const [values, m, v] = [[...start], start.map(() => 0), start.map(() => 0)];
  gradients.forEach((gradient, step) => {
    gradient.forEach((g, i) => {
      m[i] = 0.9 * m[i] + 0.1 * g;
      v[i] = 0.999 * v[i] + 0.001 * g * g;
      const corrected = m[i] / (1 - 0.9 ** (step + 1)) / (Math.sqrt(v[i] / (1 - 0.999 ** (step + 1))) + 1e-8);
      values[i] -= rate * (corrected + decay * values[i]);
    });
  });
  return values;
}

function randomGradients(steps: number, size: number): number[][] {
  const random = new Random(4);
  return Array.from({ length: steps }, () =>
    Array.from({ length: size }, () => Math.fround(random.normal())),
  );
}

describe('AdamOptimizer', () => {
  it('follows the published algorithm', () => {
    const gradients = randomGradients(50, 20);
    const start = Array.from({ length: 20 }, (_, i) => Math.fround(i / 10 - 1));
    for (const decay of [0, 0.1]) {
      const values = Float32Array.from(start);
      const optimizer = makeOptimizer({ kind: 'adam' }, [{ values, weightDecay: decay }]);
      for (const gradient of gradients) optimizer.update([Float32Array.from(gradient)], 1e-2, [null]);
      const expected = referenceAdam(start, gradients, 1e-2, decay);
      // Fifty float32 steps of at most 0.01 each: 1e-6 is about ten roundings of a value near 1.
      values.forEach((value, i) => {
        expect(Math.abs(value - expected[i])).toBeLessThan(1e-6);
      });
    }
  });

  it('leaves masked values and their moments alone', () => {
    const [masked, free] = [Float32Array.of(0, 1, 2), Float32Array.of(0, 1, 2)];
    const withMask = makeOptimizer({ kind: 'adam' }, [{ values: masked, weightDecay: 0.5 }]);
    const without = makeOptimizer({ kind: 'adam' }, [{ values: free, weightDecay: 0.5 }]);
    for (const gradient of randomGradients(10, 3)) {
      withMask.update([Float32Array.from(gradient)], 0.1, [Uint8Array.of(0, 1, 0)]);
      without.update([Float32Array.from(gradient)], 0.1, [null]);
    }
    expect([masked[0], masked[2]]).toEqual([0, 2]);
    expect(masked[1]).toBe(free[1]);
  });

  it('refuses a loss that is no longer a number', () => {
    expect(() => assertFiniteLoss(Number.NaN)).toThrow(/learning rate/);
    expect(() => assertFiniteLoss(Number.POSITIVE_INFINITY)).toThrow(/diverged/);
    expect(() => assertFiniteLoss(0)).not.toThrow();
  });
});
