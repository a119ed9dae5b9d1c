import type { Operator, OperatorNode, PointwiseExpression, PointwiseFunction } from '@qedge/core';
import { shapesEqual } from '@qedge/core';
import type { GraphEditor } from './graph-editor.ts';
import type { GraphPass } from './graph-pass.ts';
import { type NodeOfKind, nodeOfKind } from './node-of-kind.ts';

type WithActivation = Extract<Operator, { readonly activation: PointwiseFunction | null }>;

/**
 * Lets products, convolutions and channel scales apply the activation that follows them, and convolutions add a residual before it, so that
 * their results need not be read again.
 */
export const fuseEpilogues: GraphPass = {
  name: 'fuse-epilogues',
  rewrite(graph) {
    let fused = 0;
    // Backwards: of the two convolutions that a sum reads, the later one takes it.
    for (const original of graph.sortedNodes().reverse()) {
      const node = nodeOfKind(graph.producer(original.outputs[0]), 'pointwise');
      if (node && (fuseActivation(graph, node) || fuseResidual(graph, node))) fused++;
    }
    return fused;
  },
};

function hasActivation(operator: Operator): operator is WithActivation {
  return 'activation' in operator;
}

/** What makes `value`, if only `reader` reads it and it applies nothing yet. */
function plainProducer(graph: GraphEditor, value: string, reader: OperatorNode): OperatorNode | null {
  const producer = graph.producer(value);
  if (!producer || graph.onlyReader(value) !== reader) return null;
  return hasActivation(producer.operator) && producer.operator.activation === null ? producer : null;
}

function fuseActivation(graph: GraphEditor, node: NodeOfKind<'pointwise'>): boolean {
  const { expression } = node.operator;
  if (node.inputs.length !== 1 || !('apply' in expression) || !('input' in expression.to)) return false;
  const producer = plainProducer(graph, node.inputs[0]!, node);
  if (!producer) return false;
  const operator = { ...producer.operator, activation: expression.apply } as Operator;
  graph.change(producer, { operator });
  return graph.replaceValue(node.outputs[0]!, node.inputs[0]!);
}

/** `a + b` or `activation(a + b)` of two whole values, one of them made by a convolution. */
function fuseResidual(graph: GraphEditor, node: NodeOfKind<'pointwise'>): boolean {
  const { expression } = node.operator;
  const [sum, activation] = 'apply' in expression ? [expression.to, expression.apply] : [expression, null];
  if (node.inputs.length !== 2 || !isSumOfInputs(sum)) return false;
  const [a, b] = node.inputs as readonly [string, string];
  if (!shapesEqual(graph.spec(a).shape, graph.spec(b).shape)) return false;
  for (const [value, residual] of [
    [b, a],
    [a, b],
  ] as const) {
    const producer = plainProducer(graph, value, node);
    if (producer?.operator.kind !== 'convolution' || producer.inputs[3] != null) continue;
    const [images, weights, bias] = producer.inputs;
    graph.change(producer, {
      operator: { ...producer.operator, activation },
      inputs: [images!, weights!, bias ?? null, residual],
    });
    return graph.replaceValue(node.outputs[0]!, value);
  }
  return false;
}

function isSumOfInputs(expression: PointwiseExpression): boolean {
  if (!('operation' in expression) || expression.operation !== 'add') return false;
  const { a, b } = expression;
  return 'input' in a && 'input' in b && a.input !== b.input;
}
