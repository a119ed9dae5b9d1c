import type { PointwiseExpression } from '@qedge/core';

/**
 * The expression with a minimum and maximum that are NaN where either operand is, as graphs mean them (and NumPy and ONNX do); those of
 * kernels give their first operand then.
 */
export function propagateNaN(expression: PointwiseExpression): PointwiseExpression {
  if ('input' in expression || 'constant' in expression) return expression;
  if ('apply' in expression) return { ...expression, to: propagateNaN(expression.to) };
  const [a, b] = [propagateNaN(expression.a), propagateNaN(expression.b)];
  if ('condition' in expression) return { condition: propagateNaN(expression.condition), a, b };
  const { operation } = expression;
  if ((operation !== 'minimum' && operation !== 'maximum') || isNumber(b)) return { operation, a, b };
  if (isNumber(a)) return { operation, a: b, b: a };
  return { condition: { operation: 'equal', a: b, b }, a: { operation, a, b }, b };
}

/** A constant that is not NaN. */
function isNumber(expression: PointwiseExpression): boolean {
  return 'constant' in expression && !Number.isNaN(expression.constant);
}
