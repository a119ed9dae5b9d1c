import { InvalidArgumentError, NonFiniteValueError, ShapeMismatchError } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { magnitudeScores, maskBySparsity, maskSparsity } from '../../src/index.ts';

/** Scores with many ties: few distinct numbers, of both signs. */
const scoreMaps = fc
  .array(fc.array(fc.constantFrom(-3e38, -2, -1e-40, -0, 0, 0.5, 1, 1e-40, 3e38), { maxLength: 30 }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((lists) => new Map(lists.map((list, at) => [`layer${at}/kernel`, Float32Array.from(list)])));
const sparsities = fc.double({ min: 0, max: 1, noNaN: true });

/** What to keep, by sorting scores with their indices. */
function referenceMask(values: readonly number[], removed: number): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b] || a - b);
  const mask = values.map(() => 1);
  for (const i of order.slice(0, removed)) mask[i] = 0;
  return mask;
}

const flat = (arrays: ReadonlyMap<string, ArrayLike<number>>) =>
  [...arrays.values()].flatMap((part) => Array.from(part));

describe('maskBySparsity', () => {
  it('agrees with sorting by score and index, over all weights together', () => {
    fc.assert(
      fc.property(scoreMaps, sparsities, (scores, sparsity) => {
        const values = flat(scores);
        const masks = maskBySparsity(scores, { sparsity, scope: 'global' });
        expect(flat(masks)).toEqual(referenceMask(values, Math.round(sparsity * values.length)));
        expect([...masks.keys()]).toEqual([...scores.keys()]);
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('agrees with sorting within each layer', () => {
    fc.assert(
      fc.property(scoreMaps, sparsities, (scores, sparsity) => {
        const masks = maskBySparsity(scores, { sparsity, scope: 'layer' });
        for (const [name, values] of scores) {
          const expected = referenceMask([...values], Math.round(sparsity * values.length));
          expect([...masks.get(name)!]).toEqual(expected);
        }
      }),
      { seed: 2, numRuns: 200 },
    );
  });

  it('meets the sparsity exactly when all scores are equal, lowest index first', () => {
    const scores = magnitudeScores(
      new Map([
        ['a', new Float32Array(3).fill(0.5)],
        ['b', new Float32Array(4).fill(-0.5)],
      ]),
    );
    const masks = maskBySparsity(scores, { sparsity: 4 / 7, scope: 'global' });
    expect(flat(masks)).toEqual([0, 0, 0, 0, 1, 1, 1]);
    expect(maskSparsity(masks)).toBeCloseTo(4 / 7, 15);
  });

  it('keeps fewer weights, never others, as sparsity grows', () => {
    fc.assert(
      fc.property(scoreMaps, sparsities, sparsities, (scores, one, other) => {
        const [low, high] = [Math.min(one, other), Math.max(one, other)];
        const more = flat(maskBySparsity(scores, { sparsity: low, scope: 'global' }));
        const fewer = flat(maskBySparsity(scores, { sparsity: high, scope: 'global' }));
        expect(fewer.every((kept, i) => kept <= more[i])).toBe(true);
      }),
      { seed: 3 },
    );
  });

  it('never brings a removed weight back, whatever the scores and the sparsity have become', () => {
    fc.assert(
      fc.property(
        scoreMaps,
        sparsities,
        sparsities,
        fc.constantFrom('layer', 'global'),
        (scores, one, other, scope) => {
          const previous = maskBySparsity(scores, { sparsity: one, scope });
          const turned = new Map(
            Array.from(scores, ([name, values]) => [name, values.map((score) => -score)]),
          );
          const masks = maskBySparsity(turned, { sparsity: other, scope, previous });
          const [before, after] = [flat(previous), flat(masks)];
          expect(after.every((kept, i) => kept <= before[i])).toBe(true);
          if (scope === 'global') {
            const removed = Math.max(Math.round(one * before.length), Math.round(other * before.length));
            expect(after.filter((kept) => kept === 0)).toHaveLength(removed);
          }
        },
      ),
      { seed: 4 },
    );
  });

  it('removes nothing at 0, everything at 1, and takes no weights', () => {
    const scores = new Map([['a', Float32Array.of(0, 1)]]);
    expect(flat(maskBySparsity(scores, { sparsity: 0, scope: 'layer' }))).toEqual([1, 1]);
    expect(flat(maskBySparsity(scores, { sparsity: 1, scope: 'layer' }))).toEqual([0, 0]);
    expect(maskBySparsity(new Map(), { sparsity: 0.5, scope: 'global' }).size).toBe(0);
    expect(maskSparsity(new Map())).toBe(0);
  });

  it('refuses impossible sparsities and scopes, NaN and infinity, and masks that do not fit', () => {
    const scores = new Map([['a', Float32Array.of(1, 2)]]);
    for (const sparsity of [-0.1, 1.1, Number.NaN]) {
      expect(() => maskBySparsity(scores, { sparsity, scope: 'layer' })).toThrow(InvalidArgumentError);
    }
    const scope = 'channel' as 'layer';
    expect(() => maskBySparsity(scores, { sparsity: 0.5, scope })).toThrow(InvalidArgumentError);
    for (const broken of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const values = new Map([['a', Float32Array.of(1, broken)]]);
      expect(() => maskBySparsity(values, { sparsity: 0.5, scope: 'layer' })).toThrow(NonFiniteValueError);
    }
    const mask = (previous: Map<string, Uint8Array>) =>
      maskBySparsity(scores, { sparsity: 0.5, scope: 'layer', previous });
    expect(() => mask(new Map([['a', new Uint8Array(3)]]))).toThrow(ShapeMismatchError);
    expect(() => mask(new Map([['b', new Uint8Array(2)]]))).toThrow(InvalidArgumentError);
  });
});
