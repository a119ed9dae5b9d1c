import type { Cursor } from './cursor.ts';
import { parseBox, parseFor, parseIf, parseSwitch, parseWhile } from './parse-control-flow.ts';
import {
  parseCal,
  parseDeclaration,
  parseDefcal,
  parseExtern,
  parseGateDefinition,
  parseOpaque,
  parseSubroutine,
} from './parse-definition.ts';
import {
  parseAliasValue,
  parseExpression,
  parseIndexedIdentifier,
  parseIndices,
  parseMeasure,
  parseOperand,
  parseOptionalArguments,
  parseValue,
} from './parse-expression.ts';
import { atType, parseDesignator, parseScalarOrArrayType, parseScalarType } from './parse-type.ts';
import type {
  Annotation,
  AssignmentOperator,
  Expression,
  GateCall,
  GateOperand,
  IndexedIdentifier,
  IndexOperator,
  Modifier,
  Scope,
  Statement,
  StatementOf,
} from './syntax-tree.ts';

/** Reads the rest of a statement whose keyword, at `start`, was taken. */
type StatementParser = (cursor: Cursor, start: number) => Statement;

const COMMON: readonly (readonly [string, StatementParser])[] = [
  ['include', parseInclude],
  ['qreg', (cursor, start) => parseRegister(cursor, start, 'qreg')],
  ['creg', (cursor, start) => parseRegister(cursor, start, 'creg')],
  ['gate', parseGateDefinition],
  ['reset', parseReset],
  ['barrier', (cursor, start) => parseOperandStatement(cursor, start, 'barrier')],
  ['if', parseIf],
];

const PARSERS: Readonly<Record<2 | 3, ReadonlyMap<string, StatementParser>>> = {
  2: new Map([...COMMON, ['opaque', parseOpaque]]),
  3: new Map([
    ...COMMON,
    ['defcalgrammar', parseCalibrationGrammar],
    ['cal', parseCal],
    ['defcal', parseDefcal],
    ['def', parseSubroutine],
    ['extern', parseExtern],
    ['box', parseBox],
    ['let', parseAlias],
    ['break', (cursor, start) => parseWord(cursor, { kind: 'break', start })],
    ['continue', (cursor, start) => parseWord(cursor, { kind: 'continue', start })],
    ['end', (cursor, start) => parseWord(cursor, { kind: 'end', start })],
    ['return', parseReturn],
    ['for', parseFor],
    ['while', parseWhile],
    ['switch', parseSwitch],
    ['nop', (cursor, start) => parseOperandStatement(cursor, start, 'nop')],
    ['delay', parseDelay],
    ['input', (cursor, start) => parseInputOutput(cursor, start, 'input')],
    ['output', (cursor, start) => parseInputOutput(cursor, start, 'output')],
    ['const', (cursor, start) => parseDeclaration(cursor, start, parseScalarType(cursor), true)],
    ['qubit', parseQubits],
  ]),
};

/** Reads a statement or, in OpenQASM 3, a scope. @throws FileFormatError with its place. */
export function parseStatement(cursor: Cursor): Statement {
  if (cursor.version === 2) return parsePlainStatement(cursor);
  if (cursor.at('{')) return parseScope(cursor);
  const annotations: Annotation[] = [];
  for (let next = cursor.lexer.annotation(); next !== null; next = cursor.lexer.annotation()) {
    annotations.push(next);
  }
  const statement = parsePlainStatement(cursor);
  return annotations.length === 0 ? statement : { ...statement, annotations };
}

function parsePlainStatement(cursor: Cursor): Statement {
  const { lexer } = cursor;
  const { start, kind, text } = lexer;
  if (kind === 'identifier') return parseNamedStatement(cursor);
  if (kind === 'keyword') {
    const parse = PARSERS[cursor.version].get(text);
    if (parse !== undefined) {
      lexer.advance();
      return parse(cursor, start);
    }
    if (text === 'measure') return parseMeasurement(cursor);
    if (cursor.version === 3) {
      if (text === 'pragma') return { kind: 'pragma', content: parsePragma(cursor), start };
      if (text === 'inv' || text === 'pow' || text === 'ctrl' || text === 'negctrl' || text === 'gphase') {
        return parseModifiedGate(cursor);
      }
      if (atType(cursor)) return parseTyped(cursor);
    }
  }
  if (cursor.version === 3) {
    if (text === '#' && kind === 'symbol') {
      lexer.advance();
      if (!cursor.at('pragma')) cursor.fail('"pragma"');
      return { kind: 'pragma', content: parsePragma(cursor), start };
    }
    if (kind !== 'end' && text !== '}' && text !== ';') return parseExpressionStatement(cursor);
  }
  cursor.fail('a statement');
}

