import type { ClassicalExpression, ClassicalType } from '../../circuit/classical-expression.ts';
import { ParameterExpression } from '../../circuit/parameter.ts';
import type { TimeUnit } from '../syntax/syntax-tree.ts';

/** A span of time that is known; `dt` cannot be compared with the other units. */
export interface DurationValue {
  readonly kind: 'duration';
  readonly value: number;
  readonly unit: TimeUnit;
}

/** An array whose elements are known; row-major. Never changed in place. */
export interface ArrayValue {
  readonly kind: 'array';
  readonly base: ClassicalType;
  readonly shape: readonly number[];
  readonly elements: readonly Value[];
}

/**
 * What an expression of a program comes to: a known float64 (a plain number), an expression of the program's inputs, a literal
 * or an expression that only a running program can evaluate, a span of time, or an array.
 */
export type Value = number | ParameterExpression | ClassicalExpression | DurationValue | ArrayValue;

export type LiteralValue = Extract<ClassicalExpression, { readonly kind: 'literal' }>;

/** A value that is known while the program is read. */
export type KnownValue = number | ParameterExpression | LiteralValue | DurationValue | ArrayValue;

export const FLOAT: ClassicalType = { kind: 'float', size: 64 };
export const BOOL: ClassicalType = { kind: 'bool' };
/** The width of integers that name none. */
export const DEFAULT_INTEGER_WIDTH = 64;
export const INT: ClassicalType = { kind: 'int', size: DEFAULT_INTEGER_WIDTH };

export function literal(type: ClassicalType, value: boolean | number | bigint): LiteralValue {
  return { kind: 'literal', type, value };
}

export function isKnown(value: Value): value is KnownValue {
  if (typeof value === 'number' || value instanceof ParameterExpression) return true;
  return value.kind === 'literal' || value.kind === 'duration' || value.kind === 'array';
}

/** Something that a running program computes with: a literal or an expression, plain numbers included. */
export function toClassical(value: Value): ClassicalExpression | null {
  if (typeof value === 'number') return literal(FLOAT, value);
  if (value instanceof ParameterExpression || value.kind === 'duration' || value.kind === 'array')
    return null;
  return value;
}

/** What a message calls a value. */
export function describeValue(value: Value): string {
  if (typeof value === 'number') return `the number ${value}`;
  if (value instanceof ParameterExpression) return `${value}, which depends on an input`;
  switch (value.kind) {
    case 'literal':
      return `${describeType(value.type)} ${value.value}`;
    case 'duration':
      return `a duration of ${value.value} ${value.unit}`;
    case 'array':
      return `an array of ${value.shape.join(' x ')}`;
    default:
      return 'a value that only the running program knows';
  }
}

/** As in a program: `uint[8]`. */
export function describeType(type: ClassicalType): string {
  return type.kind === 'bool' ? 'bool' : `${type.kind}[${type.size}]`;
}
