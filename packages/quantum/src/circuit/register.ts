import { InvalidArgumentError } from '@qedge/core';
import type { ClassicalVariable, Register } from './classical-expression.ts';

/** Everything of a circuit that has a name. */
export interface NamedParts {
  readonly quantumRegisters: readonly Register[];
  readonly classicalRegisters: readonly Register[];
  readonly variables: readonly ClassicalVariable[];
}

const NAME = /^[\p{L}_][\p{L}\p{N}_]*$/u;

/** @throws InvalidArgumentError for a name that is none or that the circuit already has. */
export function checkName(
  { quantumRegisters, classicalRegisters, variables }: NamedParts,
  name: string,
): void {
  const taken = [...quantumRegisters, ...classicalRegisters, ...variables].map((part) => part.name);
  if (typeof name !== 'string' || !NAME.test(name) || taken.includes(name)) {
    throw new InvalidArgumentError('A name is not usable', {
      expected: 'letters, digits and underscores, and a name that no other register or variable has',
      actual: name,
    });
  }
}

/** Checks a register against the bits that there are. @throws InvalidArgumentError when it does not fit. */
export function checkRegister(parts: NamedParts, { name, start, size }: Register, count: number): Register {
  checkName(parts, name);
  const fits = Number.isInteger(start) && Number.isInteger(size) && start >= 0 && size >= 1;
  if (!fits || start + size > count) {
    throw new InvalidArgumentError(`The register "${name}" does not fit`, {
      expected: `at least one bit, within 0..${count - 1}`,
      actual: `${size} from ${start}`,
    });
  }
  return { name, start, size };
}
