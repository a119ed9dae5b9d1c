import type { BinaryOperator, UnaryOperator } from '../../circuit/classical-expression.ts';
import type { Cursor } from './cursor.ts';
import { parseScope } from './parse-statement.ts';
import { atType, parseScalarOrArrayType } from './parse-type.ts';
import type {
  AliasExpression,
  ArrayLiteral,
  Expression,
  GateOperand,
  IndexedIdentifier,
  IndexOperator,
  MeasureExpression,
  QuantumCallExpression,
  RangeExpression,
  SetExpression,
  TimeUnit,
  Value,
} from './syntax-tree.ts';

interface Operator {
  readonly token: BinaryOperator;
  /** A larger number binds tighter. */
  readonly precedence: number;
}

const UNARY_PRECEDENCE = 11;
const POWER_PRECEDENCE = 12;

/** From the loosest to the tightest; the unary operators stand between the last two. */
const LEVELS: readonly (readonly BinaryOperator[])[] = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<', '<=', '>', '>='],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];

const operators = (entries: readonly (readonly [string, Operator])[]): ReadonlyMap<string, Operator> =>
  new Map(entries);

const BINARY: Readonly<Record<2 | 3, ReadonlyMap<string, Operator>>> = {
  2: operators([
    ['+', { token: '+', precedence: 9 }],
    ['-', { token: '-', precedence: 9 }],
    ['*', { token: '*', precedence: 10 }],
    ['/', { token: '/', precedence: 10 }],
    ['^', { token: '**', precedence: POWER_PRECEDENCE }],
  ]),
  3: operators([
    ...LEVELS.flatMap((tokens, index) =>
      tokens.map((token) => [token, { token, precedence: index + 1 }] as const),
    ),
    ['**', { token: '**', precedence: POWER_PRECEDENCE }],
  ]),
};

/** Reads an expression. @throws FileFormatError with its place. */
export function parseExpression(cursor: Cursor): Expression {
  return parseOperators(cursor, 1);
}

function parseOperators(cursor: Cursor, least: number): Expression {
  const { lexer } = cursor;
  const table = BINARY[cursor.version];
  let left = parseUnary(cursor);
  let height = cursor.expressionHeight;
  for (;;) {
    const operator = lexer.kind === 'symbol' ? table.get(lexer.text) : undefined;
    if (operator === undefined || operator.precedence < least) {
      cursor.expressionHeight = height;
      return left;
    }
    const at = lexer.start;
    lexer.advance();
    // Powers group to the right, everything else to the left.
    const power = operator.precedence === POWER_PRECEDENCE;
    if (power) cursor.enter();
    const right = parseOperators(cursor, power ? POWER_PRECEDENCE : operator.precedence + 1);
    if (power) cursor.leave();
    left = { kind: 'binary', operator: operator.token, left, right, start: left.start, at };
    height = Math.max(height, cursor.expressionHeight) + 1;
    cursor.grow(height);
  }
}

function parseUnary(cursor: Cursor): Expression {
  const { lexer } = cursor;
  const { start, text } = lexer;
  if (lexer.kind !== 'symbol') return parsePostfix(cursor);
  const isOperator = text === '-' || (cursor.version === 3 ? text === '~' || text === '!' : text === '+');
  if (!isOperator) return parsePostfix(cursor);
  lexer.advance();
  cursor.enter();
  const operand = parseOperators(cursor, UNARY_PRECEDENCE);
  cursor.leave();
  if (text === '+') return operand;
  cursor.grow(cursor.expressionHeight + 1);
  return { kind: 'unary', operator: text as UnaryOperator, operand, start };
}

function parsePostfix(cursor: Cursor): Expression {
  let expression = parsePrimary(cursor);
  if (cursor.version === 2) return expression;
  while (cursor.at('[')) {
    const height = cursor.expressionHeight;
    const index = parseIndexOperator(cursor);
    expression = { kind: 'index', base: expression, index, start: expression.start };
    cursor.grow(Math.max(height, cursor.expressionHeight) + 1);
  }
  return expression;
}

function parsePrimary(cursor: Cursor): Expression {
  const { lexer } = cursor;
  const { start, text, kind } = lexer;
  cursor.expressionHeight = 1;
  switch (kind) {
    case 'identifier':
      lexer.advance();
      return cursor.at('(') ? parseCall(cursor, text, start) : { kind: 'identifier', name: text, start };
    case 'string':
      return parseBitstring(cursor);
    case 'symbol':
      if (text === '(') return parseParenthesis(cursor);
      break;
    case 'keyword':
      return parseKeywordExpression(cursor);
    case 'end':
      break;
    default:
      lexer.advance();
      return literal(kind, text, start);
  }
  cursor.fail('an expression');
}

