import { InvalidArgumentError } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LearningRateSchedule, learningRateAt } from '../../src/index.ts';

const rates = (schedule: LearningRateSchedule, total: number) =>
  Array.from({ length: total }, (_, step) => learningRateAt(schedule, step, total));

describe('learningRateAt', () => {
  it('follows each schedule', () => {
    expect(rates({ kind: 'constant', initial: 0.5 }, 3)).toEqual([0.5, 0.5, 0.5]);
    expect(rates({ kind: 'step', initial: 1, factor: 0.5, drops: [0.5, 0.75] }, 4)).toEqual([
      1, 1, 0.5, 0.25,
    ]);
    expect(rates({ kind: 'polynomial', initial: 1, final: 0, power: 1 }, 4)).toEqual([1, 0.75, 0.5, 0.25]);
    expect(rates({ kind: 'polynomial', initial: 2, final: 1, power: 2 }, 2)).toEqual([2, 1.25]);
    const cosine = rates({ initial: 1, final: 0 }, 4);
    expect(cosine[0]).toBe(1);
    expect(cosine[2]).toBeCloseTo(0.5, 12);
    expect(rates({ kind: 'cosine', initial: 1, final: 0 }, 4)).toEqual(cosine);
  });

  it('rises on a line first, and then takes the schedule from its start to its end', () => {
    const warm = rates({ initial: 1, final: 0, warmUp: 0.2 }, 20);
    expect(warm.slice(0, 5)).toEqual([1 / 5, 2 / 5, 3 / 5, 4 / 5, 1]);
    expect(warm[4 + 8]).toBeCloseTo(0.5, 12);
    expect(rates({ kind: 'constant', initial: 1, warmUp: 1 }, 2)).toEqual([1 / 3, 2 / 3]);
  });

  it('stays between its ends and never rises after the warm-up', () => {
    const fraction = fc.double({ min: 0, max: 1, noNaN: true });
    const schedule = fc
      .record({
        initial: fc.double({ min: 1e-6, max: 10, noNaN: true }),
        part: fraction,
        warmUp: fraction,
        power: fc.double({ min: 0.1, max: 5, noNaN: true }),
      })
      .map(({ initial, part, warmUp, power }) => ({ initial, final: initial * part, warmUp, power }));
    fc.assert(
      fc.property(
        schedule,
        fc.constantFrom('cosine', 'polynomial'),
        fc.integer({ min: 1, max: 60 }),
        (settings, kind, total) => {
          const values = rates({ ...settings, kind } as LearningRateSchedule, total);
          const rising = Math.round(settings.warmUp * total);
          values.forEach((value, step) => {
            expect(value).toBeGreaterThan(0);
            expect(value).toBeLessThanOrEqual(settings.initial * (1 + 1e-12));
            if (step > rising) expect(value).toBeLessThanOrEqual(values[step - 1]! * (1 + 1e-12));
          });
        },
      ),
      { seed: 11, numRuns: 100 },
    );
  });

  it('refuses impossible schedules', () => {
    for (const schedule of [
      { kind: 'constant', initial: 0 },
      { kind: 'constant', initial: Number.NaN },
      { kind: 'constant', initial: 1, warmUp: 1.5 },
      { initial: 1, final: 2 },
      { kind: 'step', initial: 1, factor: 0, drops: [] },
      { kind: 'step', initial: 1, factor: 0.5, drops: [0.7, 0.3] },
      { kind: 'polynomial', initial: 1, final: 0, power: 0 },
      { kind: 'cyclic', initial: 1 },
    ]) {
      expect(() => learningRateAt(schedule as LearningRateSchedule, 0, 1)).toThrow(InvalidArgumentError);
    }
  });
});
