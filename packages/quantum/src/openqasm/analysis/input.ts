import { InvalidArgumentError } from '@qedge/core';
import { ParameterExpression } from '../../circuit/parameter.ts';
import type { StatementOf } from '../syntax/syntax-tree.ts';
import type { Analysis } from './analysis.ts';
import { castValue } from './cast.ts';
import type { ResolvedType } from './types.ts';
import { BOOL, describeType, INT, literal, type Value } from './value.ts';

/** A value for an `input`: a number or bigint, a boolean, or a string of zeros and ones for bits. */
export type InputValue = number | bigint | boolean | string;

/** Names the parameter that an input stands for, where the program's own word cannot be its name. */
export const PARAMETER_ANNOTATION = '@qedge.parameter';

/** The value that was given for an input; without one, a real input becomes a free parameter of the circuit. */
export function inputValue(
  analysis: Analysis,
  statement: StatementOf<'io-declaration'>,
  type: ResolvedType,
): Value {
  const { name, start } = statement;
  const { inputs = {} } = analysis.options;
  if (Object.hasOwn(inputs, name)) {
    const given = inputs[name]!;
    const value = castValue(analysis, givenValue(name, given), type, start);
    checkExact(name, given, value);
    return value;
  }
  if (type.kind === 'classical' && (type.type.kind === 'float' || type.type.kind === 'angle')) {
    return freeParameter(analysis, statement);
  }
  const what = type.kind === 'classical' ? describeType(type.type) : type.kind;
  return analysis.refuse(
    start,
    `the input "${name}" of type ${what} has no value`,
    `Give it one: { inputs: { ${name}: ... } }`,
  );
}

/** @throws InvalidArgumentError for a number that an integer type does not hold. */
function checkExact(name: string, given: InputValue, value: Value): void {
  if (typeof given !== 'number' && typeof given !== 'bigint') return;
  if (typeof value !== 'object' || !('kind' in value) || value.kind !== 'literal') return;
  const { type } = value;
  if ((type.kind === 'int' || type.kind === 'uint') && Number(value.value) !== Number(given)) {
    throw new InvalidArgumentError(`The input "${name}" is not usable`, {
      expected: `an integer that ${describeType(type)} holds`,
      actual: String(given),
    });
  }
}

function freeParameter(analysis: Analysis, statement: StatementOf<'io-declaration'>): Value {
  const name = parameterName(statement);
  try {
    return ParameterExpression.named(name);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    return analysis.refuse(statement.start, `"${name}" cannot be the name of a parameter`);
  }
}

/** The name of the parameter that an input stands for. */
export function parameterName({ name, annotations }: StatementOf<'io-declaration'>): string {
  return annotations?.find(({ keyword }) => keyword === PARAMETER_ANNOTATION)?.content ?? name;
}

function givenValue(name: string, value: InputValue): Value {
  if (typeof value === 'boolean') return literal(BOOL, value);
  if (typeof value === 'bigint') return literal(INT, value);
  if (typeof value === 'string') {
    if (/^[01]+$/.test(value)) return literal({ kind: 'bit', size: value.length }, BigInt(`0b${value}`));
  } else if (Number.isFinite(value)) return value;
  throw new InvalidArgumentError(`The input "${name}" is not usable`, {
    expected: 'a finite number, a boolean or a string of zeros and ones',
    actual: value,
  });
}
