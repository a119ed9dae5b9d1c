import { InvalidArgumentError, UnsupportedError } from '@qedge/core';
import type { Tensorflow } from '../tfjs-device.ts';

type LayersModel = InstanceType<Tensorflow['LayersModel']>;
type Layer = LayersModel['layers'][number];
type Tensor = import('@tensorflow/tfjs').Tensor;

/** One layer of a network with where its inputs come from. */
export interface ChainedLayer {
  readonly layer: Layer;
  /** Positions of layers in the chain. */
  readonly inputs: readonly number[];
}

/** Layers of which a second forward pass would not compute the same. */
const RANDOM_LAYERS = ['Dropout', 'AlphaDropout', 'GaussianDropout', 'GaussianNoise', 'SpatialDropout1D'];

/**
 * The layers of a model with one input and one output in the order of execution, the input layer first.
 *
 * @throws UnsupportedError naming the layer for several inputs or outputs, layers that are used twice, and random layers without a seed.
 */
export function chainLayers(model: LayersModel): readonly ChainedLayer[] {
  if (model.inputs.length !== 1 || model.outputs.length !== 1) {
    throw new UnsupportedError(`The model "${model.name}" cannot be cut`, {
      expected: 'one input and one output',
      actual: `${model.inputs.length} and ${model.outputs.length}`,
    });
  }
  const sources = new Map<number, number>();
  const chain: ChainedLayer[] = [];
  for (const layer of layersInOrder(model)) {
    const nodes = layer.inboundNodes.filter((node) => belongsTo(model, layer, node.outputTensors));
    if (nodes.length !== 1) {
      throw new UnsupportedError(`Layer "${layer.name}" cannot be computed again by itself`, {
        expected: 'a layer that is used once',
        actual: `used ${nodes.length} times`,
      });
    }
    requireRepeatable(layer);
    const { inputTensors, outputTensors } = nodes[0]!;
    const inputs = inputTensors.map((tensor) => sources.get(tensor.id)!);
    for (const tensor of outputTensors) sources.set(tensor.id, chain.length);
    chain.push({ layer, inputs });
  }
  const last = sources.get(model.outputs[0]!.id);
  if (last === chain.length - 1) return chain;
  throw new UnsupportedError(`The output of "${model.name}" is not that of its last layer`, {
    expected: chain.at(-1)?.layer.name,
    actual: chain[last ?? 0]?.layer.name,
  });
}

/** tfjs keeps a container's layers by depth, from the input down; a Sequential leaves its input layer out. */
function layersInOrder(model: LayersModel): readonly Layer[] {
  const [input] = model.inputs;
  const first = input!.sourceLayer as Layer;
  return model.layers.includes(first) ? model.layers : [first, ...model.layers];
}

/** A layer may have been applied outside of this model too. */
function belongsTo(model: LayersModel, layer: Layer, outputs: readonly { readonly id: number }[]): boolean {
  const used = [
    ...model.outputs,
    ...model.layers.flatMap((other) => other.inboundNodes.flatMap((node) => node.inputTensors)),
  ];
  return layer.inboundNodes.length === 1 || outputs.some(({ id }) => used.some((tensor) => tensor.id === id));
}

function requireRepeatable(layer: Layer): void {
  const kind = layer.getClassName();
  const { seed, rate, stddev } = layer.getConfig() as { seed?: unknown; rate?: number; stddev?: number };
  if (!RANDOM_LAYERS.includes(kind) || typeof seed === 'number' || (rate ?? stddev) === 0) return;
  throw new UnsupportedError(`Layer "${layer.name}" gives another result each time`, {
    expected: 'layers that compute the same twice',
    actual: `${kind} without a seed`,
    remedy: 'Give the layer a seed.',
  });
}

/** Runs the layers `from` (inclusive) to `to` on the one tensor that crosses the cut before `from`. */
export function runLayers(
  chain: readonly ChainedLayer[],
  { from, to }: { readonly from: number; readonly to: number },
  input: Tensor,
  training: boolean,
): Tensor {
  const values = new Map<number, Tensor>([[from - 1, input]]);
  for (let at = from; at < to; at++) {
    const { layer, inputs } = chain[at]!;
    if (layer.getClassName() === 'InputLayer') {
      values.set(at, input);
      continue;
    }
    const given = inputs.map((source) => values.get(source)!);
    const result = layer.call(given.length === 1 ? given[0]! : given, { training });
    const [value] = Array.isArray(result) ? result : [result];
    if (!value) throw new InvalidArgumentError(`Layer "${layer.name}" gave no tensor`);
    values.set(at, value);
  }
  return values.get(to - 1)!;
}
