import {
  type Activation,
  type DenseLayerSpec,
  InvalidArgumentError,
  type LayerSpec,
  type ModelGraph,
  Random,
  type StoredTensor,
  type WeightSource,
} from '@qedge/core';

/** A weight source over tensors that are already in memory. The tensors are borrowed. */
export function weightSourceOf(tensors: readonly StoredTensor[]): WeightSource {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const find = (name: string) => {
    const tensor = byName.get(name);
    if (tensor) return tensor;
    throw new InvalidArgumentError(`Unknown tensor "${name}"`, {
      expected: [...byName.keys()],
      actual: name,
    });
  };
  return {
    names: () => [...byName.keys()],
    has: (name) => byName.has(name),
    spec(name) {
      const { dtype, shape, quantization } = find(name);
      return { name, dtype, shape, ...(quantization ? { quantization } : {}) };
    },
    load: find,
  };
}

/** What {@link randomModel} is to make. */
export interface RandomModelOptions {
  /** Values per sample: input first, then the units of each dense layer. At least two. */
  readonly sizes: readonly number[];
  readonly seed: number;
  /** Activation of all dense layers but the last, which is linear. Default `relu`. */
  readonly activation?: Activation;
  /** Default true. */
  readonly bias?: boolean;
  /** Adds a softmax at the end. Default false. */
  readonly softmax?: boolean;
  /** The input shape, if it is not flat; its product must be `sizes[0]`. A flatten layer is put in front. */
  readonly inputShape?: readonly number[];
}

/** A model with its float32 weights. */
export interface RandomModel {
  readonly graph: ModelGraph;
  readonly tensors: readonly StoredTensor[];
  readonly weights: WeightSource;
}

/**
 * A multilayer perceptron with reproducible normal weights, scaled so that activations stay near 1 (He et al. 2015). Every
 * dense layer knows its input quantisation: inputs of the first span -4..4, those of the others 0..8 after relu.
 */
export function randomModel(options: RandomModelOptions): RandomModel {
  const { sizes, activation = 'relu', bias = true } = options;
  const random = new Random(options.seed);
  const tensors: StoredTensor[] = [];
  const layers: LayerSpec[] = [];
  if (options.inputShape) layers.push({ kind: 'flatten', name: 'flatten' });
  for (let i = 1; i < sizes.length; i++) {
    const [inputSize, units] = [sizes[i - 1]!, sizes[i]!];
    const layer: DenseLayerSpec = {
      kind: 'dense',
      name: `dense ${i}`,
      inputSize,
      units,
      activation: i === sizes.length - 1 ? 'linear' : activation,
      kernel: `dense ${i}/kernel`,
      bias: bias ? `dense ${i}/bias` : null,
      inputQuantization:
        i > 1 && activation === 'relu'
          ? { scale: 8 / 255, zeroPoint: 0 }
          : { scale: 8 / 255, zeroPoint: 128 },
    };
    layers.push(layer);
    const kernel = new Float32Array(inputSize * units).map(() => random.normal() * Math.sqrt(2 / inputSize));
    tensors.push({ name: layer.kernel, dtype: 'float32', shape: [inputSize, units], data: kernel });
    if (layer.bias !== null) {
      const data = new Float32Array(units).map(() => random.normal() * 0.1);
      tensors.push({ name: layer.bias, dtype: 'float32', shape: [units], data });
    }
  }
  if (options.softmax) layers.push({ kind: 'softmax', name: 'softmax' });
  const graph: ModelGraph = {
    format: 'qedge-model-graph',
    version: 1,
    name: `random ${sizes.join('-')}`,
    inputShape: options.inputShape ?? [sizes[0]!],
    outputShape: [sizes.at(-1)!],
    layers,
  };
  return { graph, tensors, weights: weightSourceOf(tensors) };
}

/** Reproducible normal inputs, `[batch, size]`. */
export function randomInput(size: number, batch: number, seed: number): Float32Array {
  const random = new Random(seed);
  return new Float32Array(size * batch).map(() => random.normal());
}
