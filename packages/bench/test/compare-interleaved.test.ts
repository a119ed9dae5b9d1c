import { ManualClock, type Progress, Random } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { compareInterleaved, type Subject } from '../src/index.ts';
import { heavyTailed, syntheticSubjects } from './synthetic.ts';

/** Call times in milliseconds of one and the same work on machines of different temper. */
const machines: Record<string, (nowMs: number, random: Random) => number> = {
  'with 3 % Gaussian noise': (_nowMs, random) => 1 + 0.03 * Math.max(-10, random.normal()),
  'that slows down by half while it warms up': (nowMs, random) =>
    (1 + 0.5 * Math.min(1, nowMs / 300)) * (1 + 0.03 * Math.max(-10, random.normal())),
  'with heavy tails and stalls': (_nowMs, random) =>
    Math.exp(0.02 * Math.max(-50, Math.min(50, heavyTailed(random)))) * (random.uniform() < 0.05 ? 10 : 1),
};

const quick = { warmUpMs: 2, blockMs: 3 };

async function verdicts(machine: keyof typeof machines, slowdown: number, count: number): Promise<string[]> {
  const law = machines[machine]!;
  const found: string[] = [];
  for (let seed = 0; seed < count; seed++) {
    const { clock, subjects } = syntheticSubjects(new Random(seed), {
      base: law,
      candidate: (nowMs, random) => slowdown * law(nowMs, random),
    });
    const comparison = await compareInterleaved(subjects, { ...quick, clock, seed });
    found.push(comparison.subjects[1]!.verdict);
  }
  return found;
}

describe.each(Object.keys(machines))('compareInterleaved on a machine %s', (machine) => {
  it('calls a subject different from itself in at most 1 of 100 comparisons', async () => {
    const alarms = (await verdicts(machine, 1, 100)).filter((verdict) => verdict !== 'indistinguishable');
    expect(alarms.length).toBeLessThanOrEqual(1);
  });

  it('finds a slowdown and a speed-up of 5 % in at least 38 of 40 comparisons', async () => {
    const slower = (await verdicts(machine, 1.05, 40)).filter((verdict) => verdict === 'slower');
    expect(slower.length).toBeGreaterThanOrEqual(38);
    const faster = (await verdicts(machine, 1 / 1.05, 20)).filter((verdict) => verdict === 'faster');
    expect(faster.length).toBeGreaterThanOrEqual(19);
  });
});

describe('compareInterleaved', () => {
  it('gives ratios against the first subject, and medians per round', async () => {
    const { clock, subjects } = syntheticSubjects(new Random(1), {
      base: () => 2,
      half: () => 1,
      triple: () => 6,
    });
    const comparison = await compareInterleaved(subjects, { ...quick, clock, repeats: 8 });
    expect(comparison).toMatchObject({ baseline: 'base', repeats: 8, confidence: 0.99 });
    const [base, half, triple] = comparison.subjects;
    expect(base).toMatchObject({ ratio: { estimate: 1, low: 1, high: 1 }, verdict: 'indistinguishable' });
    expect(base!.medians).toEqual(new Array(8).fill(2));
    expect(half!.ratio.estimate).toBeCloseTo(0.5, 12);
    expect(half!.verdict).toBe('faster');
    expect(triple!.ratio.low).toBeCloseTo(3, 12);
    expect(triple!.verdict).toBe('slower');
    expect(triple!.summary.p50).toBe(6);
  });

  it('interleaves in an order that the seed decides, every subject once a round', async () => {
    const orders = async (seed: number) => {
      const clock = new ManualClock();
      const order: string[] = [];
      const subject = (name: string): Subject => ({
        name,
        run: () => {
          clock.advance(1);
          order.push(name);
        },
      });
      await compareInterleaved([subject('a'), subject('b'), subject('c')], {
        clock,
        seed,
        repeats: 20,
        blockMs: 3,
        warmUpMs: 0,
      });
      return order.slice(-60 * 3).filter((_, i) => i % 3 === 0);
    };
    const first = await orders(1);
    expect(await orders(1)).toEqual(first);
    expect(await orders(2)).not.toEqual(first);
    const rounds = Array.from({ length: 20 }, (_, i) => first.slice(3 * i, 3 * i + 3));
    for (const round of rounds) expect(round.toSorted()).toEqual(['a', 'b', 'c']);
    expect(new Set(rounds.map((round) => round.join(''))).size).toBeGreaterThan(3);
  });

  it('says nothing about differences below the minimum effect, however sure', async () => {
    const { clock, subjects } = syntheticSubjects(new Random(1), { base: () => 1, close: () => 1.02 });
    const judge = async (minimumEffectFraction: number) =>
      (await compareInterleaved(subjects, { ...quick, clock, minimumEffectFraction })).subjects[1]!.verdict;
    expect(await judge(0.03)).toBe('indistinguishable');
    expect(await judge(0.01)).toBe('slower');
  });

  it('checks every subject and names the wrong one', async () => {
    const { clock, subjects } = syntheticSubjects(new Random(1), { base: () => 1, wrong: () => 0.1 });
    const broken = {
      ...subjects[1]!,
      check: () => {
        throw new Error('no');
      },
    };
    await expect(compareInterleaved([subjects[0]!, broken], { ...quick, clock })).rejects.toThrow(
      '"wrong" gave a wrong result before timing: no',
    );
  });

  it('tells its progress per round and can be cancelled', async () => {
    const { clock, subjects } = syntheticSubjects(new Random(1), { base: () => 1, other: () => 1 });
    const heard: Progress[] = [];
    const stop = new AbortController();
    const onProgress = (progress: Progress) => {
      heard.push(progress);
      if (progress.done === 4) stop.abort();
    };
    await expect(
      compareInterleaved(subjects, { ...quick, clock, onProgress, signal: stop.signal }),
    ).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(heard).toEqual([1, 2, 3, 4].map((done) => ({ phase: 'comparing', done, total: 30 })));
  });

  it('refuses one subject, equal names and too few repeats', async () => {
    const { subjects } = syntheticSubjects(new Random(1), { base: () => 1, other: () => 1 });
    await expect(compareInterleaved(subjects.slice(1))).rejects.toThrow('at least two');
    await expect(compareInterleaved([subjects[0]!, subjects[0]!])).rejects.toThrow('share a name');
    await expect(compareInterleaved(subjects, { repeats: 5 })).rejects.toThrow('a number >= 6');
  });
});