/** Reads `{ ... }`. */
export function parseScope(cursor: Cursor): Scope {
  const { start } = cursor.lexer;
  cursor.expect('{');
  cursor.enter();
  const statements: Statement[] = [];
  while (!cursor.at('}')) {
    if (cursor.lexer.kind === 'end') cursor.fail('a statement or "}"');
    statements.push(parseStatement(cursor));
  }
  cursor.leave();
  cursor.expect('}');
  return { kind: 'scope', statements, start };
}

/** Reads a statement that is the body of another one. */
export function parseBody(cursor: Cursor): Statement {
  // A scope counts itself.
  if (cursor.at('{')) return parseScope(cursor);
  cursor.enter();
  const body = parseStatement(cursor);
  cursor.leave();
  return body;
}

function parseWord(cursor: Cursor, statement: Statement): Statement {
  cursor.expect(';');
  return statement;
}

function parsePragma(cursor: Cursor): string {
  const content = cursor.lexer.restOfLine();
  if (content === '') cursor.fail('the content of the pragma');
  return content;
}

function parseInclude(cursor: Cursor, start: number): Statement {
  const path = cursor.take('string', 'a file name in quotes');
  cursor.expect(';');
  return { kind: 'include', path, start };
}

function parseCalibrationGrammar(cursor: Cursor, start: number): Statement {
  const name = cursor.take('string', 'the name of a grammar in quotes');
  cursor.expect(';');
  return { kind: 'calibration-grammar', name, start };
}

function parseRegister(cursor: Cursor, start: number, register: 'creg' | 'qreg'): Statement {
  const name = cursor.takeName('a register name');
  if (cursor.version === 2 && !cursor.at('[')) cursor.fail('"["');
  const width = parseDesignator(cursor);
  cursor.expect(';');
  return { kind: 'register-declaration', register, name, width, start };
}

function parseQubits(cursor: Cursor, start: number): Statement {
  const width = parseDesignator(cursor);
  const name = cursor.takeName('a register name');
  cursor.expect(';');
  return { kind: 'qubit-declaration', name, width, start };
}

function parseInputOutput(cursor: Cursor, start: number, direction: 'input' | 'output'): Statement {
  const type = parseScalarOrArrayType(cursor);
  const name = cursor.takeName('a name');
  cursor.expect(';');
  return { kind: 'io-declaration', direction, type, name, start };
}

/** A declaration, or an expression that begins with a cast. */
function parseTyped(cursor: Cursor): Statement {
  const { start } = cursor.lexer;
  const type = parseScalarOrArrayType(cursor);
  if (!cursor.at('(')) return parseDeclaration(cursor, start, type, false);
  cursor.lexer.moveTo(start);
  return parseExpressionStatement(cursor);
}

function parseAlias(cursor: Cursor, start: number): Statement {
  const name = cursor.takeName('a name');
  cursor.expect('=');
  const value = parseAliasValue(cursor);
  cursor.expect(';');
  return { kind: 'alias', name, value, start };
}

function parseReset(cursor: Cursor, start: number): Statement {
  const operand = parseOperand(cursor);
  cursor.expect(';');
  return { kind: 'reset', operand, start };
}

function parseOperandStatement(cursor: Cursor, start: number, kind: 'barrier' | 'nop'): Statement {
  // OpenQASM 2 has no barrier without operands.
  const operands = cursor.version === 3 && cursor.at(';') ? [] : cursor.list(parseOperand, ';');
  cursor.expect(';');
  return { kind, operands, start };
}

function parseDelay(cursor: Cursor, start: number): Statement {
  const duration = parseDesignator(cursor) ?? cursor.fail('"["');
  const operands = cursor.at(';') ? [] : cursor.list(parseOperand, ';');
  cursor.expect(';');
  return { kind: 'delay', duration, operands, start };
}

function parseReturn(cursor: Cursor, start: number): Statement {
  const value = cursor.at(';') ? null : parseValue(cursor);
  cursor.expect(';');
  return { kind: 'return', value, start };
}

/** Reads `measure q;` or `measure q -> c;`. */
function parseMeasurement(cursor: Cursor): Statement {
  const value = parseMeasure(cursor);
  if (cursor.version === 2 && !cursor.at('->')) cursor.fail('"->"');
  return finishMeasurement(cursor, value);
}