function literal(
  kind: 'integer' | 'float' | 'imaginary' | 'timing' | 'hardware-qubit',
  text: string,
  start: number,
): Expression {
  switch (kind) {
    case 'integer': {
      const digits = text.replaceAll('_', '');
      return { kind, value: Number(digits), text: digits, start };
    }
    case 'float':
      return { kind, value: Number(text.replaceAll('_', '')), start };
    case 'imaginary':
      return { kind, value: Number(text.slice(0, -2).replaceAll('_', '')), start };
    case 'timing': {
      const unit = /[^0-9._eE+\- \t].*$/.exec(text)![0].replace(/[µμ]/, 'u');
      return { kind, value: Number.parseFloat(text.replaceAll('_', '')), unit: unit as TimeUnit, start };
    }
    case 'hardware-qubit':
      return { kind, index: Number(text.slice(1)), start };
  }
}

function parseBitstring(cursor: Cursor): Expression {
  const { start, text } = cursor.lexer;
  if (cursor.version === 2 || !/^[01](?:_?[01])*$/.test(text)) cursor.fail('an expression');
  cursor.lexer.advance();
  return { kind: 'bitstring', bits: text.replaceAll('_', ''), start };
}

function parseParenthesis(cursor: Cursor): Expression {
  cursor.lexer.advance();
  cursor.enter();
  const inner = parseOperators(cursor, 1);
  cursor.leave();
  cursor.expect(')');
  return inner;
}

function parseCall(cursor: Cursor, name: string, start: number): Expression {
  const { items, height } = parseArguments(cursor);
  cursor.grow(height + 1);
  return { kind: 'call', name, arguments: items, start };
}

/** Reads `(a, b, ...)`. */
function parseArguments(cursor: Cursor): { readonly items: readonly Expression[]; readonly height: number } {
  cursor.expect('(');
  if (cursor.accept(')')) return { items: [], height: 0 };
  cursor.enter();
  let height = 0;
  const items = cursor.list((inner) => {
    const item = parseOperators(inner, 1);
    height = Math.max(height, inner.expressionHeight);
    return item;
  }, ')');
  cursor.leave();
  cursor.expect(')');
  return { items, height };
}

/** Reads `(a, b, ...)` where it stands. */
export function parseOptionalArguments(cursor: Cursor): readonly Expression[] {
  return cursor.at('(') ? parseArguments(cursor).items : [];
}

function parseKeywordExpression(cursor: Cursor): Expression {
  const { lexer } = cursor;
  const { start, text } = lexer;
  if (text === 'true' || text === 'false') {
    lexer.advance();
    return { kind: 'boolean', value: text === 'true', start };
  }
  // A modifier in front of gates, a function elsewhere.
  if (text === 'pow') {
    lexer.advance();
    return parseCall(cursor, text, start);
  }
  if (text === 'durationof') {
    lexer.advance();
    cursor.expect('(');
    const body = parseScope(cursor);
    cursor.expect(')');
    cursor.grow(2);
    return { kind: 'durationof', body, start };
  }
  if (cursor.version === 2 || !atType(cursor)) cursor.fail('an expression');
  const type = parseScalarOrArrayType(cursor);
  cursor.expect('(');
  cursor.enter();
  const operand = parseOperators(cursor, 1);
  cursor.leave();
  cursor.expect(')');
  cursor.grow(cursor.expressionHeight + 1);
  return { kind: 'cast', type, operand, start };
}

/** Reads what stands in one pair of brackets, the brackets included. */
function parseIndexOperator(cursor: Cursor): IndexOperator {
  const { start } = cursor.lexer;
  cursor.expect('[');
  cursor.enter();
  let height = 0;
  const item = (inner: Cursor) => {
    const read = parseExpressionOrRange(inner);
    height = Math.max(height, inner.expressionHeight);
    return read;
  };
  const index: IndexOperator = cursor.at('{')
    ? parseSet(cursor)
    : cursor.version === 2
      ? { kind: 'list', items: [parsePlainIndex(cursor)], start }
      : { kind: 'list', items: cursor.list(item, ']'), start };
  cursor.leave();
  cursor.expect(']');
  cursor.expressionHeight = Math.max(height, cursor.expressionHeight);
  return index;
}

