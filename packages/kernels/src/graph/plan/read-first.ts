import type { OperatorNode, PointwiseExpression } from '@qedge/core';

/** The same pointwise node with its input `index` in the first place; other kinds are returned as they are. */
export function readFirst(node: OperatorNode, index: number): OperatorNode {
  if (node.operator.kind !== 'pointwise') return node;
  const inputs = [...node.inputs];
  [inputs[0], inputs[index]] = [inputs[index]!, inputs[0]!];
  const rename = (input: number) => (input === 0 ? index : input === index ? 0 : input);
  return {
    ...node,
    inputs,
    operator: { kind: 'pointwise', expression: renameInputs(node.operator.expression, rename) },
  } as OperatorNode;
}

/** The expression with every `{ input: i }` as `{ input: rename(i) }`. */
export function renameInputs(
  expression: PointwiseExpression,
  rename: (input: number) => number,
): PointwiseExpression {
  const again = (part: PointwiseExpression) => renameInputs(part, rename);
  if ('input' in expression) return { input: rename(expression.input) };
  if ('constant' in expression) return expression;
  if ('apply' in expression) return { apply: expression.apply, to: again(expression.to) };
  const [a, b] = [again(expression.a), again(expression.b)];
  return 'operation' in expression
    ? { operation: expression.operation, a, b }
    : { condition: again(expression.condition), a, b };
}
