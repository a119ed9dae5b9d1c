import { Random } from '@qedge/core';
import type * as tensorflow from '@tensorflow/tfjs';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { buildModel } from '../../src/model/build-model.ts';
import type { ModelTopology } from '../../src/model/model-topology.ts';

type Tensorflow = typeof tensorflow;

/** Random weights: normal kernels, biases and statistics that a normalisation must not ignore. */
export function randomizeWeights(tf: Tensorflow, model: LayersModel, seed: number): LayersModel {
  const random = new Random(seed);
  for (const layer of model.layers) {
    const values = layer.weights.map(({ originalName, shape }) => {
      const size = shape.reduce<number>((product, each) => product * (each ?? 1), 1);
      const role = originalName.slice(originalName.lastIndexOf('/') + 1);
      const fanIn = Math.max(1, size / (shape[shape.length - 1] ?? 1));
      const draw = () => {
        if (role === 'moving_variance') return 0.2 + random.uniform();
        if (role === 'gamma') return 0.5 + random.uniform();
        if (role.includes('kernel')) return random.normal() / Math.sqrt(fanIn);
        return 0.3 * random.normal();
      };
      return tf.tensor(Float32Array.from({ length: size }, draw), shape as number[]);
    });
    layer.setWeights(values);
    tf.dispose(values);
  }
  return model;
}

/** Normal inputs for a model with fixed shapes. */
export function randomInputs(tf: Tensorflow, model: LayersModel, count: number, seed: number): Tensor[] {
  const random = new Random(seed);
  return model.inputs.map(({ shape }) => {
    const full = [count, ...(shape.slice(1) as number[])];
    const size = full.reduce((product, each) => product * each, 1);
    return tf.tensor(
      Float32Array.from({ length: size }, () => random.normal()),
      full,
    );
  });
}

/** The first output of a model, or of what a topology builds. */
export function outputsOf(tf: Tensorflow, from: LayersModel | ModelTopology, inputs: Tensor[]): Float32Array {
  const isTopology = 'calls' in (from.layers[0] ?? {});
  const model = isTopology ? buildModel(tf, from as ModelTopology) : (from as LayersModel);
  const outputs = tf.tidy(() => {
    const result = model.predict(inputs.length === 1 ? inputs[0] : inputs);
    return (Array.isArray(result) ? result[0] : result).dataSync().slice() as Float32Array;
  });
  if (isTopology) model.dispose();
  return outputs;
}

/** The largest difference relative to the largest magnitude. */
export function relativeDifference(actual: Float32Array, expected: Float32Array): number {
  let [difference, magnitude] = [0, 0];
  for (const [at, value] of expected.entries()) {
    difference = Math.max(difference, Math.abs(actual[at] - value));
    magnitude = Math.max(magnitude, Math.abs(value));
  }
  return difference / magnitude;
}
