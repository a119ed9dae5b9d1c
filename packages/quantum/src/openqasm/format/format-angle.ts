import { UnsupportedError } from '@qedge/core';
import type { ExpressionFunction, ExpressionNode } from '../../circuit/expression-node.ts';
import { ParameterExpression } from '../../circuit/parameter.ts';

/** Denominators of multiples of pi that people write. */
const DENOMINATORS = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 32, 64, 128, 256, 512, 1024];
const LARGEST_NUMERATOR = 4096;

/** A number as a program spells it: a fraction of pi where that is exactly the number, else all digits. */
export function formatNumber(value: number): string {
  return formatPiFraction(value) ?? formatDigits(value);
}

/** The shortest digits that are read back as the same float64. */
export function formatDigits(value: number): string {
  if (Object.is(value, -0)) return '-0.0';
  // Beyond this, digits alone would be an integer of OpenQASM 3 that is not held exactly.
  return Number.isInteger(value) && Math.abs(value) >= 2 ** 31 && Math.abs(value) < 1e21
    ? `${value}.0`
    : String(value);
}

function formatPiFraction(value: number): string | null {
  const turns = value / Math.PI;
  if (value === 0 || Math.abs(turns) > LARGEST_NUMERATOR) return null;
  for (const denominator of DENOMINATORS) {
    const numerator = Math.round(turns * denominator);
    // As the reader computes it.
    if (numerator === 0 || (numerator * Math.PI) / denominator !== value) continue;
    if (Math.abs(numerator) > LARGEST_NUMERATOR) return null;
    const size = Math.abs(numerator) === 1 ? 'pi' : `${Math.abs(numerator)}*pi`;
    return `${numerator < 0 ? '-' : ''}${size}${denominator === 1 ? '' : `/${denominator}`}`;
  }
  return null;
}

const FUNCTION_NAMES: Readonly<Partial<Record<ExpressionFunction, string>>> = {
  ...{ sin: 'sin', cos: 'cos', tan: 'tan', asin: 'arcsin', acos: 'arccos', atan: 'arctan' },
  ...{ exp: 'exp', log: 'log', sqrt: 'sqrt' },
};

/**
 * A parameter expression in OpenQASM 3.
 *
 * @param nameOf the program's word for a parameter.
 * @throws UnsupportedError for functions that the language lacks.
 */
export function formatParameterExpression(
  expression: ParameterExpression,
  nameOf: (name: string) => string,
): string {
  return formatNode(ParameterExpression.nodeOf(expression), nameOf);
}

function formatNode(node: ExpressionNode, nameOf: (name: string) => string): string {
  const inner = (child: ExpressionNode) => formatNode(child, nameOf);
  const atom = (child: ExpressionNode) =>
    child.kind === 'parameter' || child.kind === 'call' ? inner(child) : `(${inner(child)})`;
  switch (node.kind) {
    case 'number':
      return formatNumber(node.value);
    case 'parameter':
      return nameOf(node.name);
    case 'sum':
      return formatSum(node, (child) => (child.kind === 'product' ? `(${inner(child)})` : atom(child)));
    case 'product':
      return node.factors
        .map(([base, exponent]) => (exponent === 1 ? atom(base) : `${atom(base)}**${formatDigits(exponent)}`))
        .join('*');
    case 'power':
      return `${atom(node.base)}**${atom(node.exponent)}`;
    case 'call': {
      const name = FUNCTION_NAMES[node.function];
      if (name !== undefined) return `${name}(${inner(node.argument)})`;
      throw new UnsupportedError(`OpenQASM 3 has no function "${node.function}"`, {
        expected: Object.values(FUNCTION_NAMES).join(', '),
        actual: node.text,
      });
    }
  }
}

function formatSum(
  { constant, terms }: Extract<ExpressionNode, { kind: 'sum' }>,
  term: (node: ExpressionNode) => string,
): string {
  let text = '';
  for (const [coefficient, node] of terms) {
    const size = Math.abs(coefficient);
    const sign = text === '' ? (coefficient < 0 ? '-' : '') : coefficient < 0 ? ' - ' : ' + ';
    text += `${sign}${size === 1 ? '' : `${formatDigits(size)}*`}${term(node)}`;
  }
  if (constant === 0) return text;
  return `${text} ${constant < 0 ? '-' : '+'} ${formatNumber(Math.abs(constant))}`;
}
