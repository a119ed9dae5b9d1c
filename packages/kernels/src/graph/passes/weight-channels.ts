import type { OperatorNode } from '@qedge/core';
import { type ChannelNumbers, numberAt } from './channel-affine.ts';
import type { GraphEditor } from './graph-editor.ts';

/** How the numbers of a weight belong to channels: number `i` to channel `floor(i / inner) % count`. */
export interface ChannelLayout {
  readonly inner: number;
  readonly count: number;
}

/** Where the output channels of a product lie in its weights; null for kinds that are none. */
export function outputChannels(graph: GraphEditor, { operator, inputs }: OperatorNode): ChannelLayout | null {
  if (operator.kind === 'convolution') return { inner: 1, count: graph.spec(inputs[1]!).shape[3]! };
  if (operator.kind === 'transposed-convolution' && operator.groups === 1) {
    const [, , count, channels] = graph.spec(inputs[1]!).shape;
    return { inner: channels!, count: count! };
  }
  if (operator.kind !== 'matmul') return null;
  const [rows, columns] = graph.spec(inputs[1]!).shape.slice(-2) as [number, number];
  return operator.transposeB ? { inner: columns, count: rows } : { inner: 1, count: columns };
}

/** Where the input channels of a product of matrices or a convolution, with one group or one channel per group, lie in its weights. */
export function inputChannels(graph: GraphEditor, { operator, inputs }: OperatorNode): ChannelLayout {
  const { shape } = graph.spec(inputs[1]!);
  if (operator.kind === 'matmul') {
    const [rows, columns] = shape as [number, number];
    return operator.transposeB ? { inner: 1, count: columns } : { inner: columns, count: rows };
  }
  const [depth, outputs] = [shape[2]!, shape[3]!];
  const groups = operator.kind === 'convolution' ? operator.groups : 1;
  return groups === 1 ? { inner: outputs, count: depth } : { inner: outputs / groups, count: groups };
}

/** Weights with every channel multiplied by its number. */
export function scaleChannels(
  weights: ArrayLike<number>,
  scale: ChannelNumbers,
  { inner, count }: ChannelLayout,
): Float32Array {
  const scaled = new Float32Array(weights.length);
  for (let at = 0, channel = 0; at < scaled.length; channel = channel + 1 === count ? 0 : channel + 1) {
    const factor = numberAt(scale, channel);
    for (const end = at + inner; at < end; at++) scaled[at] = weights[at]! * factor;
  }
  return scaled;
}

/** For every output channel, the sum of its weights, each times the number of its input channel. */
export function sumChannels(
  weights: ArrayLike<number>,
  numbers: ChannelNumbers,
  inputs: ChannelLayout,
  outputs: ChannelLayout,
): Float64Array {
  const sums = new Float64Array(outputs.count);
  let [at, input, inputLeft] = [0, 0, inputs.inner];
  let factor = numberAt(numbers, 0);
  while (at < weights.length) {
    for (let output = 0; output < outputs.count; output++) {
      for (const end = at + outputs.inner; at < end; at++) {
        sums[output] = sums[output]! + weights[at]! * factor;
        if (--inputLeft > 0) continue;
        inputLeft = inputs.inner;
        input = input + 1 === inputs.count ? 0 : input + 1;
        factor = numberAt(numbers, input);
      }
    }
  }
  return sums;
}
