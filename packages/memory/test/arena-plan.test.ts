import { InvalidArgumentError, Random } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ArenaPlan, type BufferLifetime, planArena } from '../src/index.ts';
import { networks, planLikeOnnxRuntime, planLikeTfLite, planLikeTfLiteMicro } from './arena-references.ts';

const lifetimes = (maxLength: number, maxBytes: number, steps: number) =>
  fc
    .array(
      fc.record({
        byteLength: fc.nat(maxBytes),
        firstUse: fc.nat(steps),
        duration: fc.nat(steps),
      }),
      { maxLength },
    )
    .map((items) =>
      items.map(
        ({ byteLength, firstUse, duration }, index): BufferLifetime => ({
          name: `b${index}`,
          byteLength,
          firstUse,
          lastUse: firstUse + duration,
        }),
      ),
    );

const liveTogether = (a: BufferLifetime, b: BufferLifetime) =>
  a.firstUse <= b.lastUse && b.firstUse <= a.lastUse;

/** Independent reference: every buffer at every offset below `limit`, alignment 1, no pruning by order. */
function fitsWithin(buffers: readonly BufferLifetime[], limit: number): boolean {
  const offsets: number[] = [];
  const place = (index: number): boolean => {
    const buffer = buffers[index];
    if (!buffer) return true;
    for (let offset = 0; offset + buffer.byteLength <= limit; offset++) {
      const clash = offsets.some((other, at) => {
        const placed = buffers[at]!;
        return (
          liveTogether(buffer, placed) &&
          offset < other + placed.byteLength &&
          other < offset + buffer.byteLength
        );
      });
      if (clash) continue;
      offsets.push(offset);
      if (place(index + 1)) return true;
      offsets.pop();
    }
    return false;
  };
  return place(0);
}

function smallestByBruteForce(buffers: readonly BufferLifetime[]): number {
  let limit = 0;
  while (!fitsWithin(buffers, limit)) limit++;
  return limit;
}

function expectValid(buffers: readonly BufferLifetime[], plan: ArenaPlan, alignment: number) {
  expect(plan.byteLength).toBeGreaterThanOrEqual(plan.lowerBoundBytes);
  expect(plan.offsets.size).toBe(buffers.length);
  const occupied = buffers.filter((buffer) => buffer.byteLength > 0);
  const misplaced = occupied.filter(({ name, byteLength }) => {
    const start = plan.offsets.get(name)!;
    return start % alignment !== 0 || start < 0 || start + byteLength > plan.byteLength;
  });
  const overlapping = occupied.flatMap((a, at) => {
    const start = plan.offsets.get(a.name)!;
    return occupied.slice(at + 1).filter((b) => {
      if (!liveTogether(a, b)) return false;
      const other = plan.offsets.get(b.name)!;
      return start < other + b.byteLength && other < start + a.byteLength;
    });
  });
  expect({ misplaced, overlapping }).toEqual({ misplaced: [], overlapping: [] });
}

function largestLiveSum(buffers: readonly BufferLifetime[], alignment: number): number {
  const sums = buffers.map(({ firstUse }) =>
    buffers
      .filter((other) => other.firstUse <= firstUse && firstUse <= other.lastUse)
      .reduce((sum, other) => sum + Math.ceil(other.byteLength / alignment) * alignment, 0),
  );
  return Math.max(0, ...sums);
}

/** Buffers that fill `capacity` bytes at every step: the hardest to place. */
function fillEveryStep(random: Random, capacity: number, steps: number): BufferLifetime[] {
  const buffers: { byteLength: number; firstUse: number; lastUse: number }[] = [];
  let live: typeof buffers = [];
  for (let step = 0; step < steps; step++) {
    live = live.filter(() => random.uniform() < 0.6);
    for (const buffer of live) buffer.lastUse = step;
    let free = capacity - live.reduce((sum, buffer) => sum + buffer.byteLength, 0);
    while (free > 0) {
      const byteLength = Math.min(free, 1 + random.integer(3));
      live.push({ byteLength, firstUse: step, lastUse: step });
      buffers.push(live.at(-1)!);
      free -= byteLength;
    }
  }
  return buffers.map((buffer, index) => ({ ...buffer, name: `b${index}` }));
}

