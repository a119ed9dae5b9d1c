import { Random } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { CumulativeSearch } from '../src/simulation/sampling/cumulative-search.ts';

function drawAll(ends: readonly number[], draws: number, seed: number): number[] {
  const search = new CumulativeSearch(ends.length);
  search.ends.set(ends);
  search.prepare(draws);
  const random = new Random(seed);
  return Array.from({ length: draws }, () => search.draw(random));
}

describe('draws from running sums', () => {
  it('are the same whichever way sums at the edges of cells are rounded', () => {
    for (const edge of [0.5, 0.25, 0.375]) {
      const exact = drawAll([edge, 1], 2000, 3);
      for (const error of [2 ** -52, -(2 ** -53), 1e-8, -1e-8]) {
        const rounded = drawAll([edge + error, 1], 2000, 3);
        const different = exact.filter((index, draw) => rounded[draw] !== index).length;
        expect(different, `${edge} + ${error}`).toBeLessThanOrEqual(1);
      }
    }
  });

  it('come as often as the steps of the sums say, where cells hold thousands of them', () => {
    const length = 2 ** 18;
    const ends = Array.from({ length }, (_, index) => (index + 1) ** 2);
    const counts = new Float64Array(32);
    const draws = 200_000;
    for (const index of drawAll(ends, draws, 5)) counts[Math.floor((32 * index) / length)]!++;
    const chiSquare = counts.reduce((sum, count, part) => {
      const expected = (draws * (2 * part + 1)) / 1024;
      return sum + (count - expected) ** 2 / expected;
    }, 0);
    // 31 degrees of freedom: more than 80 has a probability of 1e-6.
    expect(chiSquare).toBeLessThan(80);
  });

  it('never give an index that adds nothing', () => {
    const drawn = drawAll([0, 0, 1e-300, 1e-300, 1, 1], 5000, 1);
    expect(new Set(drawn)).toEqual(new Set([4]));
  });
});
