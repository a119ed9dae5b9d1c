import { InvalidArgumentError } from '@qedge/core';

/** @throws InvalidArgumentError unless `value` is a finite number of at least `minimum`. */
export function requireAtLeast(name: string, value: number, minimum: number): void {
  if (Number.isFinite(value) && value >= minimum) return;
  throw new InvalidArgumentError(`Option "${name}" is out of range`, {
    expected: `a number >= ${minimum}`,
    actual: value,
  });
}
