import { InvalidArgumentError } from '@qedge/core';

/** @throws InvalidArgumentError unless memory can have this length in bytes: an integer from 0 to 2^53 - 1. */
export function requireByteLength(byteLength: number): void {
  if (Number.isSafeInteger(byteLength) && byteLength >= 0) return;
  throw new InvalidArgumentError('A memory has an impossible length', {
    expected: 'an integer >= 0',
    actual: byteLength,
  });
}
