import { Random } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BitWidthAssignment,
  type BitWidthLimits,
  chooseBitWidths,
  type LayerBitWidths,
  paretoFront,
} from '../../src/mixed-precision/bit-width-choice.ts';

/** Layers with a few widths each; small integers, so that ties are frequent. */
function drawLayers(count: number, seed: number): LayerBitWidths[] {
  const random = new Random(seed);
  return Array.from({ length: count }, (_, layer) => ({
    layer: `layer_${layer}`,
    options: Array.from({ length: 1 + random.integer(4) }, (_, option) => ({
      bits: 2 + option,
      loss: random.integer(8) - 1,
      bytes: random.integer(10),
      macBits: random.integer(6),
    })),
  }));
}

/** Every assignment there is. */
function enumerate(layers: readonly LayerBitWidths[]): BitWidthAssignment[] {
  return layers.reduce<BitWidthAssignment[]>(
    (all, { layer, options }) =>
      all.flatMap((before) =>
        options.map(({ bits, loss, bytes, macBits }) => ({
          bits: new Map([...before.bits, [layer, bits]]),
          loss: before.loss + loss,
          bytes: before.bytes + bytes,
          macBits: before.macBits + macBits,
        })),
      ),
    [{ bits: new Map(), loss: 0, bytes: 0, macBits: 0 }],
  );
}

const pointsOf = (
  assignments: readonly BitWidthAssignment[],
  costs: readonly ('bytes' | 'macBits' | 'loss')[],
) => [...new Set(assignments.map((each) => costs.map((cost) => each[cost]).join(' ')))].sort();

describe('paretoFront', () => {
  it('holds exactly the points that no assignment betters, each with widths that add up to it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5 }), fc.integer(), fc.boolean(), (count, seed, withMacs) => {
        const layers = drawLayers(count, seed);
        const costs = withMacs ? (['bytes', 'macBits'] as const) : (['bytes'] as const);
        const all = enumerate(layers);
        const keys = [...costs, 'loss'] as const;
        const dominates = (a: BitWidthAssignment, b: BitWidthAssignment) =>
          keys.every((key) => a[key] <= b[key]) && keys.some((key) => a[key] < b[key]);
        const expected = all.filter((each) => !all.some((other) => dominates(other, each)));
        const front = paretoFront(layers, costs);
        expect(pointsOf(front, keys)).toEqual(pointsOf(expected, keys));
        expect(front).toHaveLength(pointsOf(front, keys).length);
        for (const { bits, loss, bytes } of front) {
          const chosen = layers.map(({ layer, options }) =>
            options.find((option) => option.bits === bits.get(layer)),
          );
          expect(chosen.reduce((sum, option) => sum + option!.bytes, 0)).toBe(bytes);
          expect(chosen.reduce((sum, option) => sum + option!.loss, 0)).toBe(loss);
        }
      }),
      { seed: 1, numRuns: 150 },
    );
  });

  it('is ordered by bytes, with falling losses', () => {
    const front = paretoFront(drawLayers(8, 4));
    for (const [at, { bytes, loss }] of front.entries()) {
      if (at === 0) continue;
      expect(bytes).toBeGreaterThan(front[at - 1].bytes);
      expect(loss).toBeLessThan(front[at - 1].loss);
    }
  });

  it('copes with more layers than can be enumerated', () => {
    const random = new Random(5);
    const layers = Array.from({ length: 40 }, (_, layer) => ({
      layer: `layer_${layer}`,
      options: [8, 4, 3, 2].map((bits) => {
        const size = 1000 + random.integer(100_000);
        return { bits, loss: random.uniform() / bits, bytes: size * bits, macBits: size * bits };
      }),
    }));
    const front = paretoFront(layers);
    const cheapest = layers.reduce(
      (sum, { options }) => sum + Math.min(...options.map(({ bytes }) => bytes)),
      0,
    );
    const best = layers.reduce((sum, { options }) => sum + Math.min(...options.map(({ loss }) => loss)), 0);
    expect(front[0].bytes).toBe(cheapest);
    expect(front[front.length - 1].loss).toBeCloseTo(best, 9);
  });
});

describe('chooseBitWidths', () => {
  it('finds what enumeration finds, for any limits', () => {
    const limit = fc.option(fc.integer({ min: 0, max: 30 }), { nil: undefined });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer(),
        fc.record({ maxLoss: limit, maxBytes: limit, maxMacBits: limit }),
        fc.constantFrom('loss' as const, 'bytes' as const, 'macBits' as const),
        (count, seed, drawn, goal) => {
          const layers = drawLayers(count, seed);
          const limits = Object.fromEntries(
            Object.entries(drawn).filter(([, value]) => value !== undefined),
          ) as BitWidthLimits;
          const { maxLoss = 1e9, maxBytes = 1e9, maxMacBits = 1e9 } = limits;
          const within = enumerate(layers).filter(
            ({ loss, bytes, macBits }) => loss <= maxLoss && bytes <= maxBytes && macBits <= maxMacBits,
          );
          if (within.length === 0) {
            expect(() => chooseBitWidths(layers, limits, goal)).toThrow(/within the limits/);
            return;
          }
          const best = Math.min(...within.map((each) => each[goal]));
          const chosen = chooseBitWidths(layers, limits, goal);
          expect(chosen[goal]).toBe(best);
          expect(chosen.loss).toBeLessThanOrEqual(maxLoss);
          expect(chosen.bytes).toBeLessThanOrEqual(maxBytes);
          expect(chosen.macBits).toBeLessThanOrEqual(maxMacBits);
        },
      ),
      { seed: 2, numRuns: 150 },
    );
  });

  it('makes the loss least under limits of size, and the bytes least under a limit of the loss', () => {
    const options = [
      { bits: 8, loss: 0, bytes: 8, macBits: 8 },
      { bits: 2, loss: 1, bytes: 2, macBits: 2 },
    ];
    const layers = ['a', 'b'].map((layer) => ({ layer, options }));
    expect(chooseBitWidths(layers, { maxBytes: 12 })).toMatchObject({ loss: 1, bytes: 10 });
    expect(chooseBitWidths(layers, { maxMacBits: 5 })).toMatchObject({ loss: 2, macBits: 4 });
    expect(chooseBitWidths(layers, { maxLoss: 1 })).toMatchObject({ loss: 1, bytes: 10 });
  });

  it('refuses layers without options, names twice and costs that are not numbers', () => {
    const good = { bits: 8, loss: 0, bytes: 1, macBits: 1 };
    expect(() => chooseBitWidths([{ layer: 'a', options: [] }], {})).toThrow(/no option for "a"/);
    const twice = [
      { layer: 'a', options: [good] },
      { layer: 'a', options: [good] },
    ];
    expect(() => chooseBitWidths(twice, {})).toThrow(/different names/);
    const broken = [{ layer: 'a', options: [{ ...good, loss: Number.NaN }] }];
    expect(() => chooseBitWidths(broken, {})).toThrow(/"a" at 8 bits/);
  });
});
