import { Random } from '@qedge/core';
import { type Acceleration, accelerate } from '@qedge/kernels/node';
import type * as tfjs from '@tensorflow/tfjs';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildCompressedModel } from '../../src/quantization-aware/build-compressed-model.ts';
import { calibrateQuantizationAware } from '../../src/quantization-aware/calibrate-quantization-aware.ts';
import { convertQuantizationAware } from '../../src/quantization-aware/convert-quantization-aware.ts';
import {
  prepareForQuantizationAwareTraining,
  type QuantizationAwareConfig,
} from '../../src/quantization-aware/prepare-quantization-aware.ts';
import { loadTensorflow } from '../tensorflow.ts';

let tf: typeof tfjs;
let acceleration: Acceleration;

beforeAll(async () => {
  tf = await loadTensorflow('wasm');
  acceleration = await accelerate(tf);
});

afterAll(() => acceleration.dispose());

function randomTensor(shape: number[], random: Random): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, () => random.normal()),
    shape,
  );
}

/** Gives every weight random numbers, variances and scales positive ones. */
function randomise(model: LayersModel, seed: number): LayersModel {
  const random = new Random(seed);
  tf.tidy(() => {
    for (const layer of model.layers) {
      const weights = layer.weights.map((weight) => {
        const values = tf.mul(randomTensor(weight.shape as number[], random), 0.4);
        return /variance|gamma/.test(weight.name) ? tf.add(tf.abs(values), 0.5) : values;
      });
      layer.setWeights(weights);
    }
  });
  return model;
}

/** Two branches with a shared layer, dense layers on every rank, convolutions with and without normalisation. */
function makeMixedModel(): LayersModel {
  const input = tf.input({ shape: [8, 8, 2] });
  const apply = (layer: tfjs.layers.Layer, x: tfjs.SymbolicTensor | tfjs.SymbolicTensor[]) =>
    layer.apply(x) as tfjs.SymbolicTensor;
  let x = apply(
    tf.layers.conv2d({ name: 'conv', filters: 5, kernelSize: 3, padding: 'same', useBias: false }),
    input,
  );
  x = apply(tf.layers.batchNormalization({ name: 'conv_norm' }), x);
  x = apply(tf.layers.reLU({ name: 'conv_relu' }), x);
  x = apply(
    tf.layers.depthwiseConv2d({
      name: 'depthwise',
      kernelSize: 3,
      strides: 2,
      padding: 'same',
      depthMultiplier: 2,
    }),
    x,
  );
  x = apply(tf.layers.batchNormalization({ name: 'depthwise_norm', scale: true }), x);
  const shared = tf.layers.conv2d({ name: 'shared', filters: 10, kernelSize: 1, activation: 'relu' });
  const left = apply(shared, x);
  const right = apply(shared, left);
  x = apply(tf.layers.add({ name: 'add' }), [left, right]);
  x = apply(tf.layers.dense({ name: 'wide', units: 6, activation: 'tanh' }), x);
  x = apply(tf.layers.flatten({ name: 'flatten' }), x);
  x = apply(tf.layers.dense({ name: 'logits', units: 3, useBias: false }), x);
  return randomise(tf.model({ inputs: input, outputs: x }), 1);
}

const kinds: readonly QuantizationAwareConfig[] = [
  { bits: 8 },
  { bits: 4, granularity: 'tensor' },
  { bits: 3, step: 'learned' },
  { bits: 2, step: 'learned-logarithm', granularity: 'tensor', keepSurvivors: true },
  { bits: 1 },
  { bits: 4, granularity: { groupSize: 4 } },
  { bits: 4, activationBits: null },
];

describe('prepareForQuantizationAwareTraining', () => {
  it.each(kinds)('predicts what it converts to: %j', (config) => {
    const model = makeMixedModel();
    const prepared = prepareForQuantizationAwareTraining(tf, model, config);
    const x = randomTensor([4, 8, 8, 2], new Random(2));
    calibrateQuantizationAware(tf, prepared, [x]);
    const compressed = convertQuantizationAware(tf, prepared);
    const evaluated = buildCompressedModel(tf, compressed);
    const of = (each: LayersModel) => tf.tidy(() => [...(each.predict(x) as Tensor).dataSync()]);
    expect(of(evaluated)).toEqual(of(prepared));
    for (const each of [model, prepared, evaluated, x]) each.dispose();
  });
});
