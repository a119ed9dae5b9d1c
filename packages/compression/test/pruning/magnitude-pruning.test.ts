import { InvalidArgumentError, NonFiniteValueError, ShapeMismatchError } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globalMagnitudeMask, magnitudeThreshold } from '../../src/index.ts';

/** Tensors with many ties: few distinct magnitudes. */
const tensors = fc.array(
  fc
    .array(fc.constantFrom(-2, -1, -0, 0, 0.5, 1, 1e-40, 3e38), { maxLength: 30 })
    .map((list) => ({ values: Float32Array.from(list), shape: [list.length] })),
  { minLength: 1, maxLength: 4 },
);
const sparsity = fc.double({ min: 0, max: 1, noNaN: true });

/** What to keep, by sorting magnitudes with their indices. */
function referenceMask(values: readonly number[], removed: number): number[] {
  const order = values.map((_, i) => i).sort((a, b) => Math.abs(values[a]) - Math.abs(values[b]) || a - b);
  const mask = values.map(() => 1);
  for (const i of order.slice(0, removed)) mask[i] = 0;
  return mask;
}

describe('globalMagnitudeMask', () => {
  it('agrees with sorting by magnitude and index, over all tensors together', () => {
    fc.assert(
      fc.property(tensors, sparsity, (given, fraction) => {
        const flat = given.flatMap(({ values }) => [...values]);
        const mask = globalMagnitudeMask(given, fraction).flatMap((part) => [...part]);
        expect(mask).toEqual(referenceMask(flat, Math.round(fraction * flat.length)));
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('meets the sparsity exactly when all weights are equal, lowest index first', () => {
    const equal = [
      { values: new Float32Array(3).fill(0.5), shape: [3] },
      { values: new Float32Array(4).fill(-0.5), shape: [2, 2] },
    ];
    expect(globalMagnitudeMask(equal, 4 / 7).map((mask) => [...mask])).toEqual([
      [0, 0, 0],
      [0, 1, 1, 1],
    ]);
  });

  it('keeps fewer weights, never others, as sparsity grows', () => {
    fc.assert(
      fc.property(tensors, sparsity, sparsity, (given, one, other) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        const [more, fewer] = [globalMagnitudeMask(given, low), globalMagnitudeMask(given, high)];
        fewer.forEach((mask, at) => {
          mask.forEach((kept, i) => {
            expect(kept).toBeLessThanOrEqual(more[at][i]);
          });
        });
      }),
      { seed: 1 },
    );
  });

  it('weighs a row by the activation that meets it', () => {
    const values = Float32Array.of(1, 1, /**/ 5, 5, /**/ 2, 3);
    const [mask] = globalMagnitudeMask([{ values, shape: [3, 2], inputRms: Float32Array.of(10, 0, 1) }], 0.5);
    expect([...mask]).toEqual([1, 1, 0, 0, 0, 1]);
  });

  it('never brings a removed weight back, even when others come to count nothing', () => {
    const values = Float32Array.of(4, 3, 0, 5);
    const before = { values, shape: [4, 1], mask: Uint8Array.of(1, 1, 0, 1) };
    // By magnitude alone, weight 0 would now tie with weight 2 and be removed in its place.
    const inputRms = Float32Array.of(0, 1, 1, 1);
    expect([...globalMagnitudeMask([{ ...before, inputRms }], 0.25)[0]]).toEqual([1, 1, 0, 1]);
    expect([...globalMagnitudeMask([{ ...before, inputRms }], 0.5)[0]]).toEqual([0, 1, 0, 1]);
    const mask = new Uint8Array(3);
    expect(() => globalMagnitudeMask([{ values, shape: [4], mask }], 0.5)).toThrow(ShapeMismatchError);
  });

  it('removes nothing at 0, everything at 1, and takes no tensors', () => {
    const one = [{ values: Float32Array.of(0, 1), shape: [2] }];
    expect([...globalMagnitudeMask(one, 0)[0]]).toEqual([1, 1]);
    expect([...globalMagnitudeMask(one, 1)[0]]).toEqual([0, 0]);
    expect(globalMagnitudeMask([], 0.5)).toEqual([]);
  });

  it('refuses an impossible sparsity, NaN, and shapes that do not fit', () => {
    const values = Float32Array.of(1, 2);
    for (const wrong of [-0.1, 1.1, Number.NaN]) {
      expect(() => globalMagnitudeMask([{ values, shape: [2] }], wrong)).toThrow(InvalidArgumentError);
    }
    expect(() => globalMagnitudeMask([{ values: Float32Array.of(Number.NaN), shape: [1] }], 0.5)).toThrow(
      NonFiniteValueError,
    );
    expect(() => globalMagnitudeMask([{ values, shape: [3] }], 0.5)).toThrow(ShapeMismatchError);
    const inputRms = Float32Array.of(1);
    expect(() => globalMagnitudeMask([{ values, shape: [2, 1], inputRms }], 0.5)).toThrow(ShapeMismatchError);
  });
});

describe('magnitudeThreshold', () => {
  it('is the largest magnitude that is removed', () => {
    const given = [{ values: Float32Array.of(-3, 1, 2, -4), shape: [4] }];
    expect([0, 0.25, 0.5, 0.75, 1].map((fraction) => magnitudeThreshold(given, fraction))).toEqual([
      0, 1, 2, 3, 4,
    ]);
  });

  it('agrees with sorting', () => {
    const values = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), {
      minLength: 1,
      maxLength: 60,
    });
    fc.assert(
      fc.property(values, sparsity, (list, fraction) => {
        const given = [{ values: Float32Array.from(list), shape: [list.length] }];
        const sorted = Float32Array.from(list, Math.abs).sort();
        const removed = Math.round(fraction * list.length);
        expect(magnitudeThreshold(given, fraction)).toBe(removed === 0 ? 0 : sorted[removed - 1]);
      }),
      { seed: 1 },
    );
  });
});
