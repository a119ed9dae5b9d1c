import { foldNode } from './fold-constants.ts';
import type { GraphPass } from './graph-pass.ts';
import { nodeOfKind } from './node-of-kind.ts';

/** Decodes quantised constants that no product with quantised activations reads: nothing but the decoded numbers is of use then. */
export const decodeConstants: GraphPass = {
  name: 'decode-constants',
  rewrite(graph) {
    let decoded = 0;
    for (const node of graph.nodes()) {
      const dequantize = nodeOfKind(node, 'dequantize');
      if (!dequantize?.inputs.every((input) => input === null || graph.isConstant(input))) continue;
      const [output] = dequantize.outputs;
      const isNeeded = [...graph.readers(output!)].some(({ operator, inputs }) => {
        const isProduct = operator.kind === 'matmul' || operator.kind === 'convolution';
        return isProduct && inputs[0] !== output && graph.producer(inputs[0])?.operator.kind === 'dequantize';
      });
      if (isNeeded || graph.isOutput(output!)) continue;
      foldNode(graph, dequantize);
      decoded++;
    }
    return decoded;
  },
};