/** OpenQASM 2 has only numbers between brackets. */
function parsePlainIndex(cursor: Cursor): Expression {
  const { start } = cursor.lexer;
  return literal('integer', cursor.take('integer', 'an integer >= 0'), start);
}

export function parseSet(cursor: Cursor): SetExpression {
  const { start } = cursor.lexer;
  cursor.expect('{');
  let height = 0;
  const elements = cursor.list((inner) => {
    const element = parseExpression(inner);
    height = Math.max(height, inner.expressionHeight);
    return element;
  }, '}');
  cursor.expect('}');
  cursor.expressionHeight = height;
  return { kind: 'set', elements, start };
}

/** Reads an expression or `first : step : last`, of which every part but the first colon may be missing. */
export function parseExpressionOrRange(cursor: Cursor): Expression | RangeExpression {
  const { start } = cursor.lexer;
  let height = 0;
  const part = () => {
    if (cursor.at(':') || cursor.at(']') || cursor.at(',')) return null;
    const read = parseExpression(cursor);
    height = Math.max(height, cursor.expressionHeight);
    return read;
  };
  const first = part();
  if (!cursor.at(':')) return first ?? cursor.fail('an expression');
  cursor.expect(':');
  const second = part();
  let range: RangeExpression = { kind: 'range', first, step: null, last: second, start };
  if (cursor.accept(':')) range = { ...range, step: second, last: part() ?? cursor.fail('an expression') };
  cursor.expressionHeight = height;
  return range;
}

/** Reads `name[...][...]`. */
export function parseIndexedIdentifier(cursor: Cursor, what: string): IndexedIdentifier {
  const { start } = cursor.lexer;
  const name = cursor.takeName(what);
  return { kind: 'indexed-identifier', name, indices: parseIndices(cursor), start };
}

const NO_INDICES: readonly IndexOperator[] = [];

/** Reads any number of index operators; OpenQASM 2 has at most one. */
export function parseIndices(cursor: Cursor): readonly IndexOperator[] {
  if (!cursor.at('[')) return NO_INDICES;
  const indices = [parseIndexOperator(cursor)];
  while (cursor.version === 3 && cursor.at('[')) indices.push(parseIndexOperator(cursor));
  return indices;
}

/** Reads a qubit or several: `q`, `q[0:2]`, `$0`. */
export function parseOperand(cursor: Cursor): GateOperand {
  const { lexer } = cursor;
  if (lexer.kind !== 'hardware-qubit') return parseIndexedIdentifier(cursor, 'a qubit');
  const { start, text } = lexer;
  lexer.advance();
  return { kind: 'hardware-qubit', index: Number(text.slice(1)), start };
}

export function parseMeasure(cursor: Cursor): MeasureExpression {
  const { start } = cursor.lexer;
  cursor.expect('measure');
  return { kind: 'measure', operand: parseOperand(cursor), start };
}

/** Reads what may stand right of `=` or after `return`. */
export function parseValue(cursor: Cursor): Value {
  if (cursor.at('measure')) return parseMeasure(cursor);
  return parseQuantumCall(cursor) ?? parseExpression(cursor);
}

/** Reads `name(arguments) operands`; leaves the cursor in place and returns null where no operands follow. */
function parseQuantumCall(cursor: Cursor): QuantumCallExpression | null {
  const { lexer } = cursor;
  const { start, text } = lexer;
  if (lexer.kind !== 'identifier') return null;
  lexer.advance();
  const values = parseOptionalArguments(cursor);
  if (!cursor.atOperand()) {
    lexer.moveTo(start);
    return null;
  }
  return {
    kind: 'quantum-call',
    name: text,
    arguments: values,
    operands: cursor.list(parseOperand, ';'),
    start,
  };
}

export function parseAliasValue(cursor: Cursor): AliasExpression {
  const { start } = cursor.lexer;
  const parts = [parseExpression(cursor)];
  while (cursor.accept('++')) parts.push(parseExpression(cursor));
  return { kind: 'concatenation', parts, start };
}

export function parseArrayLiteral(cursor: Cursor): ArrayLiteral {
  const { start } = cursor.lexer;
  cursor.expect('{');
  cursor.enter();
  const element = (inner: Cursor) => (inner.at('{') ? parseArrayLiteral(inner) : parseExpression(inner));
  const elements = cursor.at('}') ? [] : cursor.list(element, '}');
  cursor.leave();
  cursor.expect('}');
  return { kind: 'array-literal', elements, start };
}
