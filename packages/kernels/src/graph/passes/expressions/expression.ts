import type { PointwiseExpression, PointwiseFunction, PointwiseOperation } from '@qedge/core';

/** Terms of expressions, shorter to write. */
export const constantOf = (constant: number): PointwiseExpression => ({ constant });
export const inputOf = (input: number): PointwiseExpression => ({ input });
export const applied = (apply: PointwiseFunction, to: PointwiseExpression): PointwiseExpression => ({
  apply,
  to,
});
export const combined = (
  operation: PointwiseOperation,
  a: PointwiseExpression,
  b: PointwiseExpression,
): PointwiseExpression => ({ operation, a, b });

/** The parts that an expression is made of directly. */
export function partsOf(expression: PointwiseExpression): readonly PointwiseExpression[] {
  if ('input' in expression || 'constant' in expression) return [];
  if ('apply' in expression) return [expression.to];
  if ('operation' in expression) return [expression.a, expression.b];
  return [expression.condition, expression.a, expression.b];
}

/** The same expression with other parts, as many as {@link partsOf} has told. */
export function withParts(
  expression: PointwiseExpression,
  parts: readonly PointwiseExpression[],
): PointwiseExpression {
  if ('input' in expression || 'constant' in expression) return expression;
  if ('apply' in expression) return applied(expression.apply, parts[0]!);
  if ('operation' in expression) return combined(expression.operation, parts[0]!, parts[1]!);
  return { condition: parts[0]!, a: parts[1]!, b: parts[2]! };
}

/** Functions, operations and choices in an expression: what evaluating one element costs, roughly. */
export function countOperations(expression: PointwiseExpression): number {
  const parts = partsOf(expression);
  return parts.reduce((sum, part) => sum + countOperations(part), parts.length > 0 ? 1 : 0);
}

/** How often each input is read. */
export function countReads(
  expression: PointwiseExpression,
  reads: Map<number, number> = new Map(),
): Map<number, number> {
  if ('input' in expression) reads.set(expression.input, (reads.get(expression.input) ?? 0) + 1);
  for (const part of partsOf(expression)) countReads(part, reads);
  return reads;
}

/** The expression with every input replaced by an expression. */
export function substituteInputs(
  expression: PointwiseExpression,
  replacement: (input: number) => PointwiseExpression,
): PointwiseExpression {
  if ('input' in expression) return replacement(expression.input);
  const parts = partsOf(expression);
  if (parts.length === 0) return expression;
  return withParts(
    expression,
    parts.map((part) => substituteInputs(part, replacement)),
  );
}

/** Whether two expressions are written the same. */
export function sameExpression(a: PointwiseExpression, b: PointwiseExpression): boolean {
  if ('input' in a) return 'input' in b && a.input === b.input;
  if ('constant' in a) return 'constant' in b && Object.is(a.constant, b.constant);
  if ('apply' in a && !('apply' in b && sameFunction(a.apply, b.apply))) return false;
  if ('operation' in a && !('operation' in b && a.operation === b.operation)) return false;
  if ('condition' in a && !('condition' in b)) return false;
  const [left, right] = [partsOf(a), partsOf(b)];
  return left.length === right.length && left.every((part, i) => sameExpression(part, right[i]!));
}

function sameFunction(a: PointwiseFunction, b: PointwiseFunction): boolean {
  const [left, right] = [Object.entries(a), b as unknown as Record<string, unknown>];
  return left.every(([field, value]) => Object.is(value, right[field]));
}
