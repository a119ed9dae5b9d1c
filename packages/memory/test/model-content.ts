import { graphWeightSpecs, type ModelGraph, Random, type StoredTensor } from '@qedge/core';

/** A multi-layer perceptron graph: dense + relu layers, then softmax. */
export function perceptronGraph(sizes: readonly number[]): ModelGraph {
  const dense = sizes.slice(1).map((units, index) => ({
    kind: 'dense' as const,
    name: `dense${index}`,
    inputSize: sizes[index]!,
    units,
    activation: index === sizes.length - 2 ? ('linear' as const) : ('relu' as const),
    kernel: `dense${index}/kernel`,
    bias: `dense${index}/bias`,
    inputQuantization: { scale: 1 / 255, zeroPoint: 0 },
  }));
  return {
    format: 'qedge-model-graph',
    version: 1,
    name: 'perceptron',
    inputShape: [sizes[0]!],
    outputShape: [sizes.at(-1)!],
    layers: [...dense, { kind: 'softmax', name: 'probabilities' }],
  };
}

/** Float32 weights from a seed. */
export function floatWeights(graph: ModelGraph, seed: number): StoredTensor[] {
  const random = new Random(seed);
  return graphWeightSpecs(graph).map(({ name, shape }) => ({
    name,
    dtype: 'float32',
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal()),
  }));
}

/** Integer kernels of `bits` bits of which a fraction is exactly 0; biases stay float32. */
export function quantizedWeights(
  graph: ModelGraph,
  { seed, bits, sparsity }: { seed: number; bits: number; sparsity: number },
): StoredTensor[] {
  const random = new Random(seed);
  const highest = 2 ** (bits - 1) - 1;
  return floatWeights(graph, seed).map((tensor) => {
    if (tensor.shape.length === 1) return tensor;
    const order = random.shuffle(Uint32Array.from(tensor.data, (_, index) => index));
    const data = new Int8Array(tensor.data.length);
    for (const index of order.subarray(Math.round(sparsity * order.length))) {
      data[index] = (1 + random.integer(highest)) * (random.uniform() < 0.5 ? -1 : 1);
    }
    const scales = Float32Array.of(0.05);
    const quantization = { bits, symmetric: true, scales, zeroPoints: new Int32Array(1), axis: null };
    return { ...tensor, dtype: 'int8' as const, data, quantization };
  });
}
