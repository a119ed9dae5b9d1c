import { InvalidArgumentError } from '@qedge/core';

/** When masks are chosen anew, as fractions of the training. Between the choices they stay. */
interface PruningPeriod {
  /** Fraction of the steps after which the first masks are chosen, 0..1. */
  readonly begin: number;
  /** Fraction of the steps after which the last masks are chosen, 0..1, not before `begin`; what remains is fine-tuning. */
  readonly end: number;
  /** Steps between two choices, an integer >= 1. */
  readonly intervalSteps: number;
}

/** How sparsity grows while a model trains. Plain data. */
export type SparsitySchedule =
  /** The same from `begin` on; the masks still follow the weights until `end`. */
  | (PruningPeriod & { readonly kind: 'constant'; readonly sparsity: number })
  /**
   * `final + (initial - final) * (1 - p)^power` with `p` from 0 at `begin` to 1 at `end`. Power 3 is the schedule of Zhu and Gupta 2017
   * (arXiv:1710.01878, equation 1): fast while weights are plenty, slow near the end. Power 1 is linear.
   */
  | (PruningPeriod & {
      readonly kind: 'polynomial';
      readonly initial: number;
      readonly final: number;
      /** Above 0. */
      readonly power: number;
    });

/** @throws InvalidArgumentError when a number of the schedule is out of range. */
export function validateSparsitySchedule(schedule: SparsitySchedule): void {
  const { kind, begin, end, intervalSteps } = schedule;
  if (kind !== 'constant' && kind !== 'polynomial') {
    throw new InvalidArgumentError('Unknown sparsity schedule', {
      expected: 'constant, polynomial',
      actual: String(kind),
    });
  }
  const sparsities = kind === 'constant' ? [schedule.sparsity] : [schedule.initial, schedule.final];
  const power = kind === 'constant' ? 1 : schedule.power;
  const fractions = [begin, end, ...sparsities].every((value) => value >= 0 && value <= 1);
  const steps = Number.isSafeInteger(intervalSteps) && intervalSteps >= 1;
  if (!fractions || end < begin || !steps || !(power > 0 && Number.isFinite(power))) {
    throw new InvalidArgumentError('A sparsity schedule is impossible', {
      expected: 'sparsities and begin <= end in 0..1, a power above 0, an integer intervalSteps >= 1',
      actual: schedule,
    });
  }
}

/**
 * The sparsity that a schedule asks for: 0 before it begins, its last one from its end on.
 *
 * @param progress fraction of the training done, 0..1
 * @throws InvalidArgumentError when a number is out of range.
 */
export function scheduledSparsity(schedule: SparsitySchedule, progress: number): number {
  validateSparsitySchedule(schedule);
  if (!(progress >= 0 && progress <= 1)) {
    throw new InvalidArgumentError('The progress of training is out of range', {
      expected: '0..1',
      actual: progress,
    });
  }
  const { begin, end } = schedule;
  if (schedule.kind === 'constant') return progress < begin ? 0 : schedule.sparsity;
  const { initial, final, power } = schedule;
  if (progress >= end) return final;
  if (progress < begin) return 0;
  return final + (initial - final) * (1 - (progress - begin) / (end - begin)) ** power;
}

/**
 * Whether masks are to be chosen anew before step `step`: at the first step from `begin` on, every `intervalSteps` after it, and once at the
 * first step from `end` on, so that the last sparsity is always reached. To be asked for 0..totalSteps, `totalSteps` being the moment
 * after the last step (with `end: 1` the last choice is made there).
 *
 * @param step an integer, 0..totalSteps
 * @throws InvalidArgumentError when a number is out of range.
 */
export function isPruningStep(schedule: SparsitySchedule, step: number, totalSteps: number): boolean {
  validateSparsitySchedule(schedule);
  if (!(Number.isSafeInteger(step) && Number.isSafeInteger(totalSteps) && step >= 0 && step <= totalSteps)) {
    throw new InvalidArgumentError('A step is outside of the training', {
      expected: 'integers, 0 <= step <= totalSteps',
      actual: { step, totalSteps },
    });
  }
  const first = Math.ceil(schedule.begin * totalSteps);
  const last = Math.ceil(schedule.end * totalSteps);
  if (step === last) return true;
  return step >= first && step < last && (step - first) % schedule.intervalSteps === 0;
}
