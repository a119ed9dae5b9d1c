import { InvalidArgumentError } from '@qedge/core';

/** Refuses what is not among `known`. @throws InvalidArgumentError naming `name`. */
export function requireKnown(name: string, value: unknown, known: readonly unknown[]): void {
  if (known.includes(value)) return;
  throw new InvalidArgumentError(`Unknown ${name}`, {
    expected: known.map(String).join(', '),
    actual: String(value),
  });
}
