import type { Cursor } from './cursor.ts';
import { parseExpression } from './parse-expression.ts';
import type {
  ArgumentDefinition,
  ArrayReferenceType,
  ArrayType,
  Expression,
  ScalarType,
  ScalarTypeName,
} from './syntax-tree.ts';

const WITH_WIDTH: ReadonlySet<string> = new Set(['bit', 'int', 'uint', 'float', 'angle']);
const SCALARS: ReadonlySet<string> = new Set([...WITH_WIDTH, 'bool', 'complex', 'duration', 'stretch']);

/** True when a scalar or array type comes next. */
export function atType(cursor: Cursor): boolean {
  const { kind, text } = cursor.lexer;
  return kind === 'keyword' && (SCALARS.has(text) || text === 'array');
}

/** Reads `[expression]` where it stands. */
export function parseDesignator(cursor: Cursor): Expression | null {
  if (!cursor.accept('[')) return null;
  const width = parseExpression(cursor);
  cursor.expect(']');
  return width;
}

export function parseScalarType(cursor: Cursor): ScalarType {
  const { start, text, kind } = cursor.lexer;
  if (kind !== 'keyword' || !SCALARS.has(text))
    cursor.fail('a type (bit, bool, int, uint, float, angle, ...)');
  cursor.lexer.advance();
  const width = WITH_WIDTH.has(text) ? parseDesignator(cursor) : null;
  let component: ScalarType | null = null;
  if (text === 'complex' && cursor.accept('[')) {
    component = parseScalarType(cursor);
    cursor.expect(']');
  }
  return { kind: 'scalar-type', name: text as ScalarTypeName, width, component, start };
}

export function parseScalarOrArrayType(cursor: Cursor): ScalarType | ArrayType {
  const { start } = cursor.lexer;
  if (!cursor.accept('array')) return parseScalarType(cursor);
  cursor.expect('[');
  const base = parseScalarType(cursor);
  cursor.expect(',');
  const dimensions = cursor.list(parseExpression, ']');
  cursor.expect(']');
  return { kind: 'array-type', base, dimensions, start };
}

function parseArrayReferenceType(cursor: Cursor): ArrayReferenceType {
  const { start, text } = cursor.lexer;
  if (!cursor.accept('readonly')) cursor.expect('mutable');
  cursor.expect('array');
  cursor.expect('[');
  const base = parseScalarType(cursor);
  cursor.expect(',');
  let dimensions: readonly Expression[] = [];
  let dimensionCount: Expression | null = null;
  if (cursor.accept('#')) {
    if (cursor.lexer.text !== 'dim') cursor.fail('"dim"');
    cursor.lexer.advance();
    cursor.expect('=');
    dimensionCount = parseExpression(cursor);
  } else {
    dimensions = cursor.list(parseExpression, ']');
  }
  cursor.expect(']');
  const access = text === 'readonly' ? 'readonly' : 'mutable';
  return { kind: 'array-reference-type', access, base, dimensions, dimensionCount, start };
}

/** Reads `type name`, where `creg name[n]` and `qreg name[n]` are other spellings of `bit[n] name` and `qubit[n] name`. */
export function parseArgumentDefinition(cursor: Cursor): ArgumentDefinition {
  const { start } = cursor.lexer;
  const readName = () => cursor.takeName('a parameter name');
  if (cursor.accept('qubit')) {
    const width = parseDesignator(cursor);
    return { name: readName(), type: { kind: 'qubit-type', width, start }, start };
  }
  if (cursor.accept('qreg')) {
    const name = readName();
    return { name, type: { kind: 'qubit-type', width: parseDesignator(cursor), start }, start };
  }
  if (cursor.accept('creg')) {
    const name = readName();
    return { name, type: bitType(parseDesignator(cursor), start), start };
  }
  const isReference = cursor.at('readonly') || cursor.at('mutable');
  const type = isReference ? parseArrayReferenceType(cursor) : parseScalarType(cursor);
  return { name: readName(), type, start };
}

/** Reads a parameter of an `extern`, which has no name. */
export function parseExternArgument(cursor: Cursor): ScalarType | ArrayReferenceType {
  const { start } = cursor.lexer;
  if (cursor.accept('creg')) return bitType(parseDesignator(cursor), start);
  if (cursor.at('readonly') || cursor.at('mutable')) return parseArrayReferenceType(cursor);
  return parseScalarType(cursor);
}

function bitType(width: Expression | null, start: number): ScalarType {
  return { kind: 'scalar-type', name: 'bit', width, component: null, start };
}
