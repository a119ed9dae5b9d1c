import type { OperatorNode, PointwiseExpression } from '@qedge/core';
import { areAll, areFinite, type ChannelNumbers, readChannelAffine } from './channel-affine.ts';
import { affineForm, isUsable } from './expressions/affine-form.ts';
import type { GraphEditor } from './graph-editor.ts';
import type { GraphPass } from './graph-pass.ts';
import { nodeOfKind } from './node-of-kind.ts';
import { addBias, isFoldableBias } from './product-bias.ts';
import { inputChannels, outputChannels, scaleChannels, sumChannels } from './weight-channels.ts';

/** The last thing a node does: a scaling of channels. What it does before is `rest`; null when that is nothing. */
interface ScaledTail {
  readonly scale: ChannelNumbers;
  readonly shift: ChannelNumbers;
  readonly rest: PointwiseExpression | null;
}

/**
 * Folds scalings of channels by constants, whole nodes or the ends of expressions, into the weights and bias of the convolution or product
 * that reads them: a shift only where there is no padding, as that is not shifted.
 */
export const foldScalesIntoReaders: GraphPass = {
  name: 'fold-scales-into-readers',
  rewrite(graph) {
    let folded = 0;
    for (const original of graph.sortedNodes()) {
      const node = graph.producer(original.outputs[0]);
      const reader = node && productReading(graph, node.outputs[0]!);
      const tail = reader && scaledTail(graph, node);
      if (!tail || !areFinite(tail.scale) || !areFinite(tail.shift)) continue;
      if (foldIntoReader(graph, node, reader, tail)) folded++;
    }
    return folded;
  },
};

function scaledTail(graph: GraphEditor, node: OperatorNode): ScaledTail | null {
  const affine = readChannelAffine(graph, node);
  if (affine) return { ...affine, rest: null };
  const pointwise = nodeOfKind(node, 'pointwise');
  if (!pointwise) return null;
  const form = affineForm(pointwise.operator.expression);
  if (!form.base || !isUsable(form) || (form.scale === 1 && form.shift === 0)) return null;
  return { scale: form.scale, shift: form.shift, rest: form.base };
}

/** The product that alone reads `value`, as its first input, with weights whose numbers are known. */
function productReading(graph: GraphEditor, value: string): OperatorNode | null {
  const reader = graph.onlyReader(value);
  if (!reader || reader.inputs[0] !== value || reader.inputs.lastIndexOf(value) !== 0) return null;
  const weights = reader.inputs[1];
  if (!graph.isConstant(weights) || graph.spec(weights).dtype !== 'float32') return null;
  const { operator } = reader;
  const { shape } = graph.spec(weights);
  if (operator.kind === 'matmul') return !operator.transposeA && shape.length === 2 ? reader : null;
  const isSupported = operator.kind === 'convolution' && (operator.groups === 1 || shape[2] === 1);
  return isSupported ? reader : null;
}

function foldIntoReader(
  graph: GraphEditor,
  node: OperatorNode,
  reader: OperatorNode,
  tail: ScaledTail,
): boolean {
  const { operator, inputs } = reader;
  const shifts = !areAll(tail.shift, 0);
  const padded = operator.kind === 'convolution' && operator.window.padding.some((cells) => cells > 0);
  if (shifts && (padded || !isFoldableBias(graph, inputs[2]))) return false;
  const weights = inputs[1]!;
  const [channels, outputs] = [inputChannels(graph, reader), outputChannels(graph, reader)!];
  const { dtype, shape, data } = graph.constant(weights);
  const scaled = scaleChannels(data, tail.scale, channels);
  const name = graph.addConstant(`${weights}_scaled`, { dtype, shape, data: scaled });
  const sums = shifts ? sumChannels(data, tail.shift, channels, outputs) : null;
  const alpha = operator.kind === 'matmul' ? operator.alpha : 1;
  const add = (sum: number, channel: number) => sum + alpha * sums![channel]!;
  const bias = shifts ? [addBias(graph, reader, inputs[2] ?? null, outputs.count, add)] : inputs.slice(2, 3);
  const [output] = node.outputs;
  const source = tail.rest === null ? variableInput(graph, node) : output!;
  graph.change(reader, { inputs: [source, name, ...bias, ...inputs.slice(3)] });
  if (tail.rest === null) graph.remove(node);
  else graph.change(node, { operator: { kind: 'pointwise', expression: tail.rest } });
  return true;
}

/** The one input of a scaling that is no constant. */
function variableInput(graph: GraphEditor, node: OperatorNode): string {
  return node.inputs.find((input) => input !== null && !graph.isConstant(input))!;
}
