/**
 * @file The algebra under parameter expressions: trees in a canonical form (sums of coefficients times products of powers), so
 * that equal polynomials of low degree look alike, linear expressions always.
 */
import { InvalidArgumentError, UnsupportedError } from '@qedge/core';

/** Functions that an expression may apply. */
export type ExpressionFunction =
  | 'sin'
  | 'cos'
  | 'tan'
  | 'asin'
  | 'acos'
  | 'atan'
  | 'exp'
  | 'log'
  | 'sqrt'
  | 'abs'
  | 'sign';

/** A tree in canonical form. `text` is its exact spelling and decides order and equality. */
export type ExpressionNode =
  | { readonly kind: 'number'; readonly text: string; readonly value: number }
  | { readonly kind: 'parameter'; readonly text: string; readonly name: string }
  /** `constant + sum of coefficient * node`; the nodes differ and are neither numbers nor sums. */
  | {
      readonly kind: 'sum';
      readonly text: string;
      readonly constant: number;
      readonly terms: readonly (readonly [number, ExpressionNode])[];
    }
  /** Bases to real powers; the bases differ and are neither numbers nor products. */
  | {
      readonly kind: 'product';
      readonly text: string;
      readonly factors: readonly (readonly [ExpressionNode, number])[];
    }
  /** A power whose exponent is not a number. */
  | {
      readonly kind: 'power';
      readonly text: string;
      readonly base: ExpressionNode;
      readonly exponent: ExpressionNode;
    }
  | {
      readonly kind: 'call';
      readonly text: string;
      readonly function: ExpressionFunction;
      readonly argument: ExpressionNode;
    };

/** Larger expressions come from programs that double them again and again. */
const LONGEST_TEXT = 20_000;

/** What each function computes. */
export const EXPRESSION_FUNCTIONS: Readonly<Record<ExpressionFunction, (value: number) => number>> = {
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  abs: Math.abs,
  sign: Math.sign,
};

function checked<Node extends ExpressionNode>(node: Node): Node {
  if (node.text.length > LONGEST_TEXT) {
    throw new UnsupportedError('A parameter expression is too long', {
      expected: `at most ${LONGEST_TEXT} characters`,
      actual: node.text.length,
    });
  }
  return node;
}

/** A constant. @throws InvalidArgumentError when it is not finite. */
export function numberNode(value: number): ExpressionNode {
  if (!Number.isFinite(value)) {
    throw new InvalidArgumentError('A parameter expression has a constant that is not usable', {
      expected: 'a finite number',
      actual: value,
    });
  }
  return { kind: 'number', text: Object.is(value, -0) ? '0' : String(value), value: value + 0 };
}

export function parameterNode(name: string): ExpressionNode {
  return { kind: 'parameter', text: name, name };
}

/** The parts of a sum; anything else is a sum of one term. */
function termsOf(node: ExpressionNode): {
  constant: number;
  terms: readonly (readonly [number, ExpressionNode])[];
} {
  if (node.kind === 'number') return { constant: node.value, terms: [] };
  if (node.kind === 'sum') return node;
  return { constant: 0, terms: [[1, node]] };
}

function sumNode(constant: number, terms: readonly (readonly [number, ExpressionNode])[]): ExpressionNode {
  const merged = new Map<string, [number, ExpressionNode]>();
  for (const [coefficient, node] of terms) {
    const known = merged.get(node.text);
    if (known) known[0] += coefficient;
    else merged.set(node.text, [coefficient, node]);
  }
  const kept = [...merged.values()].filter(([coefficient]) => coefficient !== 0);
  if (kept.length === 0) return numberNode(constant);
  if (kept.length === 1 && constant === 0 && kept[0]![0] === 1) return kept[0]![1];
  for (const [coefficient] of kept) numberNode(coefficient);
  numberNode(constant);
  kept.sort(([, a], [, b]) => (a.text < b.text ? -1 : 1));
  let text = '';
  for (const [coefficient, node] of kept) {
    const size = Math.abs(coefficient);
    const sign = text === '' ? (coefficient < 0 ? '-' : '') : coefficient < 0 ? ' - ' : ' + ';
    text += `${sign}${size === 1 ? '' : `${size}*`}${node.text}`;
  }
  if (constant !== 0) text += constant < 0 ? ` - ${-constant}` : ` + ${constant}`;
  return checked({ kind: 'sum', text, constant: constant + 0, terms: kept });
}

export function addNodes(a: ExpressionNode, b: ExpressionNode): ExpressionNode {
  const [left, right] = [termsOf(a), termsOf(b)];
  return sumNode(left.constant + right.constant, [...left.terms, ...right.terms]);
}

