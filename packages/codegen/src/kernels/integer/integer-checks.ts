import { InvalidArgumentError } from '@qedge/core';

/** Offsets in code are 32-bit; what one kernel works on must be reachable with them. */
const MOST_SPAN_BYTES = 2 ** 31 - 2 ** 16;

/** @throws InvalidArgumentError for a number above `most`. */
export function requireAtMost(name: string, value: number, most: number, remedy: string): void {
  if (value <= most) return;
  throw new InvalidArgumentError(`Too large ${name}`, { expected: `at most ${most}`, actual: value, remedy });
}

/** @throws InvalidArgumentError for a matrix of too many bytes. */
export function requireSpan(name: string, byteLength: number): void {
  requireAtMost(`span of ${name} in bytes`, byteLength, MOST_SPAN_BYTES, 'Compute the product in parts.');
}
