import type { Cursor } from './cursor.ts';
import { parseArrayLiteral, parseExpression, parseValue } from './parse-expression.ts';
import { parseScope } from './parse-statement.ts';
import { atType, parseArgumentDefinition, parseExternArgument, parseScalarType } from './parse-type.ts';
import type {
  ArgumentDefinition,
  ArrayType,
  Expression,
  HardwareQubit,
  Identifier,
  ScalarType,
  Statement,
  StatementOf,
} from './syntax-tree.ts';

/** Reads the rest of `type name = value;` after the type. */
export function parseDeclaration(
  cursor: Cursor,
  start: number,
  type: ScalarType | ArrayType,
  constant: boolean,
): Statement {
  const name = cursor.takeName('a name');
  if (constant && !cursor.at('=')) cursor.fail('"="');
  let value: StatementOf<'declaration'>['value'] = null;
  if (cursor.accept('=')) value = cursor.at('{') ? parseArrayLiteral(cursor) : parseValue(cursor);
  cursor.expect(';');
  return { kind: 'declaration', type, name, value, constant, start };
}

interface Signature {
  readonly name: string;
  readonly parameters: readonly string[];
  readonly qubits: readonly string[];
}

function parseSignature(cursor: Cursor): Signature {
  const name = cursor.takeName('a gate name');
  let parameters: string[] = [];
  if (cursor.accept('(') && !cursor.accept(')')) {
    parameters = cursor.list((inner) => inner.takeName('a parameter name'), ')');
    cursor.expect(')');
  }
  return { name, parameters, qubits: cursor.list((inner) => inner.takeName('a qubit name'), '{') };
}

export function parseGateDefinition(cursor: Cursor, start: number): Statement {
  const { name, parameters, qubits } = parseSignature(cursor);
  const open = cursor.lexer.start;
  const body = cursor.version === 3 ? parseScope(cursor) : parsePlainGateBody(cursor);
  const close = cursor.lexer.source.text.lastIndexOf('}', cursor.lexer.start - 1);
  return { kind: 'gate-definition', name, parameters, qubits, body, start, end: Math.max(open, close) + 1 };
}

/** The gates and barriers of an OpenQASM 2 definition. */
function parsePlainGateBody(cursor: Cursor): StatementOf<'scope'> {
  const scope = parseScope(cursor);
  for (const statement of scope.statements) {
    if (statement.kind === 'gate-call' || statement.kind === 'barrier') continue;
    throw cursor.lexer.source.formatError(statement.start, 'a gate or a barrier', statement.kind);
  }
  return scope;
}

export function parseOpaque(cursor: Cursor, start: number): Statement {
  const signature = parseSignature(cursor);
  cursor.expect(';');
  return { kind: 'opaque', ...signature, start };
}

function parseReturnType(cursor: Cursor): ScalarType | null {
  return cursor.accept('->') ? parseScalarType(cursor) : null;
}

export function parseSubroutine(cursor: Cursor, start: number): Statement {
  const name = cursor.takeName('a subroutine name');
  cursor.expect('(');
  const parameters = cursor.at(')') ? [] : cursor.list(parseArgumentDefinition, ')');
  cursor.expect(')');
  const returns = parseReturnType(cursor);
  return { kind: 'subroutine', name, parameters, returns, body: parseScope(cursor), start };
}

export function parseExtern(cursor: Cursor, start: number): Statement {
  const name = cursor.takeName('a function name');
  cursor.expect('(');
  const parameters = cursor.at(')') ? [] : cursor.list(parseExternArgument, ')');
  cursor.expect(')');
  const returns = parseReturnType(cursor);
  cursor.expect(';');
  return { kind: 'extern', name, parameters, returns, start };
}

export function parseCal(cursor: Cursor, start: number): Statement {
  if (!cursor.at('{')) cursor.fail('"{"');
  return { kind: 'cal', body: cursor.lexer.balancedBlock(), start };
}

export function parseDefcal(cursor: Cursor, start: number): Statement {
  const target = parseDefcalTarget(cursor);
  let values: readonly (Expression | ArgumentDefinition)[] = [];
  if (cursor.accept('(') && !cursor.accept(')')) {
    values = cursor.list(parseDefcalArgument, ')');
    cursor.expect(')');
  }
  const operands = cursor.list(parseDefcalOperand, '{');
  const returns = parseReturnType(cursor);
  if (!cursor.at('{')) cursor.fail('"{"');
  const body = cursor.lexer.balancedBlock();
  return { kind: 'defcal', target, arguments: values, operands, returns, body, start };
}

function parseDefcalTarget(cursor: Cursor): string {
  for (const word of ['measure', 'reset', 'delay']) if (cursor.accept(word)) return word;
  return cursor.takeName('a gate, "measure", "reset" or "delay"');
}

/** A parameter, or the value for which the calibration holds. */
function parseDefcalArgument(cursor: Cursor): Expression | ArgumentDefinition {
  const words = ['qubit', 'qreg', 'creg', 'readonly', 'mutable'];
  if (words.some((word) => cursor.at(word))) return parseArgumentDefinition(cursor);
  if (!atType(cursor)) return parseExpression(cursor);
  const { start } = cursor.lexer;
  const type = parseScalarType(cursor);
  if (cursor.lexer.kind === 'identifier') return { name: cursor.takeName('a parameter name'), type, start };
  cursor.lexer.moveTo(start);
  return parseExpression(cursor);
}

function parseDefcalOperand(cursor: Cursor): Identifier | HardwareQubit {
  const { start, kind, text } = cursor.lexer;
  if (kind !== 'hardware-qubit') return { kind: 'identifier', name: cursor.takeName('a qubit'), start };
  cursor.lexer.advance();
  return { kind, index: Number(text.slice(1)), start };
}
