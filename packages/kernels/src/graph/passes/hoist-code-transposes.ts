import type { OperatorNode } from '@qedge/core';
import type { GraphEditor } from './graph-editor.ts';
import type { GraphPass } from './graph-pass.ts';
import { nodeOfKind } from './node-of-kind.ts';

/** Transposes codes instead of the numbers they stand for, which are larger, so that products still read codes. */
export const hoistCodeTransposes: GraphPass = {
  name: 'hoist-code-transposes',
  rewrite(graph) {
    let hoisted = 0;
    for (const node of graph.sortedNodes()) if (graph.has(node) && hoist(graph, node)) hoisted++;
    return hoisted;
  },
};

function hoist(graph: GraphEditor, node: OperatorNode): boolean {
  const { operator, inputs } = node;
  if (operator.kind !== 'transpose' && operator.kind !== 'reshape') return false;
  const decoded = nodeOfKind(graph.producer(inputs[0]), 'dequantize');
  if (!decoded) return false;
  const isOwn = graph.isConstant(decoded.inputs[0]) || graph.onlyReader(inputs[0]!) === node;
  if (!isOwn) return false;
  const { axis } = decoded.operator;
  if (axis !== null && operator.kind === 'reshape') return false;
  const moved = axis === null || operator.kind === 'reshape' ? null : operator.permutation.indexOf(axis);
  const [codes, ...parameters] = decoded.inputs;
  const ordered = graph.addNode(`${codes}_ordered`, operator, [codes!]);
  graph.change(node, { operator: { kind: 'dequantize', axis: moved }, inputs: [ordered, ...parameters] });
  return true;
}
