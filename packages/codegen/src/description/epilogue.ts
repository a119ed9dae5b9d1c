import { InvalidArgumentError } from '@qedge/core';
import { requireKnown } from './require-known.ts';

/** The {@link Activation}s by name. */
export const ACTIVATIONS = [
  'none',
  'relu',
  'relu6',
  'sigmoid',
  'tanh',
  'gelu',
  'silu',
  'gelu-tanh',
  'hard-swish',
] as const;

/**
 * Functions of one value that can follow a product. `gelu` is the exact one, `x / 2 * (1 + erf(x / sqrt 2))`; `silu` is `x * sigmoid(x)`;
 * `gelu-tanh` approximates gelu by `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)))`; `hard-swish` is `x * min(max(x + 3, 0), 6) / 6`.
 */
export type Activation = (typeof ACTIVATIONS)[number];

/** What happens to a float32 result between the accumulator and memory: first the bias, then the activation, then softmax. */
export interface Epilogue {
  /** Adds a float32 per column. */
  readonly bias: boolean;
  readonly activation: Activation;
  /** Softmax over each finished row of the result. */
  readonly softmax: boolean;
}

export const NO_EPILOGUE: Epilogue = { bias: false, activation: 'none', softmax: false };

/** Refuses an activation that is not known. @throws InvalidArgumentError. */
export function requireActivation(activation: Activation): void {
  requireKnown('activation', activation, ACTIVATIONS);
}

/** Refuses what is not an epilogue. @throws InvalidArgumentError. */
export function requireEpilogue({ bias, activation, softmax }: Epilogue): void {
  requireKnown('choice of a bias', bias, [true, false]);
  requireActivation(activation);
  requireKnown('choice of softmax', softmax, [true, false]);
}

/** Refuses what is not an epilogue, and softmax. @throws InvalidArgumentError naming `what` it should follow. */
export function requireEpilogueWithoutSoftmax(what: string, epilogue: Epilogue): void {
  requireEpilogue(epilogue);
  if (!epilogue.softmax) return;
  throw new InvalidArgumentError(`Softmax cannot follow ${what} in one kernel`, {
    expected: 'softmax: false',
    actual: true,
    remedy: 'Run a softmax kernel on the result.',
  });
}

/** Canonical text of an epilogue, for keys of kernels. */
export function epilogueKey({ bias, activation, softmax }: Epilogue): string {
  return `${bias ? 'bias_' : ''}${activation}${softmax ? '_softmax' : ''}`;
}
