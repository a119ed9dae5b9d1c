import { InvalidArgumentError } from '@qedge/core';
import type { Epilogue } from '../../description/epilogue.ts';

const ACTIVATIONS: readonly string[] = ['none', 'relu', 'relu6', 'sigmoid', 'tanh', 'gelu', 'silu'];
/** Offsets in code are 32-bit; what one kernel works on must be reachable with them. */
const MOST_SPAN_BYTES = 2 ** 31 - 2 ** 16;

/** @throws InvalidArgumentError unless `value` is one of `allowed`. */
export function requireOneOf(name: string, value: unknown, allowed: readonly unknown[]): void {
  if (allowed.includes(value)) return;
  throw new InvalidArgumentError(`Unknown ${name}`, {
    expected: allowed.map(String).join(', '),
    actual: String(value),
  });
}

/** @throws InvalidArgumentError for a number above `most`. */
export function requireAtMost(name: string, value: number, most: number, remedy: string): void {
  if (value <= most) return;
  throw new InvalidArgumentError(`Too large ${name}`, { expected: `at most ${most}`, actual: value, remedy });
}

/** @throws InvalidArgumentError for a matrix of too many bytes. */
export function requireSpan(name: string, byteLength: number): void {
  requireAtMost(`span of ${name} in bytes`, byteLength, MOST_SPAN_BYTES, 'Compute the product in parts.');
}

/** @throws InvalidArgumentError for an unknown activation, or softmax, which needs a kernel of its own after integer products. */
export function requireEpilogue({ bias, activation, softmax }: Epilogue): void {
  requireOneOf('choice of a bias', bias, [true, false]);
  requireOneOf('activation', activation, ACTIVATIONS);
  if (!softmax) return;
  throw new InvalidArgumentError('Integer products do not end in softmax', {
    expected: 'softmax: false',
    actual: softmax,
    remedy: 'Run a softmax kernel on the result.',
  });
}

/** The canonical text of an epilogue. */
export function epilogueKey({ bias, activation }: Epilogue): string {
  return `${bias ? 'bias_' : ''}${activation}`;
}
