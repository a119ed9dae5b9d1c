import type { Cursor } from './cursor.ts';
import { parseExpression, parseExpressionOrRange, parseSet } from './parse-expression.ts';
import { parseBody, parseScope } from './parse-statement.ts';
import { parseDesignator, parseScalarType } from './parse-type.ts';
import type { Expression, Statement, SwitchCase } from './syntax-tree.ts';

/** Reads the rest of `if (condition) body else body`; OpenQASM 2 compares a register with an integer. */
export function parseIf(cursor: Cursor, start: number): Statement {
  cursor.expect('(');
  const condition = cursor.version === 2 ? parsePlainCondition(cursor) : parseExpression(cursor);
  cursor.expect(')');
  if (cursor.version === 2) checkConditional(cursor);
  const then = parseBody(cursor);
  const otherwise = cursor.version === 3 && cursor.accept('else') ? parseBody(cursor) : null;
  return { kind: 'if', condition, then, otherwise, start };
}

function parsePlainCondition(cursor: Cursor): Expression {
  const { lexer } = cursor;
  const { start } = lexer;
  const name = cursor.takeName('a classical register');
  const at = lexer.start;
  cursor.expect('==');
  const integerStart = lexer.start;
  const text = cursor.take('integer', 'an integer >= 0');
  return {
    kind: 'binary',
    operator: '==',
    left: { kind: 'identifier', name, start },
    right: { kind: 'integer', value: Number(text), text, start: integerStart },
    start,
    at,
  };
}

/** OpenQASM 2 allows gates, `measure` and `reset` after a condition. */
function checkConditional(cursor: Cursor): void {
  const { kind, text } = cursor.lexer;
  if (kind === 'identifier' || (kind === 'keyword' && (text === 'measure' || text === 'reset'))) return;
  cursor.fail('a gate, "measure" or "reset"');
}

export function parseWhile(cursor: Cursor, start: number): Statement {
  cursor.expect('(');
  const condition = parseExpression(cursor);
  cursor.expect(')');
  return { kind: 'while', condition, body: parseBody(cursor), start };
}

/** Reads the rest of `for type name in values body`. */
export function parseFor(cursor: Cursor, start: number): Statement {
  const type = parseScalarType(cursor);
  const variable = cursor.takeName('the name of the loop variable');
  cursor.expect('in');
  if (cursor.at('{')) {
    const values = parseSet(cursor);
    return { kind: 'for', type, variable, values, body: parseBody(cursor), start };
  }
  if (cursor.accept('[')) {
    const values = parseExpressionOrRange(cursor);
    if (values.kind !== 'range') cursor.fail('":"');
    cursor.expect(']');
    return { kind: 'for', type, variable, values, body: parseBody(cursor), start };
  }
  const values = parseExpression(cursor);
  return { kind: 'for', type, variable, values, body: parseBody(cursor), start };
}

export function parseSwitch(cursor: Cursor, start: number): Statement {
  cursor.expect('(');
  const subject = parseExpression(cursor);
  cursor.expect(')');
  cursor.expect('{');
  const cases: SwitchCase[] = [];
  // The scopes of cases count themselves.
  while (!cursor.at('}')) cases.push(parseCase(cursor));
  cursor.expect('}');
  return { kind: 'switch', subject, cases, start };
}

function parseCase(cursor: Cursor): SwitchCase {
  const { start } = cursor.lexer;
  if (cursor.accept('default')) return { values: null, body: parseScope(cursor), start };
  if (!cursor.accept('case')) cursor.fail('"case", "default" or "}"');
  const values = cursor.list(parseExpression, '{');
  return { values, body: parseScope(cursor), start };
}

export function parseBox(cursor: Cursor, start: number): Statement {
  const duration = parseDesignator(cursor);
  return { kind: 'box', duration, body: parseScope(cursor), start };
}