function finishMeasurement(
  cursor: Cursor,
  value: StatementOf<'measurement'>['value'],
): StatementOf<'measurement'> {
  const target = cursor.accept('->') ? parseIndexedIdentifier(cursor, 'a classical register') : null;
  cursor.expect(';');
  return { kind: 'measurement', value, target, start: value.start };
}

/** Reads what begins with a name: the application of a gate, an assignment, or an expression. */
function parseNamedStatement(cursor: Cursor): Statement {
  const { lexer } = cursor;
  const { start, text: name } = lexer;
  lexer.advance();
  if (cursor.atOperand()) return finishGateCall(cursor, { name, values: [], designator: null, start });
  const hasArguments = cursor.at('(');
  const values = hasArguments ? parseOptionalArguments(cursor) : [];
  if (cursor.version === 2 || cursor.atOperand()) {
    return finishGateCall(cursor, { name, values, designator: null, start });
  }
  const indices = parseIndices(cursor);
  if (cursor.atOperand() && indices.length === 1) {
    return finishGateCall(cursor, { name, values, designator: toDesignator(cursor, indices[0]!), start });
  }
  if (!hasArguments && atAssignment(cursor)) {
    return parseAssignment(cursor, { kind: 'indexed-identifier', name, indices, start });
  }
  lexer.moveTo(start);
  return parseExpressionStatement(cursor);
}

function atAssignment(cursor: Cursor): boolean {
  const { kind, text } = cursor.lexer;
  if (kind !== 'symbol' || !text.endsWith('=')) return false;
  return text !== '==' && text !== '!=' && text !== '<=' && text !== '>=';
}

function parseAssignment(cursor: Cursor, target: IndexedIdentifier): Statement {
  const operator = cursor.lexer.text as AssignmentOperator;
  cursor.lexer.advance();
  const value = parseValue(cursor);
  cursor.expect(';');
  return { kind: 'assignment', target, operator, value, start: target.start };
}

function parseExpressionStatement(cursor: Cursor): Statement {
  const { start } = cursor.lexer;
  const expression = parseExpression(cursor);
  cursor.expect(';');
  return { kind: 'expression', expression, start };
}

function toDesignator(cursor: Cursor, index: IndexOperator): Expression {
  const [only] = index.kind === 'list' ? index.items : [];
  if (index.kind === 'set' || index.items.length !== 1 || only === undefined || only.kind === 'range') {
    cursor.fail('an assignment or ";"');
  }
  return only;
}

const NO_MODIFIERS: readonly Modifier[] = [];

interface GateHead {
  readonly name: string;
  readonly values: readonly Expression[];
  readonly designator: Expression | null;
  readonly start: number;
  readonly modifiers?: readonly Modifier[];
}

function finishGateCall(cursor: Cursor, head: GateHead): Statement {
  const { name, values, designator, start, modifiers = NO_MODIFIERS } = head;
  const operands: readonly GateOperand[] =
    name === 'gphase' && cursor.at(';') ? [] : cursor.list(parseOperand, ';');
  if (modifiers.length === 0 && designator === null && cursor.at('->')) {
    return finishMeasurement(cursor, { kind: 'quantum-call', name, arguments: values, operands, start });
  }
  cursor.expect(';');
  return { kind: 'gate-call', modifiers, name, arguments: values, designator, operands, start };
}

/** Reads a gate with modifiers, or `gphase`. */
function parseModifiedGate(cursor: Cursor): Statement {
  const { start } = cursor.lexer;
  const modifiers: Modifier[] = [];
  for (;;) {
    const modifier = parseModifier(cursor);
    if (modifier === null) break;
    modifiers.push(modifier);
  }
  const name = cursor.accept('gphase') ? 'gphase' : cursor.takeName('a gate or a modifier');
  const values = parseOptionalArguments(cursor);
  return finishGateCall(cursor, { name, values, designator: parseDesignator(cursor), start, modifiers });
}

function parseModifier(cursor: Cursor): Modifier | null {
  const { start, text, kind } = cursor.lexer;
  if (kind !== 'keyword') return null;
  if (text !== 'inv' && text !== 'pow' && text !== 'ctrl' && text !== 'negctrl') return null;
  cursor.lexer.advance();
  let argument: GateCall['designator'] = null;
  if (text === 'pow' && !cursor.at('(')) cursor.fail('"("');
  if (text !== 'inv' && cursor.accept('(')) {
    argument = parseExpression(cursor);
    cursor.expect(')');
  }
  cursor.expect('@');
  return { kind: text, argument, start };
}
