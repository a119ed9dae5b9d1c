import { InvalidArgumentError, ShapeMismatchError, shapesEqual } from '@qedge/core';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import type { ModelTopology, TensorflowLayer, TensorReference, TopologyLayer } from './model-topology.ts';

interface LayerClass {
  fromConfig(layerClass: unknown, config: object): TensorflowLayer;
}

/**
 * Makes a functional LayersModel of a topology, with its weights. Layers get the topology's names.
 *
 * @returns owned by the caller, who disposes it.
 * @throws InvalidArgumentError for a reference to nothing, ShapeMismatchError for weights that do not fit their layer's settings, and what layers throw;
 *   no tensor is left behind then.
 */
export function buildModel(tf: Tensorflow, topology: ModelTopology): LayersModel {
  const builder = new ModelBuilder(tf, topology);
  try {
    const inputs = topology.inputs.map((reference) => builder.tensor(reference));
    const outputs = topology.outputs.map((reference) => builder.tensor(reference));
    const model = tf.model({ inputs, outputs, name: topology.name });
    builder.ownLayers();
    builder.setWeights();
    return model;
  } catch (error) {
    builder.disposeWeights();
    throw error;
  }
}

class ModelBuilder {
  readonly #tf: Tensorflow;
  readonly #definitions: ReadonlyMap<string, TopologyLayer>;
  readonly #layers = new Map<string, TensorflowLayer>();
  readonly #outputs = new Map<string, readonly SymbolicTensor[]>();

  constructor(tf: Tensorflow, { layers }: ModelTopology) {
    this.#tf = tf;
    this.#definitions = new Map(layers.map((layer) => [layer.name, layer]));
  }

  tensor({ layer, call, output }: TensorReference): SymbolicTensor {
    const key = `${call} ${layer}`;
    const known = this.#outputs.get(key) ?? this.#apply(layer, call);
    this.#outputs.set(key, known);
    return known[output] ?? missing({ layer, call, output });
  }

  #apply(name: string, call: number): readonly SymbolicTensor[] {
    const definition = this.#definitions.get(name);
    const use = definition?.calls[call];
    if (!definition || !use) return missing({ layer: name, call, output: 0 });
    if (definition.className === 'InputLayer') return [this.#input(definition)];
    const inputs = use.inputs.map((reference) => this.tensor(reference));
    const layer = this.#layers.get(name) ?? this.#makeLayer(definition);
    const outputs = layer.apply(inputs.length === 1 ? inputs[0]! : inputs);
    return (Array.isArray(outputs) ? outputs : [outputs]) as SymbolicTensor[];
  }

  #input({ config, name }: TopologyLayer): SymbolicTensor {
    const { batchInputShape, dtype } = config as { batchInputShape: number[]; dtype?: 'float32' | 'int32' };
    return this.#tf.input({ batchShape: batchInputShape, name, ...(dtype ? { dtype } : {}) });
  }

  #makeLayer({ name, layerClass, config }: TopologyLayer): TensorflowLayer {
    // The weights are set below: random numbers for them would be drawn in vain.
    const zeros = Object.keys(config).filter((key) => key.endsWith('Initializer') && config[key] !== null);
    const layer = (layerClass as LayerClass).fromConfig(layerClass, {
      ...config,
      ...Object.fromEntries(zeros.map((key) => [key, 'zeros'])),
      name,
    });
    this.#layers.set(name, layer);
    return layer;
  }

  /** tfjs counts every call of a layer as an owner, and a model gives up one: a shared layer would keep its weights after `dispose`. */
  ownLayers(): void {
    for (const layer of this.#layers.values()) (layer as unknown as { _refCount: number })._refCount = 1;
  }

  /** Of all layers that were made; a layer whose `build` failed has some too. */
  disposeWeights(): void {
    for (const { weights } of this.#layers.values()) {
      for (const weight of weights) weight.dispose();
    }
  }

  setWeights(): void {
    for (const [name, layer] of this.#layers) {
      const { weights } = this.#definitions.get(name)!;
      const expected = layer.weights.map(({ shape }) => shape as readonly number[]);
      const fits =
        weights.length === expected.length &&
        weights.every(({ shape }, at) => shapesEqual(shape, expected[at]!));
      if (!fits) {
        throw new ShapeMismatchError(`The weights of layer "${name}" do not fit its settings`, {
          expected,
          actual: weights.map(({ shape }) => shape),
        });
      }
      const tf = this.#tf;
      tf.tidy(() => layer.setWeights(weights.map(({ data, shape }) => tf.tensor(data, [...shape]))));
    }
  }
}

function missing(reference: TensorReference): never {
  throw new InvalidArgumentError('The topology refers to a tensor that it lacks', {
    expected: 'references to outputs of its layers',
    actual: reference,
  });
}
