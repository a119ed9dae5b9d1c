import type { Activation } from './epilogue.ts';

/** `y[i] = activation(x[i])` for `length` float32 numbers. y may be x. */
export interface ActivationDescription {
  readonly kind: 'activation';
  readonly activation: Activation;
  /** Positive. */
  readonly length: number;
}

/** Fields of the argument block of an activation kernel. */
export const ACTIVATION_ARGUMENTS = { input: 0, output: 1 } as const;

/** Fields that the argument block of an activation kernel has. */
export const ACTIVATION_ARGUMENT_COUNT = 2;
