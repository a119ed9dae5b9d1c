/**
 * @file CPU time of one training step at batch 64, by network, backend and kind of training: the network 784-256-128-10, and the two small
 * convolutional networks of networks.mjs. Random data.
 *
 * node bench/training-step.mjs [--network perceptron|depthwise|residual] [--rounds 8] [--json]
 *
 * Best of several runs in rotation, CPU milliseconds of the whole process per step. The peer is `model.fit` of tfjs with its Adam. Its stock wasm
 * backend cannot train convolutions, which is reported as null; the plain JavaScript backend can, and takes part in the first rounds.
 */

import { parseArgs } from 'node:util';
import * as compression from '@qedge/compression/tfjs';
import { Random } from '@qedge/core';
import { accelerate } from '@qedge/kernels/node';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { depthwiseDigitsNetwork, residualDigitsNetwork } from './networks.mjs';

const { values: options } = parseArgs({
  options: {
    network: { type: 'string' },
    rounds: { type: 'string', default: '8' },
    json: { type: 'boolean', default: false },
  },
});

const BATCH = 64;
/** The plain JavaScript backend takes seconds per step on convolutions. */
const SLOW_ROUNDS = 2;
const random = new Random(1);

const perceptron = () =>
  compression.createDenseClassifier(tf, { inputSize: 784, hiddenUnits: [256, 128], classes: 10, seed: 0 });
const NETWORKS = {
  perceptron: { make: perceptron, steps: 20, slowSteps: 5, shape: [784] },
  depthwise: { make: () => depthwiseDigitsNetwork(tf, 0), steps: 10, slowSteps: 1, shape: [28, 28, 1] },
  residual: { make: () => residualDigitsNetwork(tf, 0), steps: 10, slowSteps: 1, shape: [28, 28, 1] },
};

function randomDigits(count) {
  return {
    features: Float32Array.from({ length: count * 784 }, () => Math.max(0, random.normal())),
    labels: Uint8Array.from({ length: count }, () => random.integer(10)),
    count,
  };
}

const stage = { epochs: 1, batchSize: BATCH, learningRate: { initial: 1e-3, final: 1e-3 }, seed: 0 };
const train = (model, data) => compression.trainModel(tf, model, data, stage);

/** The preparation is not counted; codes, ranges and steps of every call are. */
const trainInCodes = (step) => ({
  prepare: (model) => compression.prepareForQuantizationAwareTraining(tf, model, { bits: 4, step }),
  train,
});

async function fitByTfjs(model, data, { shape }) {
  const [x, y] = [
    tf.tensor(data.features, [data.count, ...shape]),
    tf.tidy(() => tf.oneHot(tf.tensor1d(data.labels, 'int32'), 10).toFloat()),
  ];
  const loss = (labels, logits) => tf.losses.softmaxCrossEntropy(labels, logits);
  const optimizer = tf.train.adam(1e-3);
  model.compile({ optimizer, loss });
  try {
    const settings = { batchSize: BATCH, epochs: 1, shuffle: false, yieldEvery: 'never', verbose: 0 };
    await model.fit(x, y, settings);
  } finally {
    optimizer.dispose();
    tf.dispose([x, y]);
  }
}

const CASES = [
  { name: 'tfjs model.fit, wasm, stock kernels', backend: 'wasm', train: fitByTfjs },
  { name: 'trainModel, wasm, stock kernels', backend: 'wasm', train },
  { name: 'tfjs model.fit, wasm, accelerated', backend: 'wasm', isAccelerated: true, train: fitByTfjs },
  { name: 'trainModel, wasm, accelerated', backend: 'wasm', isAccelerated: true, train },
  {
    name: 'trainModel, 4-bit codes by range, wasm, accelerated',
    backend: 'wasm',
    isAccelerated: true,
    ...trainInCodes('range'),
  },
  {
    name: 'trainModel, 4-bit codes by learned steps, wasm, accelerated',
    backend: 'wasm',
    isAccelerated: true,
    ...trainInCodes('learned'),
  },
  { name: 'tfjs model.fit, cpu', backend: 'cpu', isSlow: true, train: fitByTfjs },
  { name: 'trainModel, cpu', backend: 'cpu', isSlow: true, train },
];

/** CPU milliseconds per step, or null where the training is not possible. */
async function measure(network, { prepare, train: run, isSlow }) {
  const steps = isSlow ? network.slowSteps : network.steps;
  const data = randomDigits(BATCH * steps);
  const model = network.make();
  const trained = prepare ? prepare(model) : model;
  const start = process.cpuUsage();
  try {
    await run(trained, data, network);
  } catch (error) {
    if (!/not registered|computed by no kernel/.test(String(error))) throw error;
    return null;
  } finally {
    if (trained !== model) trained.dispose();
    model.dispose();
  }
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000 / steps;
}

async function measureNetwork(network) {
  const best = new Map();
  for (let round = 0; round <= Number(options.rounds); round++) {
    for (const each of CASES) {
      if (each.isSlow && round >= SLOW_ROUNDS) continue;
      if (best.get(each.name) === null) continue;
      await tf.setBackend(each.backend);
      await tf.ready();
      const acceleration = each.isAccelerated ? await accelerate(tf) : null;
      const milliseconds = await measure(network, each);
      acceleration?.dispose();
      // The first round warms up.
      if (milliseconds === null) best.set(each.name, null);
      else if (round > 0)
        best.set(each.name, Math.min(best.get(each.name) ?? Number.POSITIVE_INFINITY, milliseconds));
    }
  }
  return Object.fromEntries(best);
}

const results = {};
for (const [name, network] of Object.entries(NETWORKS)) {
  if (options.network && options.network !== name) continue;
  results[name] = await measureNetwork(network);
  if (options.json) continue;
  console.log(name);
  for (const [training, milliseconds] of Object.entries(results[name])) {
    const time = milliseconds === null ? 'cannot' : `${milliseconds.toFixed(2)} ms CPU per step`;
    const ratio = milliseconds / results[name]['trainModel, wasm, accelerated'];
    const compared = training.includes('codes') ? `, ${ratio.toFixed(2)} of the step in float32` : '';
    console.log(`  ${training}: ${time}${compared}`);
  }
}
if (options.json) console.log(JSON.stringify(results));
