import type { ClassicalType } from '../../circuit/classical-expression.ts';
import type { ArrayType, Expression, ScalarType } from '../syntax/syntax-tree.ts';
import { type Analysis, MAX_BITS } from './analysis.ts';
import { evaluateInteger } from './evaluate.ts';
import { BOOL, DEFAULT_INTEGER_WIDTH, FLOAT } from './value.ts';

/** Wider integers and angles are a mistake. */
const MAX_WIDTH = 1024;
/** Elements of one array. */
const MAX_ELEMENTS = 1_000_000;

/** A type of the program: that of a classical value, or one that exists only while the program is read. */
export type ResolvedType =
  | { readonly kind: 'classical'; readonly type: ClassicalType }
  | { readonly kind: 'duration' }
  | { readonly kind: 'array'; readonly base: ClassicalType; readonly shape: readonly number[] };

/** Evaluates the widths of a type. @throws FileFormatError, or UnsupportedError for complex numbers and stretches. */
export function resolveType(analysis: Analysis, type: ScalarType | ArrayType): ResolvedType {
  if (type.kind === 'scalar-type') {
    if (type.name === 'duration') return { kind: 'duration' };
    return { kind: 'classical', type: resolveClassicalType(analysis, type) };
  }
  const base = resolveClassicalType(analysis, type.base);
  const shape = type.dimensions.map((size) => evaluateSize(analysis, size, MAX_ELEMENTS));
  const count = shape.reduce((product, size) => product * size, 1);
  if (count > MAX_ELEMENTS) {
    analysis.fail(type.start, `an array of at most ${MAX_ELEMENTS} elements`, String(count));
  }
  return { kind: 'array', base, shape };
}

/** The type of a value that a running program can hold. */
export function resolveClassicalType(analysis: Analysis, type: ScalarType): ClassicalType {
  const { name, width, start } = type;
  switch (name) {
    case 'bool':
      return BOOL;
    case 'bit':
      return { kind: 'bit', size: width === null ? 1 : evaluateSize(analysis, width, MAX_BITS) };
    case 'int':
    case 'uint':
      return {
        kind: name,
        size: width === null ? DEFAULT_INTEGER_WIDTH : evaluateSize(analysis, width, MAX_WIDTH),
      };
    case 'float':
      return resolveFloat(analysis, width);
    case 'angle':
      // Without a width, an angle is kept as radians in float64.
      return width === null ? FLOAT : { kind: 'angle', size: evaluateSize(analysis, width, MAX_WIDTH) };
    case 'complex':
      return analysis.refuse(start, 'complex numbers are not supported');
    default:
      return analysis.refuse(start, `values of type ${name} are not supported`);
  }
}

/** Every width up to 32 computes in float32, the others in float64. */
function resolveFloat(analysis: Analysis, width: Expression | null): ClassicalType {
  if (width === null) return FLOAT;
  const size = evaluateInteger(analysis, width, 'a width');
  if (size < 1 || size > 64) analysis.fail(width.start, 'a width in 1..64', String(size));
  return { kind: 'float', size: size <= 32 ? 32 : 64 };
}

/** A size >= 1 that is known while the program is read. */
export function evaluateSize(analysis: Analysis, expression: Expression, most: number): number {
  const size = evaluateInteger(analysis, expression, 'a size');
  if (size < 1 || size > most) analysis.fail(expression.start, `an integer in 1..${most}`, String(size));
  return size;
}
