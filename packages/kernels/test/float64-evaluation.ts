import {
  elementCount,
  InvalidArgumentError,
  type ModelGraph,
  Random,
  type StoredTensor,
  type WeightSource,
} from '@qedge/core';

/** A model graph with its numbers in memory. */
export interface TestModel {
  readonly graph: ModelGraph;
  readonly weights: WeightSource;
}

/** Weights in memory. */
export function weightSource(tensors: readonly StoredTensor[]): WeightSource {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const load = (name: string) => {
    const tensor = byName.get(name);
    if (!tensor) throw new InvalidArgumentError(`Unknown weight ${name}`);
    return tensor;
  };
  return { names: () => [...byName.keys()], has: (name) => byName.has(name), spec: load, load };
}

/** How to make a model of dense layers. */
export interface TestModelOptions {
  /** Input size, then the units of each layer. */
  readonly sizes: readonly number[];
  readonly seed: number;
  readonly bias?: boolean;
  readonly softmax?: boolean;
  /** Replaces the flat input shape; a flatten layer then comes first. */
  readonly inputShape?: readonly number[];
}

/** Dense layers with ReLU between them and seeded weights of variance 2 / inputSize (He et al. 2015). */
export function testModel({
  sizes,
  seed,
  bias = true,
  softmax = false,
  inputShape,
}: TestModelOptions): TestModel {
  const random = new Random(seed);
  const tensors: StoredTensor[] = [];
  const layers: ModelGraph['layers'][number][] = inputShape ? [{ kind: 'flatten', name: 'flatten' }] : [];
  for (let i = 1; i < sizes.length; i++) {
    const [inputSize, units] = [sizes[i - 1]!, sizes[i]!];
    const scale = Math.sqrt(2 / inputSize);
    const numbers = (count: number) => Float32Array.from({ length: count }, () => scale * random.normal());
    tensors.push({
      name: `k${i}`,
      dtype: 'float32',
      shape: [inputSize, units],
      data: numbers(inputSize * units),
    });
    if (bias) tensors.push({ name: `b${i}`, dtype: 'float32', shape: [units], data: numbers(units) });
    layers.push({
      kind: 'dense',
      name: `dense${i}`,
      inputSize,
      units,
      activation: i < sizes.length - 1 ? 'relu' : 'linear',
      kernel: `k${i}`,
      bias: bias ? `b${i}` : null,
      inputQuantization: null,
    });
  }
  if (softmax) layers.push({ kind: 'softmax', name: 'softmax' });
  const outputShape = [sizes.at(-1)!];
  const graph: ModelGraph = {
    format: 'qedge-model-graph',
    version: 1,
    name: 'test',
    inputShape: inputShape ?? [sizes[0]!],
    outputShape,
    layers,
  };
  return { graph, weights: weightSource(tensors) };
}

/** Standard normal inputs for a batch. */
export function testInput(graph: ModelGraph, batch: number, seed: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: batch * elementCount(graph.inputShape) }, () => random.normal());
}

/** The outputs for a batch, from the definition of each layer in float64. */
export function evaluateInFloat64(
  { graph, weights }: TestModel,
  input: Float32Array,
  batch: number,
): Float64Array {
  const perSample = input.length / batch;
  const rows = Array.from({ length: batch }, (_, row) => {
    let values = [...input.subarray(row * perSample, (row + 1) * perSample)];
    for (const layer of graph.layers) {
      if (layer.kind === 'softmax') {
        const exponentials = values.map((value) => Math.exp(value - Math.max(...values)));
        const sum = exponentials.reduce((total, value) => total + value, 0);
        values = exponentials.map((value) => value / sum);
      }
      if (layer.kind !== 'dense') continue;
      const kernel = weights.load(layer.kernel).data;
      const bias = layer.bias === null ? null : weights.load(layer.bias).data;
      values = Array.from({ length: layer.units }, (_unused, unit) => {
        let sum = bias?.[unit] ?? 0;
        for (let i = 0; i < layer.inputSize; i++) sum += values[i]! * kernel[i * layer.units + unit]!;
        return layer.activation === 'relu' ? Math.max(0, sum) : sum;
      });
    }
    return values;
  });
  return Float64Array.from(rows.flat());
}

/**
 * The greatest difference between values and their expectation, relative to the greatest expected magnitude (at least 1).
 * float32 sums of up to a few thousand products stay below 1e-5 by this measure.
 */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [error, magnitude] = [0, 1];
  for (let i = 0; i < expected.length; i++) {
    magnitude = Math.max(magnitude, Math.abs(expected[i]!));
    const difference = Math.abs(actual[i]! - expected[i]!);
    if (!(difference <= error)) error = difference;
  }
  return error / magnitude;
}
