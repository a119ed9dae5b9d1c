import type { PointwiseExpression } from '@qedge/core';
import { inputOf, substituteInputs } from './expressions/expression.ts';
import { simplifyExpression } from './expressions/simplify-expression.ts';
import type { GraphEditor } from './graph-editor.ts';
import { nodeOfKind } from './node-of-kind.ts';

/** A value as a function of one other, input 0, which no pointwise node of one input makes. */
export interface ComposedExpression {
  readonly base: string;
  readonly expression: PointwiseExpression;
}

/** Follows a value up through pointwise nodes of one input. Who else reads what lies between is not asked. */
export function composeExpression(graph: GraphEditor, value: string): ComposedExpression {
  let base = value;
  let expression = inputOf(0);
  for (;;) {
    const node = nodeOfKind(graph.producer(base), 'pointwise');
    if (node?.inputs.length !== 1) return { base, expression: simplifyExpression(expression) };
    const inner = node.operator.expression;
    expression = substituteInputs(expression, () => inner);
    base = node.inputs[0]!;
  }
}

/** The two inputs of a pointwise node that does one operation on both, in the order of the operation; null for others. */
export function operandsOf(
  graph: GraphEditor,
  value: string | null | undefined,
  operation: string,
): readonly [string, string] | null {
  const node = nodeOfKind(graph.producer(value), 'pointwise');
  if (!node) return null;
  const { expression } = node.operator;
  if (!('operation' in expression) || expression.operation !== operation) return null;
  const { a, b } = expression;
  return 'input' in a && 'input' in b ? [node.inputs[a.input]!, node.inputs[b.input]!] : null;
}

/** What is reduced over its last axis, which stays, by the node that makes `value`; null for others. */
export function reducedOverLast(graph: GraphEditor, value: string, operation: string): string | null {
  const node = nodeOfKind(graph.producer(value), 'reduction');
  if (!node) return null;
  const source = node.inputs[0]!;
  const { axes, keepAxes, operation: own } = node.operator;
  const isLast = axes.length === 1 && axes[0] === graph.spec(source).shape.length - 1;
  return own === operation && keepAxes && isLast ? source : null;
}
