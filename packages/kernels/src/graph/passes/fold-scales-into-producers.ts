import type { Operator, OperatorNode } from '@qedge/core';
import {
  areAll,
  areFinite,
  type ChannelAffine,
  type ChannelNumbers,
  numberAt,
  readChannelAffine,
} from './channel-affine.ts';
import type { GraphEditor } from './graph-editor.ts';
import type { GraphPass } from './graph-pass.ts';
import { addBias, isFoldableBias } from './product-bias.ts';
import { type ChannelLayout, outputChannels, scaleChannels } from './weight-channels.ts';

/** Folds batch normalisations and other scalings of channels by constants into the weights and bias of the product before them. */
export const foldScalesIntoProducers: GraphPass = {
  name: 'fold-scales-into-producers',
  rewrite(graph) {
    let folded = 0;
    for (const original of graph.sortedNodes()) {
      const node = graph.producer(original.outputs[0]);
      if (!node) continue;
      const affine = readChannelAffine(graph, node);
      if (!affine || !areFinite(affine.scale) || !areFinite(affine.shift)) continue;
      if (foldIntoProducer(graph, node, affine)) folded++;
    }
    return folded;
  },
};

function foldIntoProducer(graph: GraphEditor, node: OperatorNode, affine: ChannelAffine): boolean {
  const producer = graph.producer(affine.input);
  if (!producer || graph.onlyReader(affine.input) !== node) return false;
  const { operator, inputs } = producer;
  if (!('activation' in operator) || operator.activation !== null || inputs[3] != null) return false;
  const layout = outputChannels(graph, producer);
  if (!layout || !isFoldableBias(graph, inputs[2])) return false;
  const [data, weights, bias] = inputs;
  const scaled = scaleWeights(graph, producer, affine.scale, layout);
  if (!scaled) return false;
  const shifted = needsBias(bias, affine)
    ? addBias(graph, producer, bias ?? null, layout.count, (sum, channel) => {
        return sum * numberAt(affine.scale, channel) + numberAt(affine.shift, channel);
      })
    : (bias ?? null);
  const changed = [data!, scaled.weights ?? weights!, ...(shifted === null ? [] : [shifted])];
  graph.change(producer, { operator: scaled.operator, inputs: changed });
  return graph.replaceValue(node.outputs[0]!, affine.input);
}

function needsBias(bias: string | null | undefined, { scale, shift }: ChannelAffine): boolean {
  return !areAll(shift, 0) || (bias != null && !areAll(scale, 1));
}

/** The weights with scaled channels; of a product of two values that are computed, one factor for all becomes its `alpha`. */
function scaleWeights(
  graph: GraphEditor,
  { operator, inputs }: OperatorNode,
  scale: ChannelNumbers,
  layout: ChannelLayout,
): { readonly operator: Operator; readonly weights: string | null } | null {
  if (areAll(scale, 1)) return { operator, weights: null };
  const weights = inputs[1]!;
  if (operator.kind === 'matmul' && typeof scale === 'number' && scale !== 0) {
    const alpha = operator.alpha * scale;
    if (!Number.isFinite(Math.fround(alpha))) return null;
    if (!graph.isConstant(weights)) return { operator: { ...operator, alpha }, weights: null };
  }
  if (!graph.isConstant(weights)) return null;
  const { dtype, shape, data } = graph.constant(weights);
  if (dtype !== 'float32') return null;
  const scaled = scaleChannels(data, scale, layout);
  return { operator, weights: graph.addConstant(`${weights}_scaled`, { dtype, shape, data: scaled }) };
}
