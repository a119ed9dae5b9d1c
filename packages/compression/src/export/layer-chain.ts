import type { Activation, LayerSpec, ModelGraph } from '@qedge/core';
import type { CompressedModel } from '../model/compressed-model.ts';
import type { ModelTopology, TopologyLayer } from '../model/model-topology.ts';

/** Layers that pass numbers on when a model infers. */
const PASSING = new Set(['Dropout', 'GaussianDropout', 'GaussianNoise', 'AlphaDropout', 'SpatialDropout1D']);

/**
 * A compressed model as a `ModelGraph`, the form of a chain of dense layers that takes the fewest bytes and that devices run.
 *
 * @returns null for a model that is more than dense layers (linear or relu), flatten and softmax one behind the other.
 */
export function asLayerChain({ topology, inputs }: CompressedModel): ModelGraph | null {
  const layers = chainOf(topology);
  if (layers === null || layers.length < 2) return null;
  const shapes = layers.map(({ calls }) => calls[0]!.outputShapes[0]!);
  if (shapes.some((shape) => shape.some((size) => size === null))) return null;
  const specs: LayerSpec[] = [];
  for (const [i, layer] of layers.slice(1).entries()) {
    const added = specsOf(layer, shapes[i] as number[], specs.at(-1) ?? null, inputs);
    if (added === null) return null;
    if (added.replacesLast) specs.pop();
    specs.push(...added.specs);
  }
  if (specs.length === 0) return null;
  return {
    ...{ format: 'qedge-model-graph', version: 1, name: topology.name },
    ...{ inputShape: shapes[0] as number[], outputShape: shapes.at(-1) as number[], layers: specs },
  };
}

/** The layers in order when each has one call that reads the one before. */
function chainOf({ layers, inputs, outputs }: ModelTopology): readonly TopologyLayer[] | null {
  if (inputs.length !== 1 || outputs.length !== 1) return null;
  for (const [i, { calls, className }] of layers.entries()) {
    const [call] = calls;
    if (calls.length !== 1 || call!.outputShapes.length !== 1) return null;
    if ((i === 0) !== (className === 'InputLayer')) return null;
    if (i > 0 && (call!.inputs.length !== 1 || call!.inputs[0]!.layer !== layers[i - 1]!.name)) return null;
  }
  return layers.length > 0 && outputs[0]!.layer === layers.at(-1)!.name ? layers : null;
}

interface AddedSpecs {
  readonly specs: readonly LayerSpec[];
  /** True when they stand for the last layer too. */
  readonly replacesLast: boolean;
}

const NOTHING: AddedSpecs = { specs: [], replacesLast: false };

function specsOf(
  layer: TopologyLayer,
  inputShape: readonly number[],
  last: LayerSpec | null,
  inputs: CompressedModel['inputs'],
): AddedSpecs | null {
  const { name, className, config } = layer;
  if (PASSING.has(className)) return NOTHING;
  switch (className) {
    case 'Dense':
      return inputShape.length === 1 ? denseSpecs(layer, inputs) : null;
    case 'Flatten':
      return { specs: [{ kind: 'flatten', name }], replacesLast: false };
    case 'ReLU':
      return config.maxValue === undefined || config.maxValue === null
        ? activationSpecs(name, 'relu', last)
        : null;
    case 'Softmax':
      return config.axis === undefined || config.axis === -1 ? activationSpecs(name, 'softmax', last) : null;
    case 'Activation':
      return activationSpecs(name, config.activation, last);
    default:
      return null;
  }
}

function denseSpecs(layer: TopologyLayer, inputs: CompressedModel['inputs']): AddedSpecs | null {
  const { name, config, weights } = layer;
  const [kernel, bias] = weights;
  const activation = config.activation ?? 'linear';
  if (!['linear', 'relu', 'softmax'].includes(activation as string)) return null;
  const dense: LayerSpec = {
    ...{ kind: 'dense', name, inputSize: kernel!.shape[0]!, units: kernel!.shape[1]! },
    activation: activation === 'relu' ? 'relu' : ('linear' satisfies Activation),
    kernel: kernel!.name,
    bias: bias?.name ?? null,
    inputQuantization: inputs.get(name) ?? null,
  };
  const softmax: LayerSpec[] = activation === 'softmax' ? [{ kind: 'softmax', name: `${name}/softmax` }] : [];
  return { specs: [dense, ...softmax], replacesLast: false };
}

function activationSpecs(name: string, activation: unknown, last: LayerSpec | null): AddedSpecs | null {
  if (activation === 'linear') return NOTHING;
  if (activation === 'softmax') return { specs: [{ kind: 'softmax', name }], replacesLast: false };
  if (activation !== 'relu' || last?.kind !== 'dense') return null;
  return { specs: [{ ...last, activation: 'relu' }], replacesLast: true };
}
