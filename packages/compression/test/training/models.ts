import { Random } from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import { nameWeights } from '../../src/model/read-topology.ts';
import type { Tensorflow } from '../../src/tfjs/tensorflow.ts';
import { readWeights, writeWeights } from '../../src/training/model-weights.ts';

/** Gives the kernels of a model weights from a seed; equal on every machine. */
export function seedWeights<Model extends LayersModel>(tf: Tensorflow, model: Model, seed: number): Model {
  const random = new Random(seed);
  const kernels = nameWeights(model).filter(({ role }) => role.endsWith('kernel'));
  const current = readWeights(model);
  writeWeights(
    tf,
    model,
    new Map(
      kernels.map(({ name, variable }) => {
        const values = current.get(name)!;
        const last = variable.shape[variable.shape.length - 1]!;
        const deviation = Math.sqrt(2 / Math.max(1, values.length / last));
        return [name, values.map(() => random.normal() * deviation)];
      }),
    ),
  );
  return model;
}

/** Dense layers with relu: `[64] -> 24 -> 16 -> 3` logits. */
export function perceptron(tf: Tensorflow, seed = 0, dropout = 0): LayersModel {
  const model = tf.sequential();
  model.add(tf.layers.dense({ name: 'first', units: 24, inputShape: [64], activation: 'relu' }));
  if (dropout > 0) model.add(tf.layers.dropout({ name: 'drop', rate: dropout }));
  model.add(tf.layers.dense({ name: 'second', units: 16, activation: 'relu' }));
  model.add(tf.layers.dense({ name: 'logits', units: 3 }));
  return seedWeights(tf, model, seed);
}

/**
 * Images `[8, 8, 1]` through a convolution with batch normalisation, a nested residual block with a depthwise convolution, and a dense layer
 * that is used twice: all that a training has to cope with.
 */
export function everything(tf: Tensorflow, seed = 0, dropout = 0.2): LayersModel {
  const { layers } = tf;
  const inner = tf.input({ shape: [8, 8, 6], name: 'inner_input' });
  const depth = layers.depthwiseConv2d({ name: 'depth', kernelSize: 3, padding: 'same', useBias: false });
  const normed = layers.batchNormalization({ name: 'inner_norm' }).apply(depth.apply(inner));
  const sum = layers
    .add({ name: 'sum' })
    .apply([inner, layers.reLU({ name: 'inner_relu' }).apply(normed) as never]);
  const block = tf.model({ inputs: inner, outputs: sum as never, name: 'block' });

  const image = tf.input({ shape: [8, 8, 1], name: 'image' });
  const stem = layers.conv2d({ name: 'stem', filters: 6, kernelSize: 3, padding: 'same', useBias: false });
  const norm = layers.batchNormalization({ name: 'norm', momentum: 0.9 });
  const lit = layers.reLU({ name: 'relu' }).apply(norm.apply(stem.apply(image)));
  const pooled = layers.maxPooling2d({ name: 'pool', poolSize: 2 }).apply(block.apply(lit) as never);
  const flat = layers.flatten({ name: 'flat' }).apply(pooled);
  const shared = layers.dense({ name: 'shared', units: 96, activation: 'relu' });
  const once = layers.dropout({ name: 'drop', rate: dropout }).apply(shared.apply(flat));
  const logits = layers.dense({ name: 'logits', units: 3 }).apply(shared.apply(once));
  return seedWeights(tf, tf.model({ inputs: image, outputs: logits as never, name: 'everything' }), seed);
}
