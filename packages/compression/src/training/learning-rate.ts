import { InvalidArgumentError } from '@qedge/core';

/** What every schedule may begin with. */
export interface WarmUp {
  /** Fraction of all steps, 0..1, over which the rate first rises from almost 0 (Goyal et al. 2017, arXiv:1706.02677); default 0. */
  readonly warmUp?: number;
}

/** The same rate throughout. */
export interface ConstantLearningRate extends WarmUp {
  readonly kind: 'constant';
  /** Positive. */
  readonly initial: number;
}

/** A learning rate that falls along half a cosine (Loshchilov and Hutter 2017, arXiv:1608.03983, equation 5, one cycle). */
export interface CosineLearningRate extends WarmUp {
  readonly kind?: 'cosine';
  /** At the first step; positive. */
  readonly initial: number;
  /** After the last step; 0 up to `initial`. */
  readonly final: number;
}

/** A learning rate that is multiplied by a factor at some moments. */
export interface StepLearningRate extends WarmUp {
  readonly kind: 'step';
  /** Positive. */
  readonly initial: number;
  /** What each drop multiplies with; in (0, 1]. */
  readonly factor: number;
  /** Fractions of the steps after which the rate drops, 0..1, ascending. */
  readonly drops: readonly number[];
}

/** `final + (initial - final) * (1 - progress)^power`. */
export interface PolynomialLearningRate extends WarmUp {
  readonly kind: 'polynomial';
  /** Positive. */
  readonly initial: number;
  /** After the last step; 0 up to `initial`. */
  readonly final: number;
  /** 1 is a straight line; positive. */
  readonly power: number;
}

/** How the learning rate changes while training. Plain, JSON-able data. */
export type LearningRateSchedule =
  | ConstantLearningRate
  | CosineLearningRate
  | StepLearningRate
  | PolynomialLearningRate;

/**
 * The learning rate of a step.
 * @param step from 0
 * @param total steps of the whole training
 * @throws InvalidArgumentError for an impossible schedule.
 */
export function learningRateAt(schedule: LearningRateSchedule, step: number, total: number): number {
  checkSchedule(schedule);
  const rising = Math.round((schedule.warmUp ?? 0) * total);
  if (step < rising) return (schedule.initial * (step + 1)) / (rising + 1);
  return scheduledRate(schedule, total > rising ? (step - rising) / (total - rising) : 1);
}

function scheduledRate(schedule: LearningRateSchedule, progress: number): number {
  const { initial } = schedule;
  switch (schedule.kind) {
    case 'constant':
      return initial;
    case 'step':
      return initial * schedule.factor ** schedule.drops.filter((drop) => drop <= progress).length;
    case 'polynomial':
      return schedule.final + (initial - schedule.final) * (1 - progress) ** schedule.power;
    default:
      return schedule.final + (initial - schedule.final) * 0.5 * (1 + Math.cos(Math.PI * progress));
  }
}

/** @throws InvalidArgumentError for a schedule that cannot be. */
export function checkSchedule(schedule: LearningRateSchedule): void {
  const { initial, warmUp = 0, kind = 'cosine' } = schedule;
  const expected = describeExpected(schedule);
  const isPossible = initial > 0 && Number.isFinite(initial) && warmUp >= 0 && warmUp <= 1;
  if (expected === null || !isPossible || !hasPossibleFall(schedule)) {
    throw new InvalidArgumentError('A learning rate schedule is impossible', {
      expected: expected ?? 'a kind of constant, cosine, step, polynomial',
      actual: expected === null ? kind : JSON.stringify(schedule),
    });
  }
}

function describeExpected({ kind = 'cosine' }: LearningRateSchedule): string | null {
  const common = 'initial > 0, 0 <= warmUp <= 1';
  const expected: Record<string, string> = {
    constant: common,
    cosine: `0 <= final <= initial, ${common}`,
    step: `0 < factor <= 1, drops ascending in 0..1, ${common}`,
    polynomial: `0 <= final <= initial, power > 0, ${common}`,
  };
  return Object.hasOwn(expected, kind) ? expected[kind]! : null;
}

function hasPossibleFall(schedule: LearningRateSchedule): boolean {
  if (schedule.kind === 'constant') return true;
  if (schedule.kind === 'step') {
    const { factor, drops } = schedule;
    const ascending = drops.every((drop, at) => drop >= (drops[at - 1] ?? 0) && drop <= 1);
    return factor > 0 && factor <= 1 && ascending;
  }
  const { initial, final } = schedule;
  const power = schedule.kind === 'polynomial' ? schedule.power : 1;
  return final >= 0 && final <= initial && power > 0 && Number.isFinite(power);
}
