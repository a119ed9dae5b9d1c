/**
 * One step of Adam (Kingma and Ba, 2015) for `length` float32 parameters:
 *
 * - `first = beta1 * first + (1 - beta1) * gradient`
 * - `second = beta2 * second + (1 - beta2) * gradient^2`
 * - `value = value - firstScale * first / (sqrt(second * secondScale) + epsilon)`
 *
 * with `firstScale = learningRate / (1 - beta1^t)` and `secondScale = 1 / (1 - beta2^t)` in step t. Every output may be the input of
 * its kind.
 */
export interface AdamUpdateDescription {
  readonly kind: 'adam-update';
  /** Positive. */
  readonly length: number;
  /** 0 or more, below 1. */
  readonly beta1: number;
  /** 0 or more, below 1. */
  readonly beta2: number;
  /** 0 or more. */
  readonly epsilon: number;
}

/** Fields of the argument block of an Adam step; the scales are float32. */
export const ADAM_UPDATE_ARGUMENTS = {
  value: 0,
  gradient: 1,
  first: 2,
  second: 3,
  newValue: 4,
  newFirst: 5,
  newSecond: 6,
  firstScale: 7,
  secondScale: 8,
} as const;

/** Fields that the argument block of an Adam step has. */
export const ADAM_UPDATE_ARGUMENT_COUNT = 9;
