import type { PointwiseExpression, PointwiseFunction } from '@qedge/core';
import { type ChannelNumbers, numberAt, readChannelAffine } from './channel-affine.ts';
import type { GraphPass } from './graph-pass.ts';

/** Makes scalings by one constant per channel that no product can take in `channel-scale` nodes: one pass, two vectors of constants. */
export const recognizeChannelScales: GraphPass = {
  name: 'recognize-channel-scales',
  rewrite(graph) {
    let recognized = 0;
    for (const node of graph.nodes()) {
      if (node.operator.kind !== 'pointwise' || node.inputs.length < 2) continue;
      const [expression, activation] = splitActivation(node.operator.expression);
      const plain = { ...node, operator: { kind: 'pointwise', expression } } as const;
      const affine = readChannelAffine(graph, plain);
      const channels = graph.spec(node.outputs[0]!).shape.at(-1) ?? 1;
      if (!affine || channels === 1) continue;
      const constant = (numbers: ChannelNumbers, what: string) => {
        const data = Float32Array.from({ length: channels }, (_, i) => numberAt(numbers, i));
        return graph.addConstant(`${node.name}_${what}`, { dtype: 'float32', shape: [channels], data });
      };
      graph.change(node, {
        operator: { kind: 'channel-scale', activation },
        inputs: [affine.input, constant(affine.scale, 'scale'), constant(affine.shift, 'shift')],
      });
      recognized++;
    }
    return recognized;
  },
};

function splitActivation(expression: PointwiseExpression): [PointwiseExpression, PointwiseFunction | null] {
  const isActivation = 'apply' in expression && expression.apply.kind !== 'negate';
  return isActivation ? [expression.to, expression.apply] : [expression, null];
}
