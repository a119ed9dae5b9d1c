import { operandsOf, reducedOverLast } from './composed-expression.ts';
import type { GraphEditor } from './graph-editor.ts';
import type { GraphPass } from './graph-pass.ts';
import { nodeOfKind } from './node-of-kind.ts';

/** Finds softmaxes over the last axis that are written out: `exp(x - maximum(x)) / sum(exp(x - maximum(x)))`. */
export const recognizeSoftmax: GraphPass = {
  name: 'recognize-softmax',
  rewrite(graph) {
    let recognized = 0;
    for (const node of graph.nodes()) {
      const quotient = operandsOf(graph, node.outputs[0], 'divide');
      if (!quotient || reducedOverLast(graph, quotient[1], 'sum') !== quotient[0]) continue;
      const source = shiftedSource(graph, quotient[0]);
      if (source === null) continue;
      graph.change(node, { operator: { kind: 'softmax', log: false }, inputs: [source] });
      recognized++;
    }
    return recognized;
  },
};

/** The `x` of `exp(x - maximum(x))`, in one node or two. */
function shiftedSource(graph: GraphEditor, value: string): string | null {
  const node = nodeOfKind(graph.producer(value), 'pointwise');
  if (!node) return null;
  const { expression } = node.operator;
  if (!('apply' in expression) || expression.apply.kind !== 'exponential') return null;
  const { to } = expression;
  let operands: readonly [string, string] | null = null;
  if ('input' in to) operands = operandsOf(graph, node.inputs[to.input], 'subtract');
  else if ('operation' in to && to.operation === 'subtract' && 'input' in to.a && 'input' in to.b)
    operands = [node.inputs[to.a.input]!, node.inputs[to.b.input]!];
  if (!operands) return null;
  return reducedOverLast(graph, operands[1], 'maximum') === operands[0] ? operands[0] : null;
}
