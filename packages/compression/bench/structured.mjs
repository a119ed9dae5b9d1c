import { parseArgs } from 'node:util';
import { makeShiftAugmenter, pruneChannelsGradually } from '@qedge/compression';
import * as compression from '@qedge/compression/tfjs';
import { Random } from '@qedge/core';
import { accelerate } from '@qedge/kernels/node';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { loadDigits, shiftAround } from './load-digits.mjs';
import { depthwiseDigitsNetwork, residualDigitsNetwork } from './networks.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    network: { type: 'string', default: 'perceptron' },
    seeds: { type: 'string', default: '0,1,2' },
    macs: { type: 'string', default: '0.5' },
    criterion: { type: 'string', default: 'l2' },
    scope: { type: 'string', default: 'global' },
    steps: { type: 'string' },
    epochs: { type: 'string' },
    extra: { type: 'string' },
    rates: { type: 'string' },
    test: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

/** Builders, epochs before and from pruning on, the learning rates that these begin with, and the steps of pruning. */
const NETWORKS = {
  perceptron: { build: denseNetwork, epochs: 15, extra: 9, rates: [2e-3, 1e-3], steps: 1 },
  depthwise: { build: depthwiseDigitsNetwork, epochs: 6, extra: 6, rates: [1e-2, 5e-3], steps: 2 },
  residual: { build: residualDigitsNetwork, epochs: 6, extra: 6, rates: [1e-2, 5e-3], steps: 2 },
};

function denseNetwork(_, seed) {
  return compression.createDenseClassifier(tf, {
    inputSize: 784,
    hiddenUnits: [256, 128],
    classes: 10,
    seed,
  });
}

/** Trains a topology on digits that are shifted by up to a pixel, and gives it back with its new weights. */
async function train(topology, epochs, seed, initial) {
  const model = compression.buildModel(tf, topology);
  await compression.trainModel(tf, model, data.train, {
    epochs,
    batchSize: 64,
    learningRate: { kind: 'cosine', initial, final: initial / 100, warmUp: 0.02 },
    weightDecay: 0.01,
    augment: (random) => makeShiftAugmenter([28, 28], 1, random),
    seed,
  });
  const trained = compression.readTopology(model);
  model.dispose();
  return trained;
}

/** New first weights for a network of this size: He et al. 2015 for kernels, as in the networks that were pruned. */
function initialize(topology, seed) {
  const random = new Random(seed).fork('from scratch');
  const fill = { gamma: 1, moving_variance: 1, beta: 0, bias: 0, moving_mean: 0 };
  const draw = ({ role, shape, data }) => {
    if (role in fill) return new Float32Array(data.length).fill(fill[role]);
    const fanIn = role === 'depthwise_kernel' ? shape[0] * shape[1] : data.length / shape.at(-1);
    return Float32Array.from(data, () => Math.sqrt(2 / fanIn) * random.normal());
  };
  const layers = topology.layers.map((layer) => ({
    ...layer,
    weights: layer.weights.map((weight) => ({ ...weight, data: draw(weight) })),
  }));
  return { ...topology, layers };
}

async function score(topology) {
  const model = compression.buildModel(tf, topology);
  const percent = async (part) =>
    Number((100 * (await compression.measureModel(tf, model, part)).accuracy).toFixed(2));
  const result = options.test
    ? { test: await percent(data.test) }
    : { validation: await percent(shiftedValidation) };
  model.dispose();
  return result;
}

async function runSeed(network, seed) {
  const epochs = Number(options.epochs ?? network.epochs);
  const extra = Number(options.extra ?? network.extra);
  const [firstRate, nextRate] = options.rates?.split(',').map(Number) ?? network.rates;
  const steps = Number(options.steps ?? network.steps);
  const model = network.build(tf, seed);
  const first = compression.readTopology(model);
  model.dispose();
  const original = await train(first, epochs, seed, firstRate);
  // The last step gets at least half of the epochs.
  const early = steps > 1 ? Math.floor(extra / 2 / (steps - 1)) : 0;
  const pruned = await pruneChannelsGradually(original, {
    target: { macs: Number(options.macs) },
    scope: options.scope,
    measure: () => ({ kind: options.criterion }),
    steps,
    fineTune: (smaller, { step }) =>
      train(smaller, step < steps ? early : extra - (steps - 1) * early, seed + 100 * step, nextRate),
  });
  const control = await train(original, extra, seed + 100, nextRate);
  const scratch = await train(initialize(pruned.topology, seed), epochs + extra, seed, firstRate);
  const { before, after, groups } = pruned.report;
  return {
    network: options.network,
    seed,
    epochs: [epochs, extra],
    original: await score(original),
    control: await score(control),
    pruned: await score(pruned.topology),
    scratch: await score(scratch),
    macs: [before.macs, after.macs],
    parameters: [before.parameters, after.parameters],
    channels: Object.fromEntries(
      groups.map((each) => [each.group, [each.channelsBefore, each.channelsAfter]]),
    ),
    cpuSeconds: Math.round(process.cpuUsage().user / 1e6),
  };
}

await tf.setBackend('wasm');
await tf.ready();
const acceleration = await accelerate(tf);
const data = loadDigits(positionals[0]);
const shiftedValidation = shiftAround(data.validation);
const rows = [];
for (const seed of options.seeds.split(',').map(Number)) {
  const row = await runSeed(NETWORKS[options.network], seed);
  rows.push(row);
  if (!options.json) console.log(JSON.stringify(row));
}
if (options.json) console.log(JSON.stringify(rows, null, 2));
acceleration.dispose();