/** `factor * node`, sums term by term. */
export function scaleNode(node: ExpressionNode, factor: number): ExpressionNode {
  const { constant, terms } = termsOf(node);
  return sumNode(
    constant * factor,
    terms.map(([coefficient, term]) => [coefficient * factor, term]),
  );
}

/** A node as a number times powers. */
function factorsOf(node: ExpressionNode): [number, readonly (readonly [ExpressionNode, number])[]] {
  if (node.kind === 'number') return [node.value, []];
  if (node.kind === 'product') return [1, node.factors];
  if (node.kind === 'sum' && node.constant === 0 && node.terms.length === 1) {
    const [coefficient, term] = node.terms[0]!;
    return [coefficient, factorsOf(term)[1]];
  }
  return [1, [[node, 1]]];
}

function productNode(factors: readonly (readonly [ExpressionNode, number])[]): ExpressionNode {
  const merged = new Map<string, [ExpressionNode, number]>();
  for (const [base, exponent] of factors) {
    const known = merged.get(base.text);
    if (known) known[1] += exponent;
    else merged.set(base.text, [base, exponent]);
  }
  const kept = [...merged.values()].filter(([, exponent]) => exponent !== 0);
  if (kept.length === 0) return numberNode(1);
  if (kept.length === 1 && kept[0]![1] === 1) return kept[0]![0];
  for (const [, exponent] of kept) numberNode(exponent);
  kept.sort(([a], [b]) => (a.text < b.text ? -1 : 1));
  const text = kept
    .map(([base, exponent]) =>
      exponent === 1
        ? wrap(base, false)
        : `${wrap(base, true)}**${exponent < 0 ? `(${exponent})` : exponent}`,
    )
    .join('*');
  return checked({ kind: 'product', text, factors: kept });
}

/** The spelling of a factor, in parentheses where its operator binds less. */
function wrap(node: ExpressionNode, isBase: boolean): string {
  const isLoose = node.kind === 'sum' || (isBase && (node.kind === 'product' || node.kind === 'power'));
  const isNegative = node.kind === 'number' && node.value < 0;
  return isLoose || isNegative ? `(${node.text})` : node.text;
}

export function multiplyNodes(a: ExpressionNode, b: ExpressionNode): ExpressionNode {
  const [leftFactor, left] = factorsOf(a);
  const [rightFactor, right] = factorsOf(b);
  if (left.length === 0) return scaleNode(b, leftFactor);
  if (right.length === 0) return scaleNode(a, rightFactor);
  return scaleNode(productNode([...left, ...right]), leftFactor * rightFactor);
}

/** `base ** exponent`. @throws InvalidArgumentError for a constant that is not finite, `0 ** -1` for one. */
export function raiseNode(base: ExpressionNode, exponent: ExpressionNode): ExpressionNode {
  if (exponent.kind !== 'number') {
    return checked({
      kind: 'power',
      text: `${wrap(base, true)}**(${exponent.text})`,
      base,
      exponent,
    });
  }
  if (base.kind === 'number') return numberNode(base.value ** exponent.value);
  if (exponent.value === 0) return numberNode(1);
  if (exponent.value === 1) return base;
  // (x**2)**0.5 is |x|, not x: exponents multiply for whole powers only.
  if (!Number.isInteger(exponent.value)) return productNode([[base, exponent.value]]);
  const [factor, factors] = factorsOf(base);
  const raised = productNode(factors.map(([node, power]) => [node, power * exponent.value]));
  return scaleNode(raised, factor ** exponent.value);
}

/** A function applied. @throws InvalidArgumentError for a constant result that is not finite, `log(0)` for one. */
export function callNode(name: ExpressionFunction, argument: ExpressionNode): ExpressionNode {
  if (argument.kind === 'number') return numberNode(EXPRESSION_FUNCTIONS[name](argument.value));
  return checked({ kind: 'call', text: `${name}(${argument.text})`, function: name, argument });
}

/** The node with some parameters replaced. */
export function substituteNode(
  node: ExpressionNode,
  values: ReadonlyMap<string, ExpressionNode>,
): ExpressionNode {
  const into = (child: ExpressionNode) => substituteNode(child, values);
  switch (node.kind) {
    case 'number':
      return node;
    case 'parameter':
      return values.get(node.name) ?? node;
    case 'sum':
      return node.terms.reduce(
        (sum, [coefficient, term]) => addNodes(sum, scaleNode(into(term), coefficient)),
        numberNode(node.constant),
      );
    case 'product':
      return node.factors.reduce(
        (product, [base, exponent]) => multiplyNodes(product, raiseNode(into(base), numberNode(exponent))),
        numberNode(1),
      );
    case 'power':
      return raiseNode(into(node.base), into(node.exponent));
    case 'call':
      return callNode(node.function, into(node.argument));
  }
}
