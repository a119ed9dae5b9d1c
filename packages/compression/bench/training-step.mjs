/**
 * @file CPU time of one training step of the network 784-256-128-10 at batch 64, by backend and kind of training.
 *
 * node bench/training-step.mjs
 *
 * Best of several runs in rotation, CPU milliseconds of the whole process per step.
 */

import * as compression from '@qedge/compression/tfjs';
import { Random } from '@qedge/core';
import { accelerate } from '@qedge/kernels/node';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';

const STEPS = 20;
const ROUNDS = 8;
const random = new Random(1);
const count = 64 * STEPS;
const data = {
  features: Float32Array.from({ length: count * 784 }, () => Math.max(0, random.normal())),
  labels: Uint8Array.from({ length: count }, () => random.integer(10)),
  count,
};
const stage = { epochs: 1, batchSize: 64, learningRate: { initial: 1e-3, final: 1e-3 }, seed: 0 };

async function measure(train) {
  const model = compression.createDenseClassifier(tf, {
    inputSize: 784,
    hiddenUnits: [256, 128],
    classes: 10,
    seed: 0,
  });
  const start = process.cpuUsage();
  await train(model);
  const { user, system } = process.cpuUsage(start);
  model.dispose();
  return (user + system) / 1000 / STEPS;
}

const fit = (model) => compression.fitClassifier(tf, model, data, stage);
const quantise = (model) => compression.trainQuantizationAware(tf, model, data, { ...stage, bits: 4 });
const tensors = () => [
  tf.tensor2d(data.features, [count, 784]),
  tf.tidy(() => tf.oneHot(tf.tensor1d(data.labels, 'int32'), 10).toFloat()),
];
const fitByTfjs = async (model) => {
  const [x, y] = tensors();
  const loss = (labels, logits) => tf.losses.softmaxCrossEntropy(labels, logits);
  const optimizer = tf.train.adam(1e-3);
  model.compile({ optimizer, loss });
  await model.fit(x, y, { batchSize: 64, epochs: 1, shuffle: false, yieldEvery: 'never', verbose: 0 });
  optimizer.dispose();
  tf.dispose([x, y]);
};

const cases = [
  { name: 'tfjs model.fit, wasm, stock kernels', backend: 'wasm', isAccelerated: false, train: fitByTfjs },
  { name: 'fitClassifier, wasm, stock kernels', backend: 'wasm', isAccelerated: false, train: fit },
  { name: 'fitClassifier, wasm, accelerated', backend: 'wasm', isAccelerated: true, train: fit },
  {
    name: 'trainQuantizationAware, wasm, accelerated',
    backend: 'wasm',
    isAccelerated: true,
    train: quantise,
  },
  { name: 'fitClassifier, cpu', backend: 'cpu', isAccelerated: false, train: fit },
];
const best = new Map();
for (let round = 0; round < ROUNDS; round++) {
  for (const { name, backend, isAccelerated, train } of cases) {
    if (backend === 'cpu' && round > 2) continue;
    await tf.setBackend(backend);
    await tf.ready();
    const acceleration = isAccelerated ? await accelerate(tf) : null;
    const milliseconds = await measure(train);
    acceleration?.dispose();
    // The first round warms up.
    if (round > 0) best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, milliseconds));
  }
}
for (const [name, milliseconds] of best) console.log(`${name}: ${milliseconds.toFixed(1)} ms CPU per step`);
