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

/** Operators, brackets and functions in one expression: far more than anybody writes, far less than overflows the stack. */
const MAX_OPERATIONS = 1000;

/** Reads an expression. `names` are the parameters it may mention. @throws FileFormatError with its place. */
export function parseExpression(stream: TokenStream, names: ReadonlySet<string>): Expression {
  let operations = 0;
  return parseOperators({ stream, names, count }, 1);

  function count(token: Token): void {
    if (++operations <= MAX_OPERATIONS) return;
    throw syntaxError(`at most ${MAX_OPERATIONS} operations in an expression`, 'more', token);
  }
}

interface Source {
  readonly stream: TokenStream;
  readonly names: ReadonlySet<string>;
  /** Called for every operation. @throws FileFormatError when there are too many. */
  readonly count: (token: Token) => void;
}

function parseOperators(source: Source, least: number): Expression {
  const { stream } = source;
  let left = parseOperand(source);
  for (;;) {
    const operator = BINARY[stream.peek().text];
    if (stream.peek().kind !== 'symbol' || operator === undefined || operator[0] < least) return left;
    const [precedence, apply] = operator;
    source.count(stream.next());
    // `^` groups to the right, the others to the left.
    const right = parseOperators(source, precedence === 4 ? 4 : precedence + 1);
    const before = left;
    left = (values) => apply(before(values), right(values));
  }
}

function parseOperand(source: Source): Expression {
  const { stream } = source;
  const token = stream.next();
  if (token.text === '-' || token.text === '+') {
    source.count(token);
    const operand = parseOperators(source, UNARY_PRECEDENCE);
    return token.text === '+' ? operand : (values) => -operand(values);
  }
  if (token.text === '(') {
    source.count(token);
    const inner = parseOperators(source, 1);
    stream.expect(')');
    return inner;
  }
  if (token.kind === 'number') {
    const value = Number(token.text);
    return () => value;
  }
  if (token.kind === 'identifier') return parseName(source, token);
  throw syntaxError('a number, a parameter, pi, a function or "("', describe(token), token);
}

function parseName(source: Source, token: Token): Expression {
  const { stream, names } = source;
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
  source.count(stream.expect('('));
  const argument = parseOperators(source, 1);
  stream.expect(')');
  return (values) => apply(argument(values));
}
