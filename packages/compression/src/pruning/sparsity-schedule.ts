import { InvalidArgumentError } from '@qedge/core';

/** A gradual rise of sparsity. */
export interface SparsityRamp {
  /** Sparsity at the start, 0..1. */
  readonly initial: number;
  /** Sparsity from `end` on, 0..1. */
  readonly final: number;
  /** Progress in 0..1 at which the rise begins. */
  readonly begin: number;
  /** Progress in 0..1 at which `final` is reached; not before `begin`. */
  readonly end: number;
}

/**
 * Sparsity at a moment of training on the cubic schedule of Zhu and Gupta 2017 (arXiv:1710.01878, equation 1):
 * `final + (initial - final) * (1 - p)^3`; it prunes fast while weights are plenty and slowly near the end.
 *
 * @param progress fraction of the training done, 0..1
 * @throws InvalidArgumentError when a number is outside 0..1 or the ramp ends before it begins.
 */
export function cubicSparsity(progress: number, { initial, final, begin, end }: SparsityRamp): number {
  const numbers = [progress, initial, final, begin, end];
  if (!numbers.every((value) => value >= 0 && value <= 1) || end < begin) {
    throw new InvalidArgumentError('A sparsity schedule is impossible', {
      expected: 'progress, initial, final, begin <= end, all in 0..1',
      actual: numbers,
    });
  }
  if (progress < begin) return initial;
  if (progress >= end) return final;
  return final + (initial - final) * (1 - (progress - begin) / (end - begin)) ** 3;
}
