import { graphWeightSpecs, type ModelGraph, Random, type StoredTensor } from '@qedge/core';
import { encodeModel } from '@qedge/memory';

/** A digit model with seeded random 4-bit weights: it knows nothing, but it is a real file and answers every drawing differently. */
export function randomDigitsModel(): Uint8Array {
  const sizes = [784, 64, 10];
  const graph: ModelGraph = {
    format: 'qedge-model-graph',
    version: 1,
    name: 'random digits',
    inputShape: [784],
    outputShape: [10],
    layers: sizes.slice(1).map((units, index) => ({
      kind: 'dense',
      name: `dense${index}`,
      inputSize: sizes[index]!,
      units,
      activation: index === sizes.length - 2 ? 'linear' : 'relu',
      kernel: `dense${index}/kernel`,
      bias: `dense${index}/bias`,
      inputQuantization: { scale: (index === 0 ? 1 : 4) / 255, zeroPoint: 0 },
    })),
  };
  const random = new Random(1);
  const tensors = graphWeightSpecs(graph).map(({ name, shape }): StoredTensor => {
    const count = shape.reduce((product, size) => product * size, 1);
    if (shape.length === 1) {
      return {
        name,
        shape,
        dtype: 'float32',
        data: Float32Array.from({ length: count }, () => 0.1 * random.normal()),
      };
    }
    return {
      name,
      shape,
      dtype: 'int8',
      data: Int8Array.from({ length: count }, () => random.integer(15) - 7),
      quantization: {
        bits: 4,
        symmetric: true,
        scales: Float32Array.of(0.02),
        zeroPoints: new Int32Array(1),
        axis: null,
      },
    };
  });
  return encodeModel({ graph, tensors });
}
