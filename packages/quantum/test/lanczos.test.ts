import { Random } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { lowestEigenpair, lowestTridiagonalPair } from '../src/chemistry/lanczos.ts';

/** The path graph's Laplacian with fixed ends: eigenvalues `2 - 2 cos(k pi / (n + 1))`. */
function path(dimension: number, phase = 0) {
  const [c, s] = [Math.cos(phase), Math.sin(phase)];
  return {
    dimension,
    apply(re: Float64Array, im: Float64Array, outRe: Float64Array, outIm: Float64Array) {
      for (let i = 0; i < dimension; i++) {
        outRe[i] = 2 * re[i]!;
        outIm[i] = 2 * im[i]!;
        // A phase on every hop does not change the spectrum of an open path, but makes the matrix complex.
        for (const [j, sign] of [
          [i + 1, 1],
          [i - 1, -1],
        ] as const) {
          if (j < 0 || j >= dimension) continue;
          outRe[i]! -= c * re[j]! - sign * s * im[j]!;
          outIm[i]! -= c * im[j]! + sign * s * re[j]!;
        }
      }
    },
  };
}
const exact = (n: number) => 2 - 2 * Math.cos(Math.PI / (n + 1));

describe('lowestEigenpair', () => {
  it.each([
    [1, 0],
    [2, 0],
    [3, 1.1],
    [50, 0],
    [150, 0.7],
    [250, 0],
  ])('finds the lowest eigenvalue of a path of %i with hopping phase %d', (dimension, phase) => {
    const { eigenvalue, residual, re, im } = lowestEigenpair(path(dimension, phase), new Random(1));
    // Above 200 dimensions the iteration restarts; the gap of 250 is 5e-4, so a residual of 1e-6 gives less than 1e-8.
    expect(Math.abs(eigenvalue - exact(dimension))).toBeLessThan(dimension > 200 ? 1e-8 : 1e-12);
    expect(residual).toBeLessThan(1e-6);
    expect(re.reduce((sum, x, i) => sum + x * x + im[i]! ** 2, 0)).toBeCloseTo(1, 12);
  });

  it('settles in a degenerate ground space', () => {
    const twofold = {
      dimension: 6,
      apply(re: Float64Array, im: Float64Array, outRe: Float64Array, outIm: Float64Array) {
        for (let i = 0; i < 6; i++) {
          const value = i < 2 ? -1 : i;
          outRe[i] = value * re[i]!;
          outIm[i] = value * im[i]!;
        }
      },
    };
    const { eigenvalue, residual } = lowestEigenpair(twofold, new Random(0));
    expect(eigenvalue).toBeCloseTo(-1, 13);
    expect(residual).toBeLessThan(1e-10);
  });
});

describe('lowestTridiagonalPair', () => {
  it('solves matrices of one, of two, with zero couplings and of a hundred', () => {
    expect(lowestTridiagonalPair([3], []).eigenvalue).toBeCloseTo(3, 13);
    expect(lowestTridiagonalPair([0, 0], [1]).eigenvalue).toBeCloseTo(-1, 13);
    expect(lowestTridiagonalPair([5, -2, 7], [0, 0])).toMatchObject({ eigenvalue: expect.closeTo(-2, 13) });
    const { eigenvalue, weights } = lowestTridiagonalPair(Array(100).fill(2), Array(99).fill(-1));
    expect(eigenvalue).toBeCloseTo(exact(100), 13);
    weights.forEach((weight, i) => {
      const expected = Math.sin(((i + 1) * Math.PI) / 101) * Math.sqrt(2 / 101);
      expect(Math.abs(weight)).toBeCloseTo(expected, 9);
    });
  });
});
