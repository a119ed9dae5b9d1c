import { InvalidArgumentError } from '@qedge/core';

/** Refuses what is not an integer of at least `least`. @throws InvalidArgumentError naming `name`. */
export function requireInteger(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new InvalidArgumentError(`Impossible ${name}`, {
    expected: `an integer of at least ${least}`,
    actual: value,
  });
}
