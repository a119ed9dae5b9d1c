import { InvalidArgumentError } from '@qedge/core';
import type { Register } from './classical-expression.ts';

/** Qubits or classical bits of a circuit: as many as a set can hold. */
export const MAX_BITS = 2 ** 24 - 1;

/** @throws InvalidArgumentError unless the value is an integer in 0..2^24 - 1. */
export function checkCount(value: number, problem: string): void {
  if (Number.isInteger(value) && value >= 0 && value <= MAX_BITS) return;
  throw new InvalidArgumentError(problem, { expected: `an integer in 0..${MAX_BITS}`, actual: value });
}

const NAME = /^[\p{L}_][\p{L}\p{N}_]*$/u;

/** @throws InvalidArgumentError for a name that is none or that the circuit already has. */
export function checkName(taken: ReadonlySet<string>, name: string): void {
  if (typeof name !== 'string' || !NAME.test(name) || taken.has(name)) {
    throw new InvalidArgumentError('A name is not usable', {
      expected: 'letters, digits and underscores, and a name that no other register or variable has',
      actual: name,
    });
  }
}

/** Checks a register against the bits that there are. @throws InvalidArgumentError when it does not fit. */
export function checkRegister(
  taken: ReadonlySet<string>,
  { name, start, size, isLocal = false }: Register,
  count: number,
): Register {
  checkName(taken, name);
  const fits = Number.isInteger(start) && Number.isInteger(size) && start >= 0 && size >= 1;
  if (!fits || start + size > count) {
    throw new InvalidArgumentError(`The register "${name}" does not fit`, {
      expected: `at least one bit, within 0..${count - 1}`,
      actual: { start, size },
    });
  }
  return isLocal ? { name, start, size, isLocal } : { name, start, size };
}
