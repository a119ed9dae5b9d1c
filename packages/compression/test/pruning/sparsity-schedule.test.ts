import { InvalidArgumentError } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPruningStep, type SparsitySchedule, scheduledSparsity } from '../../src/index.ts';

const cubic: SparsitySchedule = {
  kind: 'polynomial',
  initial: 0,
  final: 0.9,
  power: 3,
  begin: 0.2,
  end: 0.7,
  intervalSteps: 10,
};
const constant: SparsitySchedule = {
  kind: 'constant',
  sparsity: 0.5,
  begin: 0.1,
  end: 0.6,
  intervalSteps: 10,
};

/** The steps at which masks are chosen. */
function pruningSteps(schedule: SparsitySchedule, totalSteps: number): number[] {
  const steps = Array.from({ length: totalSteps + 1 }, (_, step) => step);
  return steps.filter((step) => isPruningStep(schedule, step, totalSteps));
}

describe('scheduledSparsity', () => {
  it('has the values of the published equation at power 3', () => {
    // Halfway: 0.9 * (1 - 1/8); a fifth of the way: 0.9 * (1 - 0.8^3).
    expect(scheduledSparsity(cubic, 0.45)).toBeCloseTo(0.7875, 12);
    expect(scheduledSparsity(cubic, 0.3)).toBeCloseTo(0.9 * (1 - 0.512), 12);
  });

  it('is a straight line at power 1 and any power between', () => {
    expect(scheduledSparsity({ ...cubic, power: 1, initial: 0.1 }, 0.45)).toBeCloseTo(0.5, 12);
    expect(scheduledSparsity({ ...cubic, power: 0.5 }, 0.575)).toBeCloseTo(0.9 * (1 - 0.5), 12);
  });

  it('is 0 before it begins and exact from its end on', () => {
    const late = { ...cubic, initial: 0.3 };
    expect([0, 0.1999].map((progress) => scheduledSparsity(late, progress))).toEqual([0, 0]);
    expect(scheduledSparsity(late, 0.2)).toBeCloseTo(0.3, 12);
    expect([0.7, 0.9, 1].map((progress) => scheduledSparsity(cubic, progress))).toEqual([0.9, 0.9, 0.9]);
    expect([0.0999, 0.1, 1].map((progress) => scheduledSparsity(constant, progress))).toEqual([0, 0.5, 0.5]);
  });

  it('jumps when it has no length', () => {
    const jump = { ...cubic, begin: 0.5, end: 0.5 };
    expect([0.49, 0.5].map((progress) => scheduledSparsity(jump, progress))).toEqual([0, 0.9]);
  });

  it('never falls while it rises from a lower to a higher sparsity', () => {
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        unit,
        unit,
        unit,
        unit,
        fc.double({ min: 0.1, max: 8, noNaN: true }),
        (a, b, c, d, power) => {
          const [initial, final] = [Math.min(a, b), Math.max(a, b)];
          const [begin, end] = [Math.min(c, d), Math.max(c, d)];
          const schedule = { ...cubic, initial, final, begin, end, power };
          const path = Array.from({ length: 21 }, (_, i) => scheduledSparsity(schedule, i / 20));
          path.slice(1).forEach((sparsity, i) => {
            expect(sparsity).toBeGreaterThanOrEqual(path[i] - 1e-15);
            expect(sparsity).toBeLessThanOrEqual(final + 1e-15);
          });
        },
      ),
      { seed: 1 },
    );
  });

  it('refuses numbers out of range', () => {
    expect(() => scheduledSparsity(cubic, 1.1)).toThrow(InvalidArgumentError);
    const wrong = [
      { final: Number.NaN },
      { begin: 0.8 },
      { power: 0 },
      { power: Number.POSITIVE_INFINITY },
      { intervalSteps: 0 },
      { intervalSteps: 1.5 },
      { initial: -0.1 },
    ];
    for (const part of wrong) {
      expect(() => scheduledSparsity({ ...cubic, ...part }, 0)).toThrow(InvalidArgumentError);
    }
    expect(() => scheduledSparsity({ ...constant, sparsity: 2 }, 0)).toThrow(InvalidArgumentError);
    const unknown = { ...constant, kind: 'exponential' } as unknown as SparsitySchedule;
    expect(() => scheduledSparsity(unknown, 0)).toThrow(InvalidArgumentError);
  });
});

describe('isPruningStep', () => {
  it('chooses masks at the beginning, at each interval and at the end', () => {
    expect(pruningSteps(cubic, 100)).toEqual([20, 30, 40, 50, 60, 70]);
    expect(pruningSteps({ ...cubic, end: 0.75 }, 100)).toEqual([20, 30, 40, 50, 60, 70, 75]);
    expect(pruningSteps(constant, 100)).toEqual([10, 20, 30, 40, 50, 60]);
  });

  it('reaches the last sparsity after the last step when the ramp is as long as training', () => {
    expect(pruningSteps({ ...cubic, begin: 0, end: 1, intervalSteps: 4 }, 10)).toEqual([0, 4, 8, 10]);
    expect(pruningSteps({ ...cubic, begin: 0, end: 1 }, 0)).toEqual([0]);
  });

  it('always asks once for the last sparsity, which is then exact', () => {
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        unit,
        unit,
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 40 }),
        (a, b, steps, interval) => {
          const period = { begin: Math.min(a, b), end: Math.max(a, b), intervalSteps: interval };
          const schedule = { ...cubic, ...period };
          const last = pruningSteps(schedule, steps).at(-1)!;
          expect(scheduledSparsity(schedule, last / steps)).toBe(0.9);
        },
      ),
      { seed: 2 },
    );
  });

  it('refuses steps outside of the training', () => {
    for (const step of [-1, 11, 0.5]) {
      expect(() => isPruningStep(cubic, step, 10)).toThrow(InvalidArgumentError);
    }
  });
});