describe('planArena', () => {
  it('lets a buffer reuse the bytes of one that is no longer read', () => {
    const plan = planArena([
      { name: 'input', byteLength: 3136, firstUse: 0, lastUse: 1 },
      { name: 'hidden', byteLength: 1024, firstUse: 1, lastUse: 2 },
      { name: 'output', byteLength: 40, firstUse: 2, lastUse: 2 },
    ]);
    expect(plan.byteLength).toBe(4160);
    expect(plan.lowerBoundBytes).toBe(4160);
    expect(plan.offsets.get('output')).toBe(plan.offsets.get('input'));
  });

  it('never overlaps live buffers, keeps the alignment and respects the lower bound', () => {
    fc.assert(
      fc.property(lifetimes(24, 5000, 12), fc.constantFrom(1, 16, 64, 4096), (buffers, alignment) => {
        const plan = planArena(buffers, { alignment });
        expectValid(buffers, plan, alignment);
        expect(plan.byteLength).toBeGreaterThanOrEqual(largestLiveSum(buffers, alignment));
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('is as small as brute force over all offsets allows', () => {
    fc.assert(
      fc.property(lifetimes(5, 4, 5), (buffers) => {
        expect(planArena(buffers, { alignment: 1 }).byteLength).toBe(smallestByBruteForce(buffers));
      }),
      { seed: 1, numRuns: 150 },
    );
  });

  it('proves the smallest plan where every step is full, and where what is live does not fit into its sum', () => {
    let improved = 0;
    for (let seed = 1; seed <= 120; seed++) {
      const buffers = fillEveryStep(new Random(seed), 6 + (seed % 3), 7);
      const plan = planArena(buffers, { alignment: 1 });
      const greedy = planArena(buffers, { alignment: 1, searchSteps: 0 });
      expect(plan).toMatchObject({ optimal: true, lowerBoundBytes: plan.byteLength });
      expect(greedy.optimal).toBe(greedy.byteLength === greedy.lowerBoundBytes);
      expect(fitsWithin(buffers, plan.byteLength)).toBe(true);
      if (plan.byteLength < greedy.byteLength) improved++;
      expect(fitsWithin(buffers, plan.byteLength - 1)).toBe(false);
    }
    expect(improved).toBeGreaterThan(0);
    // Six bytes are live at most, and still no plan has six.
    const sizesAndUses = [
      [3, 0, 2],
      [3, 0, 0],
      [1, 1, 4],
      [2, 1, 3],
      [2, 3, 4],
      [1, 3, 3],
      [3, 4, 6],
      [3, 5, 6],
    ] as const;
    const awkward = sizesAndUses.map(([byteLength, firstUse, lastUse], index): BufferLifetime => {
      return { name: `b${index}`, byteLength, firstUse, lastUse };
    });
    expect(largestLiveSum(awkward, 1)).toBe(6);
    expect(fitsWithin(awkward, 6)).toBe(false);
    expect(planArena(awkward, { alignment: 1 })).toMatchObject({
      byteLength: 7,
      lowerBoundBytes: 7,
      optimal: true,
    });
    expect(planArena(awkward, { alignment: 1, searchSteps: 0 })).toMatchObject({
      lowerBoundBytes: 6,
      optimal: false,
    });
  });

  it('reaches the lower bound on chains, residual, dense and U-shaped networks', () => {
    for (const [name, buffers] of Object.entries(networks)) {
      const plan = planArena(buffers);
      expect([name, plan.byteLength / plan.lowerBoundBytes]).toEqual([name, 1]);
      expect(plan.optimal).toBe(true);
    }
  });

  it('is never larger than the plans of TensorFlow Lite, TensorFlow Lite Micro and ONNX Runtime', () => {
    let smaller = 0;
    const compare = (buffers: readonly BufferLifetime[], searchSteps: number) => {
      const { byteLength } = planArena(buffers, { alignment: 64, searchSteps });
      for (const plan of [planLikeTfLite, planLikeTfLiteMicro, planLikeOnnxRuntime]) {
        const theirs = plan(buffers);
        expect(byteLength).toBeLessThanOrEqual(theirs);
        if (byteLength < theirs) smaller++;
      }
    };
    for (const buffers of Object.values(networks)) compare(buffers, 1e5);
    fc.assert(
      fc.property(lifetimes(60, 9000, 20), (list) => {
        // Theirs never see a buffer without bytes.
        const buffers = list.filter((buffer) => buffer.byteLength > 0);
        compare(buffers, 0);
        compare(buffers, 20_000);
      }),
      { seed: 1, numRuns: 150 },
    );
    expect(smaller).toBeGreaterThan(0);
  });

  it('improves on greedy placement within its steps, and gives equal plans for equal problems', () => {
    const random = new Random(5);
    let improved = 0;
    for (let round = 0; round < 10; round++) {
      const buffers = Array.from({ length: 120 }, (_, index): BufferLifetime => {
        const firstUse = random.integer(90);
        const byteLength = 64 * (1 + random.integer(300));
        return { name: `b${index}`, byteLength, firstUse, lastUse: firstUse + random.integer(12) };
      });
      const greedy = planArena(buffers, { searchSteps: 0 });
      const searched = planArena(buffers, { searchSteps: 300_000 });
      expect(searched.byteLength).toBeLessThanOrEqual(greedy.byteLength);
      expect(searched).toEqual(planArena(buffers, { searchSteps: 300_000 }));
      if (searched.byteLength < greedy.byteLength) improved++;
    }
    expect(improved).toBeGreaterThan(2);
  });

  it('plans thousands of buffers, few or most of them live together', () => {
    const random = new Random(3);
    for (const [count, duration] of [
      [4000, 12],
      [1500, 1000],
    ] as const) {
      const buffers = Array.from({ length: count }, (_, index): BufferLifetime => {
        const firstUse = random.integer(count);
        const byteLength = 64 * (1 + random.integer(999));
        return { name: `b${index}`, byteLength, firstUse, lastUse: firstUse + random.integer(duration) };
      });
      const plan = planArena(buffers, { searchSteps: 1e6 });
      expectValid(buffers, plan, 64);
      // Random lifetimes are harder than those of networks; greedy placement alone stays within 10 %.
      expect(plan.byteLength / plan.lowerBoundBytes).toBeLessThan(1.1);
    }
  });

  it('plans nothing for no buffers and gives empty buffers an offset', () => {
    expect(planArena([])).toEqual({ offsets: new Map(), byteLength: 0, lowerBoundBytes: 0, optimal: true });
    const plan = planArena([{ name: 'empty', byteLength: 0, firstUse: 0, lastUse: 0 }]);
    expect(plan.byteLength).toBe(0);
    expect(plan.offsets.get('empty')).toBe(0);
  });

  it.each([
    ['a negative size', [{ name: 'a', byteLength: -1, firstUse: 0, lastUse: 0 }], {}],
    ['a fractional size', [{ name: 'a', byteLength: 1.5, firstUse: 0, lastUse: 0 }], {}],
    ['a lifetime that ends before it starts', [{ name: 'a', byteLength: 1, firstUse: 2, lastUse: 1 }], {}],
    [
      'sizes beyond 2^53 in all',
      ['a', 'b'].map((name) => ({ name, byteLength: 2 ** 52 + 1, firstUse: 0, lastUse: 0 })),
      {},
    ],
    ['NaN as a step', [{ name: 'a', byteLength: 1, firstUse: Number.NaN, lastUse: 1 }], {}],
    ['an alignment of 48', [], { alignment: 48 }],
    ['an alignment of 0', [], { alignment: 0 }],
    ['a negative number of steps', [], { searchSteps: -1 }],
    ['NaN as a number of steps', [], { searchSteps: Number.NaN }],
    [
      'two buffers of one name',
      [
        { name: 'a', byteLength: 1, firstUse: 0, lastUse: 0 },
        { name: 'a', byteLength: 1, firstUse: 0, lastUse: 0 },
      ],
      {},
    ],
  ])('refuses %s', (_, buffers, options) => {
    expect(() => planArena(buffers, options)).toThrow(InvalidArgumentError);
  });
});
