import { InvalidArgumentError } from '@qedge/core';
import type { ClassicalMemory } from '../../circuit/classical-memory.ts';
import { numberOf } from '../../circuit/evaluate-classical.ts';
import type { ParameterValues } from '../simulator.ts';

/**
 * Puts values in the order of a circuit's parameters.
 *
 * @throws InvalidArgumentError for a missing, an unknown or a superfluous value, or one that is not finite.
 */
export function orderParameterValues(names: readonly string[], values: ParameterValues = {}): Float64Array {
  const ordered = isList(values) ? orderList(names, values) : orderRecord(names, values);
  ordered.forEach((value, index) => {
    if (Number.isFinite(value)) return;
    throw new InvalidArgumentError(`The value of "${names[index]}" is not usable`, {
      expected: 'a finite number',
      actual: value,
    });
  });
  return ordered;
}

function orderList(names: readonly string[], values: ArrayLike<number>): Float64Array {
  if (values.length === names.length) return Float64Array.from(values);
  throw new InvalidArgumentError('The circuit has another number of parameters', {
    expected: names.length,
    actual: values.length,
  });
}

function orderRecord(names: readonly string[], values: Readonly<Record<string, number>>): Float64Array {
  const known = new Set(names);
  for (const name of Object.keys(values)) {
    if (known.has(name)) continue;
    throw new InvalidArgumentError('The circuit has no such parameter', {
      expected: names.join(', ') || 'no parameters',
      actual: name,
    });
  }
  return Float64Array.from(names, (name) => {
    if (Object.hasOwn(values, name)) return values[name]!;
    throw new InvalidArgumentError('A parameter of the circuit has no value', {
      expected: `a value for "${name}"`,
      actual: Object.keys(values).join(', ') || 'no values',
      remedy: 'Pass it in `parameters`, or bind the circuit first',
    });
  });
}

function isList(values: ParameterValues): values is ArrayLike<number> {
  return Array.isArray(values) || ArrayBuffer.isView(values);
}

/** The values of parameters, then those of variables. */
export function withVariables(
  values: Float64Array,
  variables: readonly string[],
  memory: ClassicalMemory,
): Float64Array {
  const all = new Float64Array(values.length + variables.length);
  all.set(values);
  variables.forEach((name, index) => {
    all[values.length + index] = numberOf(memory.read(name));
  });
  return all;
}

/** @throws InvalidArgumentError for a batch that is not whole vectors of finite numbers. */
export function checkBatch(parameters: Float64Array, width: number): void {
  if (width === 0 || parameters.length % width !== 0) {
    throw new InvalidArgumentError('A batch does not fit the circuit', {
      expected: `vectors of ${width} parameters`,
      actual: `${parameters.length} numbers`,
    });
  }
  let broken = 0;
  while (broken < parameters.length && Number.isFinite(parameters[broken]!)) broken++;
  if (broken === parameters.length) return;
  throw new InvalidArgumentError('A batch has a value that is not usable', {
    expected: 'finite numbers',
    actual: parameters[broken],
    facts: { index: broken },
  });
}
