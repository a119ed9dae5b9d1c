import type { TokenStream } from './token-stream.ts';
import { describe, syntaxError, type Token } from './tokenize.ts';

/** An arithmetic expression of OpenQASM 2, ready to be evaluated with values for a gate's parameters. */
export type Expression = (values: ReadonlyMap<string, number>) => number;

const FUNCTIONS: Readonly<Record<string, (x: number) => number>> = {
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  exp: Math.exp,
  ln: Math.log,
  sqrt: Math.sqrt,
};

const BINARY: Readonly<Record<string, readonly [precedence: number, (a: number, b: number) => number]>> = {
  '+': [1, (a, b) => a + b],
  '-': [1, (a, b) => a - b],
  '*': [2, (a, b) => a * b],
  '/': [2, (a, b) => a / b],
  '^': [4, (a, b) => a ** b],
};
/** A minus sign binds tighter than `*`, looser than `^`. */
const UNARY_PRECEDENCE = 3;

/** Reads an expression. `names` are the parameters it may mention. @throws FileFormatError with its place. */
export function parseExpression(stream: TokenStream, names: ReadonlySet<string>, least = 1): Expression {
  let left = parseOperand(stream, names);
  for (;;) {
    const operator = BINARY[stream.peek().text];
    if (stream.peek().kind !== 'symbol' || operator === undefined || operator[0] < least) return left;
    const [precedence, apply] = operator;
    stream.next();
    // `^` groups to the right, the others to the left.
    const right = parseExpression(stream, names, precedence === 4 ? 4 : precedence + 1);
    const before = left;
    left = (values) => apply(before(values), right(values));
  }
}

function parseOperand(stream: TokenStream, names: ReadonlySet<string>): Expression {
  const token = stream.next();
  if (token.text === '-' || token.text === '+') {
    const operand = parseExpression(stream, names, UNARY_PRECEDENCE);
    return token.text === '+' ? operand : (values) => -operand(values);
  }
  if (token.text === '(') {
    const inner = parseExpression(stream, names);
    stream.expect(')');
    return inner;
  }
  if (token.kind === 'number') {
    const value = Number(token.text);
    return () => value;
  }
  if (token.kind === 'identifier') return parseName(stream, token, names);
  throw syntaxError('a number, a parameter, pi, a function or "("', describe(token), token);
}

function parseName(stream: TokenStream, token: Token, names: ReadonlySet<string>): Expression {
  if (names.has(token.text)) return (values) => values.get(token.text)!;
  if (token.text === 'pi') return () => Math.PI;
  const apply = Object.hasOwn(FUNCTIONS, token.text) ? FUNCTIONS[token.text] : undefined;
  if (apply === undefined) {
    throw syntaxError(
      [...names, 'pi', ...Object.keys(FUNCTIONS)].join(', '),
      `the unknown name "${token.text}"`,
      token,
    );
  }
  stream.expect('(');
  const argument = parseExpression(stream, names);
  stream.expect(')');
  return (values) => apply(argument(values));
}
