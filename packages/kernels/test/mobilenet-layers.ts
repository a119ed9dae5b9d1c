import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { WeightSource } from '@qedge/core';
import type { TfjsWeights } from '@qedge/memory';
import { openTfjsWeights } from '@qedge/memory/node';
import * as tf from '@tensorflow/tfjs';

const require = createRequire(import.meta.url);

/** The weights of face-api's face detector, which stands on a MobileNetV1. */
export function faceDetectorWeights(): TfjsWeights {
  const folder = join(dirname(require.resolve('@vladmandic/face-api/package.json')), 'model');
  return openTfjsWeights(join(folder, 'ssd_mobilenetv1_model-weights_manifest.json'));
}

/** The MobileNetV1 of the detector: weights by layer, in the order in which TensorFlow.js keeps them. */
export function mobileNet(size: number, weights: WeightSource): tf.Sequential {
  const model = tf.sequential({ name: 'mobilenet' });
  const names: string[][] = [];
  const add = (layer: tf.layers.Layer, ...of: readonly string[]) => {
    model.add(layer);
    names.push(of.map((name) => `MobilenetV1/${name}`));
  };
  const relu = () => tf.layers.reLU({ maxValue: 6 });
  const first = { filters: 32, kernelSize: 3, strides: 2, padding: 'same' } as const;
  add(
    tf.layers.conv2d({ ...first, inputShape: [size, size, 3] }),
    'Conv2d_0_pointwise/weights',
    'Conv2d_0_pointwise/convolution_bn_offset',
  );
  add(relu());
  for (let i = 1; i <= 13; i++) {
    const [depthwise, pointwise] = [`Conv2d_${i}_depthwise`, `Conv2d_${i}_pointwise`];
    const strides = [2, 4, 6, 12].includes(i) ? 2 : 1;
    add(
      tf.layers.depthwiseConv2d({ kernelSize: 3, strides, padding: 'same', useBias: false }),
      `${depthwise}/depthwise_weights`,
    );
    add(
      tf.layers.batchNormalization({ epsilon: 0.001 }),
      ...['gamma', 'beta', 'moving_mean', 'moving_variance'].map((name) => `${depthwise}/BatchNorm/${name}`),
    );
    add(relu());
    const filters = weights.spec(`MobilenetV1/${pointwise}/weights`).shape[3]!;
    const convolution = tf.layers.conv2d({ filters, kernelSize: 1, padding: 'same' });
    add(convolution, `${pointwise}/weights`, `${pointwise}/convolution_bn_offset`);
    add(relu());
  }
  for (const [i, layer] of model.layers.entries()) {
    const tensors = names[i]!.map((name) => {
      const { shape, data } = weights.load(name);
      return tf.tensor(data as Float32Array, [...shape]);
    });
    layer.setWeights(tensors);
    tf.dispose(tensors);
  }
  return model;
}
