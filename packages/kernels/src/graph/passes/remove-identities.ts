import { type OperatorNode, shapesEqual } from '@qedge/core';
import type { GraphEditor } from './graph-editor.ts';
import type { GraphPass } from './graph-pass.ts';
import { composePermutations, isIdentityPermutation } from './permutation.ts';

/** Removes nodes that give back their input, and makes one of two reshapes, transposes or slices in a row. */
export const removeIdentities: GraphPass = {
  name: 'remove-identities',
  rewrite(graph) {
    let changes = 0;
    for (const original of graph.sortedNodes()) {
      const node = graph.producer(original.outputs[0]);
      if (node?.outputs.length !== 1) continue;
      if (isIdentity(graph, node)) {
        if (graph.replaceValue(node.outputs[0]!, node.inputs[0]!)) changes++;
      } else if (joinWithInput(graph, node)) {
        changes++;
        const joined = graph.producer(node.outputs[0])!;
        if (isIdentity(graph, joined)) graph.replaceValue(joined.outputs[0]!, joined.inputs[0]!);
      }
    }
    return changes;
  },
};

function isIdentity(graph: GraphEditor, { operator, inputs, outputs }: OperatorNode): boolean {
  const input = inputs[0];
  if (input == null) return false;
  const before = graph.spec(input);
  const sameShape = shapesEqual(before.shape, graph.spec(outputs[0]!).shape);
  switch (operator.kind) {
    case 'reshape':
    case 'expand':
      return sameShape;
    case 'transpose':
      return isIdentityPermutation(operator.permutation);
    case 'slice':
      return sameShape && operator.steps.every((step, axis) => step === 1 || before.shape[axis]! <= 1);
    case 'pad':
      return [...operator.before, ...operator.after].every((count) => count === 0);
    case 'cast':
      return operator.dtype === before.dtype;
    case 'concatenate':
      return inputs.length === 1;
    case 'reduction':
      return sameShape && operator.axes.every((axis) => before.shape[axis] === 1);
    case 'pointwise':
      return sameShape && 'input' in operator.expression && operator.expression.input === 0;
    default:
      return false;
  }
}

/** `f(g(x))` as one node, where both only move numbers. */
function joinWithInput(graph: GraphEditor, node: OperatorNode): boolean {
  const inner = graph.producer(node.inputs[0]);
  if (!inner) return false;
  const [outer, before] = [node.operator, inner.operator];
  if (outer.kind === 'reshape' && before.kind === 'reshape') {
    graph.change(node, { inputs: inner.inputs });
    return true;
  }
  if (outer.kind === 'transpose' && before.kind === 'transpose') {
    const permutation = composePermutations(before.permutation, outer.permutation);
    graph.change(node, { operator: { kind: 'transpose', permutation }, inputs: inner.inputs });
    return true;
  }
  if (outer.kind === 'slice' && before.kind === 'slice') {
    const starts = outer.starts.map((start, axis) => before.starts[axis]! + start * before.steps[axis]!);
    const steps = outer.steps.map((step, axis) => step * before.steps[axis]!);
    graph.change(node, { operator: { ...outer, starts, steps }, inputs: inner.inputs });
    return true;
  }
  return false;
}
