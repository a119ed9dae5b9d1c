import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type TapRun, tileAxis, type WindowAxis } from '../src/kernels/window/tap-spans.ts';

const between = (min: number, max: number) => fc.integer({ min, max });

const axes: fc.Arbitrary<WindowAxis> = fc.record({
  cells: between(1, 40),
  taps: between(1, 5),
  stride: between(1, 4),
  dilation: between(1, 4),
  before: between(0, 9),
});

/** The (position, tap) pairs that runs stand for, in order. */
function pairsOf(runs: readonly TapRun[], first: number): string[] {
  return runs
    .flatMap(({ tap, count, from, to }) =>
      Array.from({ length: count * (to - from) }, (_, i) => {
        return `${first + from + (i % (to - from))}:${tap + Math.floor(i / (to - from))}`;
      }),
    )
    .sort();
}

/** The pairs that meet a cell of the image. */
function pairsInImage({ cells, taps, stride, dilation, before }: WindowAxis, first: number, size: number) {
  const pairs: string[] = [];
  for (let position = first; position < first + size; position++) {
    for (let tap = 0; tap < taps; tap++) {
      const cell = position * stride + tap * dilation - before;
      if (cell >= 0 && cell < cells) pairs.push(`${position}:${tap}`);
    }
  }
  return pairs.sort();
}

describe('tiles of an axis', () => {
  it('cover it in order, with the taps that meet the image', () => {
    fc.assert(
      fc.property(axes, between(0, 30), between(1, 60), between(1, 9), (axis, from, count, most) => {
        const sizes: number[] = [];
        let next = from;
        for (const series of tileAxis(axis, from, count, most)) {
          expect(series.first).toBe(next);
          for (let tile = 0; tile < series.count; tile++) {
            expect(pairsOf(series.runs, next)).toEqual(pairsInImage(axis, next, series.size));
            sizes.push(series.size);
            next += series.size;
          }
        }
        expect(next).toBe(from + count);
        expect(sizes.length).toBe(Math.ceil(count / most));
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 500, seed: 20_265 },
    );
  });

  it('are few where no padding is met, however long the axis', () => {
    const axis = { cells: 2 ** 29, taps: 3, stride: 1, dilation: 1, before: 1 };
    expect(tileAxis(axis, 0, 2 ** 29, 7).length).toBeLessThanOrEqual(5);
  });
});
