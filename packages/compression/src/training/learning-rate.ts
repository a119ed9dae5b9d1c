import { InvalidArgumentError } from '@qedge/core';

/** A learning rate that falls along half a cosine (Loshchilov and Hutter 2017, arXiv:1608.03983, equation 5, one cycle). */
export interface CosineLearningRate {
  /** At the first step; positive. */
  readonly initial: number;
  /** After the last step; 0 up to `initial`. */
  readonly final: number;
}

/**
 * The learning rate at a moment of training.
 * @param progress fraction of the steps done, 0..1
 * @throws InvalidArgumentError for an impossible schedule.
 */
export function cosineLearningRate(progress: number, { initial, final }: CosineLearningRate): number {
  if (!(initial > 0 && Number.isFinite(initial) && final >= 0 && final <= initial)) {
    throw new InvalidArgumentError('A learning rate schedule is impossible', {
      expected: '0 <= final <= initial, initial > 0',
      actual: [initial, final],
    });
  }
  return final + (initial - final) * 0.5 * (1 + Math.cos(Math.PI * progress));
}
