import { ParameterExpression } from '../../circuit/parameter.ts';
import type { BinaryExpression, TimeUnit } from '../syntax/syntax-tree.ts';
import type { Analysis } from './analysis.ts';
import { BOOL, type DurationValue, describeValue, literal, type Value } from './value.ts';

/** Nanoseconds of a unit; `dt` has no length of its own. */
const NANOSECONDS: Readonly<Record<Exclude<TimeUnit, 'dt'>, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };

function isDuration(value: Value): value is DurationValue {
  return typeof value === 'object' && !(value instanceof ParameterExpression) && value.kind === 'duration';
}

function plainNumber(value: Value): number | null {
  if (typeof value === 'number') return value;
  if (value instanceof ParameterExpression || value.kind !== 'literal') return null;
  return typeof value.value === 'boolean' || value.type.kind === 'angle' ? null : Number(value.value);
}

/** An operation on spans of time; null when neither side is one. */
export function combineDurations(
  analysis: Analysis,
  expression: BinaryExpression,
  left: Value,
  right: Value,
): Value | null {
  if (!isDuration(left) && !isDuration(right)) return null;
  const value =
    isDuration(left) && isDuration(right)
      ? combineTwo(expression.operator, left, right)
      : scale(expression.operator, left, right);
  const expected = 'sums, differences and multiples of durations in comparable units';
  const actual = () => `${describeValue(left)} ${expression.operator} ${describeValue(right)}`;
  return value ?? analysis.fail(expression.at, expected, actual());
}

function combineTwo(operator: string, left: DurationValue, right: DurationValue): Value | null {
  const common = commonUnit(left, right);
  if (common === null) return null;
  const [a, b, unit] = common;
  switch (operator) {
    case '+':
      return { kind: 'duration', value: a + b, unit };
    case '-':
      return { kind: 'duration', value: a - b, unit };
    case '/':
      return a / b;
    case '<':
      return literal(BOOL, a < b);
    case '<=':
      return literal(BOOL, a <= b);
    case '>':
      return literal(BOOL, a > b);
    case '>=':
      return literal(BOOL, a >= b);
    case '==':
      return literal(BOOL, a === b);
    case '!=':
      return literal(BOOL, a !== b);
    default:
      return null;
  }
}

function commonUnit(a: DurationValue, b: DurationValue): readonly [number, number, TimeUnit] | null {
  if (a.unit === b.unit) return [a.value, b.value, a.unit];
  if (a.unit === 'dt' || b.unit === 'dt') return null;
  return [a.value * NANOSECONDS[a.unit], b.value * NANOSECONDS[b.unit], 'ns'];
}

function scale(operator: string, left: Value, right: Value): Value | null {
  const [duration, factor] = isDuration(left) ? [left, plainNumber(right)] : [right, plainNumber(left)];
  if (!isDuration(duration) || factor === null) return null;
  if (operator === '*') return { ...duration, value: duration.value * factor };
  return operator === '/' && isDuration(left) ? { ...duration, value: duration.value / factor } : null;
}
