import { elementCount, type OperatorNode } from '@qedge/core';
import { evaluateOperator } from '../operators/registry.ts';
import type { GraphEditor } from './graph-editor.ts';
import type { GraphPass } from './graph-pass.ts';

/** Folding a node may make this many elements, or as many as the constants have that it is made from. */
const CREATED_ELEMENTS = 1 << 16;

/** More multiplications are left to generated code, which runs them thousands of times faster than the references. */
const PRODUCT_TERMS = 1 << 22;

/**
 * Computes nodes whose inputs are all constants. Left alone are nodes that make outputs of the graph, operators of the user, dequantised
 * weights (integer kernels want the codes), large products, and what would become much larger than its inputs.
 */
export const foldConstants: GraphPass = {
  name: 'fold-constants',
  rewrite(graph) {
    let folded = 0;
    for (const original of graph.sortedNodes()) {
      // Its inputs may have become constants meanwhile.
      const node = graph.producer(original.outputs[0]);
      if (!node || !isFoldable(graph, node)) continue;
      foldNode(graph, node);
      folded++;
    }
    return folded;
  },
};

function isFoldable(graph: GraphEditor, node: OperatorNode): boolean {
  const { kind } = node.operator;
  if (kind === 'custom' || kind === 'dequantize' || kind === 'recurrent' || kind === 'attention')
    return false;
  if (!node.inputs.some((input) => input !== null)) return false;
  if (!node.inputs.every((input) => input === null || graph.isConstant(input))) return false;
  if (node.outputs.some((output) => graph.isOutput(output))) return false;
  const size = (value: string) => elementCount(graph.spec(value).shape);
  const given = node.inputs.reduce((sum, input) => sum + (input === null ? 0 : size(input)), 0);
  const made = node.outputs.reduce((sum, output) => sum + size(output), 0);
  if (made > Math.max(given, CREATED_ELEMENTS)) return false;
  const isProduct = kind === 'matmul' || kind.endsWith('convolution');
  return !isProduct || made * given <= PRODUCT_TERMS;
}

/** Replaces a node whose inputs are all constants by constants. */
export function foldNode(graph: GraphEditor, node: OperatorNode): void {
  const inputs = node.inputs.map((input) => (input === null ? null : graph.constant(input)));
  for (const [index, value] of evaluateOperator(node.operator, inputs).entries()) {
    const output = node.outputs[index]!;
    graph.redirect(output, graph.addConstant(output, value));
  }
  graph.remove(node);
}
