import { elementCount, Random } from '@qedge/core';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import type { Tensorflow } from '../tfjs/tensorflow.ts';

const SEED = 20_240_607;

/** One seeded sample for every input of a model, owned by the caller; sizes that are open become 1, integers 0. */
export function sampleInputs(tf: Tensorflow, model: LayersModel): Tensor[] {
  const random = new Random(SEED);
  return model.inputs.map(({ shape, dtype }) => {
    const sizes = [1, ...shape.slice(1).map((size) => size ?? 1)];
    const numbers = Float32Array.from({ length: elementCount(sizes) }, () => random.uniform());
    return dtype === 'float32' ? tf.tensor(numbers, sizes) : tf.zeros(sizes, dtype as 'int32');
  });
}
