import { InvalidArgumentError } from '@qedge/core';
import { recordOf } from './check-instruction.ts';
import { bodiesOf, type Instruction, isControlFlow } from './instruction.ts';
import type { ParameterBinding, ParameterValue } from './parameter.ts';

/** Adds the names in an instruction's expressions, bodies included. */
export function collectParameterNames(instruction: Instruction, names: Set<string>): void {
  const add = (value: ParameterValue) => {
    if (typeof value !== 'number') for (const name of value.names) names.add(name);
  };
  if (instruction.kind === 'gate') for (const angle of instruction.parameters) add(angle);
  else if (instruction.kind === 'pauli-evolution') add(instruction.time);
  else if (instruction.kind === 'controlled') collectParameterNames(instruction.body, names);
  else if (isControlFlow(instruction)) {
    for (const body of bodiesOf(instruction)) for (const name of body.parameterNames) names.add(name);
  }
}

/** @throws InvalidArgumentError for names that are not known and values that are not finite. */
export function checkBinding(values: ParameterBinding, names: readonly string[]): void {
  recordOf(values, 'The values of parameters');
  const known = new Set(names);
  for (const [name, value] of Object.entries(values)) {
    if (!known.has(name)) {
      throw new InvalidArgumentError('The circuit has no such parameter', {
        expected: names.join(', ') || 'no parameters',
        actual: name,
      });
    }
    if (!Number.isFinite(value)) {
      throw new InvalidArgumentError(`The value of "${name}" is not usable`, {
        expected: 'a finite number',
        actual: value,
      });
    }
  }
}
