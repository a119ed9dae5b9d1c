import type { OperatorNode } from '@qedge/core';
import { inputOf, substituteInputs } from '../passes/expressions/expression.ts';

/** The same pointwise node with its input `index` in the first place; other kinds are returned as they are. */
export function readFirst(node: OperatorNode, index: number): OperatorNode {
  if (node.operator.kind !== 'pointwise') return node;
  const inputs = [...node.inputs];
  [inputs[0], inputs[index]] = [inputs[index]!, inputs[0]!];
  const rename = (input: number) => inputOf(input === 0 ? index : input === index ? 0 : input);
  const expression = substituteInputs(node.operator.expression, rename);
  return { ...node, inputs, operator: { kind: 'pointwise', expression } } as OperatorNode;
}
