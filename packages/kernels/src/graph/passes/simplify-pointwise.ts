import { sameExpression } from './expressions/expression.ts';
import type { GraphPass } from './graph-pass.ts';
import { nodeOfKind } from './node-of-kind.ts';
import { tidyTerms } from './pointwise-node.ts';

/** Writes single numbers into the expressions of pointwise nodes and shortens them; recognises activations that are written out. */
export const simplifyPointwise: GraphPass = {
  name: 'simplify-pointwise',
  rewrite(graph) {
    let changes = 0;
    for (const each of graph.nodes()) {
      const node = nodeOfKind(each, 'pointwise');
      if (!node) continue;
      const inputs = node.inputs as readonly string[];
      const { expression } = node.operator;
      const tidy = tidyTerms(graph, { inputs, expression }, graph.spec(node.outputs[0]!).shape);
      const same = tidy.inputs.length === inputs.length && tidy.inputs.every((name, i) => name === inputs[i]);
      if (same && sameExpression(tidy.expression, expression)) continue;
      graph.change(node, {
        operator: { kind: 'pointwise', expression: tidy.expression },
        inputs: tidy.inputs,
      });
      changes++;
    }
    return changes;
  },
};
