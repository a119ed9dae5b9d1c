import { QedgeError } from '@qedge/core';
import type { ClassicalExpression, ClassicalType } from '../../circuit/classical-expression.ts';
import { ClassicalMemory } from '../../circuit/classical-memory.ts';
import { checkCast, typeOfExpression } from '../../circuit/classical-type.ts';
import { evaluateClassical } from '../../circuit/evaluate-classical.ts';
import { ParameterExpression } from '../../circuit/parameter.ts';
import type { Analysis } from './analysis.ts';
import type { ResolvedType } from './types.ts';
import { describeType, describeValue, type LiteralValue, literal, toClassical, type Value } from './value.ts';

/** Literals need none. */
const NO_MEMORY = new ClassicalMemory(0);

/** Bits that one step computes with. */
const BITS_PER_STEP = 256;

/** Evaluates an operation whose operands are literals; any other one is kept for the running program. */
export function foldClassical(analysis: Analysis, expression: ClassicalExpression, start: number): Value {
  try {
    if (!operandsOf(expression).every(({ kind }) => kind === 'literal')) {
      // Operands that do not fit are found now, not by the running program.
      typeOfExpression(expression);
      return expression;
    }
    const { type, value } = evaluateClassical(expression, NO_MEMORY);
    if ('size' in type && type.size > BITS_PER_STEP)
      analysis.count(Math.ceil(type.size / BITS_PER_STEP), start);
    return fromLiteral(literal(type, value));
  } catch (error) {
    if (!(error instanceof QedgeError)) throw error;
    return analysis.fail(start, 'an operation that its operands have', error.message);
  }
}

/** A float64 is a plain number. */
export function fromLiteral(value: LiteralValue): Value {
  return value.type.kind === 'float' && typeof value.value === 'number' ? value.value : value;
}

function operandsOf(expression: ClassicalExpression): readonly ClassicalExpression[] {
  switch (expression.kind) {
    case 'unary':
    case 'cast':
      return [expression.operand];
    case 'binary':
      return [expression.left, expression.right];
    case 'index':
      return [expression.operand, expression.index];
    case 'call':
      return expression.arguments;
    default:
      return [expression];
  }
}

/** The value as one of another type, as by an assignment. @throws FileFormatError when there is none. */
export function castValue(analysis: Analysis, value: Value, type: ResolvedType, start: number): Value {
  switch (type.kind) {
    case 'classical':
      return castClassical(analysis, value, type.type, start);
    case 'duration':
      if (typeof value === 'object' && 'kind' in value && value.kind === 'duration') return value;
      return analysis.fail(start, 'a duration', describeValue(value));
    case 'array':
      if (typeof value === 'object' && 'kind' in value && value.kind === 'array') {
        if (value.shape.join() === type.shape.join()) {
          const elements = value.elements.map((element) =>
            castClassical(analysis, element, type.base, start),
          );
          return { ...value, base: type.base, elements };
        }
      }
      return analysis.fail(start, `an array of ${type.shape.join(' x ')}`, describeValue(value));
  }
}

/** The value as one of another type of the running program. */
export function castClassical(analysis: Analysis, value: Value, type: ClassicalType, start: number): Value {
  if (value instanceof ParameterExpression) {
    const changes = value.names.some((name) => analysis.storages.isVariable(name));
    if (type.kind === 'float' && !changes) return value;
    return analysis.refuse(
      start,
      `${describeValue(value)}, cannot become ${describeType(type)}`,
      'Give the input a value through the option "inputs"',
    );
  }
  if (typeof value === 'number' && type.kind === 'float' && type.size === 64) return value;
  const operand = toClassical(value);
  if (operand === null) return analysis.fail(start, describeType(type), describeValue(value));
  try {
    const own = typeOfExpression(operand);
    if (describeType(own) === describeType(type)) return value;
    checkCast(own, type);
  } catch (error) {
    if (!(error instanceof QedgeError)) throw error;
    return analysis.fail(start, describeType(type), error.message);
  }
  return foldClassical(analysis, { kind: 'cast', type, operand }, start);
}

/** Whether a condition holds, or the expression that decides it while the program runs. */
export function toCondition(analysis: Analysis, value: Value, start: number): boolean | ClassicalExpression {
  const cast = castClassical(analysis, value, { kind: 'bool' }, start);
  if (typeof cast === 'object' && 'kind' in cast && cast.kind === 'literal') return cast.value === true;
  const operand = toClassical(value);
  return operand ?? analysis.fail(start, 'a condition', describeValue(value));
}
