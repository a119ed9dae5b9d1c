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
    criterion: { type: 'string', default: 'activation' },
    start: { type: 'string' },
    scope: { type: 'string', default: 'global' },
    steps: { type: 'string', default: '1' },
    epochs: { type: 'string', default: '20' },
    extra: { type: 'string', default: '10' },
    rate: { type: 'string' },
    test: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

/**
 * Builders, the learning rate that training begins with, at first and again after channels are removed, and whether the latter starts from
 * reconstructed outputs; chosen on the validation digits.
 */
const NETWORKS = {
  perceptron: { build: denseNetwork, rate: 2e-3, start: 'removed' },
  depthwise: { build: depthwiseDigitsNetwork, rate: 2e-2, start: 'removed' },
  residual: { build: residualDigitsNetwork, rate: 2e-2, start: 'reconstructed' },
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

/** What the kernels of a model multiply, on 512 digits. */
function measureActivations(topology) {
  const model = compression.buildModel(tf, topology);
  const shape = model.inputs[0].shape.slice(1);
  const samples = tf.tensor(data.train.features.subarray(0, 512 * 784), [512, ...shape]);
  const inputRms = compression.measureInputRms(tf, model, samples);
  samples.dispose();
  model.dispose();
  return { kind: 'activation', inputRms };
}

function reconstruct({ before, removal }) {
  const samples = { features: data.train.features.subarray(0, 512 * 784), count: 512 };
  return compression.reconstructOutputs(tf, before, removal, samples);
}

async function prune(original, seed, { extra, rate, start }) {
  const steps = Number(options.steps);
  // The last step gets at least half of the epochs.
  const early = steps > 1 ? Math.floor(extra / 2 / (steps - 1)) : 0;
  const untrained = {};
  const pruned = await pruneChannelsGradually(original, {
    target: { macs: Number(options.macs) },
    scope: options.scope,
    measure: (topology) =>
      options.criterion === 'activation' ? measureActivations(topology) : { kind: options.criterion },
    steps,
    fineTune: async (smaller, step) => {
      const reconstructed = await reconstruct(step);
      if (step.step === 1) {
        untrained.removed = await score(smaller);
        untrained.reconstructed = await score(reconstructed);
      }
      const epochs = step.step < steps ? early : extra - (steps - 1) * early;
      const first = start === 'reconstructed' ? reconstructed : smaller;
      return train(first, epochs, seed + 100 * step.step, rate);
    },
  });
  return { ...pruned, untrained };
}

async function runSeed(network, seed) {
  const epochs = Number(options.epochs);
  const extra = Number(options.extra);
  const rate = Number(options.rate ?? network.rate);
  const start = options.start ?? network.start;
  const model = network.build(tf, seed);
  const first = compression.readTopology(model);
  model.dispose();
  const original = await train(first, epochs, seed, rate);
  const { topology, report, untrained } = await prune(original, seed, { extra, rate, start });
  const control = await train(original, extra, seed + 100, rate);
  const scratch = await train(initialize(topology, seed), epochs + extra, seed, rate);
  const scratchAsOriginal = await train(initialize(topology, seed), epochs, seed, rate);
  const { before, after, groups } = report;
  return {
    network: options.network,
    seed,
    epochs: [epochs, extra],
    original: await score(original),
    control: await score(control),
    untrained,
    pruned: await score(topology),
    scratch: await score(scratch),
    scratchAsOriginal: await score(scratchAsOriginal),
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
