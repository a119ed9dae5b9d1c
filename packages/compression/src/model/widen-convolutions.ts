import type { Tensorflow } from '../tfjs/tensorflow.ts';
import type { LayerCall, ModelTopology, TensorReference, TopologyLayer } from './model-topology.ts';

type FixedShape = readonly [length: number, channels: number];

/**
 * Turns one-dimensional convolutions into two-dimensional ones over images of height 1, between layers that reshape, so that what is known of a
 * Conv2D holds for them too: codes, their evaluation, and files. Layers keep their names and weights; kernels `[taps, inputs, filters]` become
 * `[1, taps, inputs, filters]`. The model computes the same.
 *
 * Shared layers, causal padding, channels before places and open lengths stay as they are.
 *
 * @param isChosen which of the layers are to be widened; default all.
 */
export function widenConvolutions(
  tf: Tensorflow,
  topology: ModelTopology,
  isChosen: (layer: TopologyLayer) => boolean = () => true,
): ModelTopology {
  const widened = new Set(
    topology.layers.filter((layer) => isWidenable(layer) && isChosen(layer)).map(({ name }) => name),
  );
  if (widened.size === 0) return topology;
  const redirect = (reference: TensorReference): TensorReference =>
    widened.has(reference.layer) ? { ...reference, layer: lineName(reference.layer) } : reference;
  const layers = topology.layers.flatMap((layer) => {
    const calls = layer.calls.map((call) => ({ ...call, inputs: call.inputs.map(redirect) }));
    return widened.has(layer.name) ? widenLayer(tf, topology, layer, calls[0]!) : [{ ...layer, calls }];
  });
  return { ...topology, layers, outputs: topology.outputs.map(redirect) };
}

/** Whether {@link widenConvolutions} can widen a layer. */
export function isWidenable({ className, config, calls }: TopologyLayer): boolean {
  if (className !== 'Conv1D' || calls.length !== 1 || config.dataFormat === 'channelsFirst') return false;
  const isPadded = config.padding === 'same' || config.padding === 'valid';
  return isPadded && calls[0]!.outputShapes[0]!.every((size) => size !== null);
}

function lineName(layer: string): string {
  return `${layer}/line`;
}

function widenLayer(
  tf: Tensorflow,
  topology: ModelTopology,
  layer: TopologyLayer,
  { inputs, outputShapes }: LayerCall,
): readonly TopologyLayer[] {
  const { name, config, weights } = layer;
  const { batchInputShape: _, ...settings } = config;
  const outputShape = outputShapes[0] as FixedShape;
  const image = reshape(tf, `${name}/image`, inputs[0]!, [1, ...inputShape(topology, layer)]);
  const convolution: TopologyLayer = {
    name,
    ...stockClass(tf, 'Conv2D'),
    config: {
      ...settings,
      dataFormat: 'channelsLast',
      kernelSize: [1, alongLine(config.kernelSize)],
      strides: [1, alongLine(config.strides)],
      dilationRate: [1, alongLine(config.dilationRate)],
    },
    calls: [{ inputs: [outputOf(image)], outputShapes: [[1, ...outputShape]] }],
    weights: weights.map((weight) =>
      weight.role === 'kernel' ? { ...weight, shape: [1, ...weight.shape] } : weight,
    ),
  };
  return [image, convolution, reshape(tf, lineName(name), outputOf(convolution), outputShape)];
}

function reshape(
  tf: Tensorflow,
  name: string,
  input: TensorReference,
  targetShape: readonly number[],
): TopologyLayer {
  return {
    name,
    ...stockClass(tf, 'Reshape'),
    config: { name, trainable: true, targetShape: [...targetShape] },
    calls: [{ inputs: [input], outputShapes: [targetShape] }],
    weights: [],
  };
}

function inputShape({ layers }: ModelTopology, { calls }: TopologyLayer): FixedShape {
  const { layer, call, output } = calls[0]!.inputs[0]!;
  return layers.find(({ name }) => name === layer)!.calls[call]!.outputShapes[output] as FixedShape;
}

function outputOf({ name }: TopologyLayer): TensorReference {
  return { layer: name, call: 0, output: 0 };
}

/** A setting of a Conv1D, which tfjs keeps as a number or as a list of one. */
function alongLine(setting: unknown): number {
  return (Array.isArray(setting) ? setting[0] : (setting ?? 1)) as number;
}

function stockClass(tf: Tensorflow, className: string) {
  const [layerClass] = tf.serialization.SerializationMap.getMap().classNameMap[className]!;
  return { className, layerClass };
}
