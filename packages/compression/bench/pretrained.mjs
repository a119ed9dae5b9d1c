/**
 * @file A convolutional network that others trained and ship (MobileNetV1 of `@vladmandic/face-api`), quantised after training: noise of each
 * layer's weights and outputs, and how far the features of pictures that calibration has not seen agree with those of float32.
 *
 * node bench/pretrained.mjs <folder of the npm package @vladmandic/face-api> [--size 128] [--pictures 16] [--json]
 *
 * Pictures are square cuts of the two screenshots with photographs in the package: one for calibration, the other for the comparison.
 */
import { parseArgs } from 'node:util';
import { foldBatchNormalization } from '@qedge/compression';
import * as compression from '@qedge/compression/tfjs';
import { accelerate } from '@qedge/kernels/node';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { cutPicture, openFaceFeatures } from './face-features.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: 'string', default: '128' },
    pictures: { type: 'string', default: '16' },
    json: { type: 'boolean', default: false },
  },
});
const SETTINGS = {
  'W8A8 per channel': {},
  'W8A8 per tensor': { weights: { granularity: 'tensor' } },
  'W8A8 per tensor, biases as they are': { weights: { granularity: 'tensor' }, correctsBias: false },
  'W4 per channel, float32 activations': { weights: { bits: 4 }, activations: null },
  'W4A8 per channel': { weights: { bits: 4 } },
};

function featuresOf(model, { features, count }, size) {
  const input = tf.tensor(features, [count, size, size, 3]);
  const output = model.predict(input, { batchSize: 8 });
  const values = output.dataSync();
  tf.dispose([input, output]);
  return values;
}

/** Decibels over all features, and per picture the cosine between the two vectors of features. */
function compareFeatures(real, coded, count) {
  const size = real.length / count;
  const dot = (a, b, from) => {
    let sum = 0;
    for (let i = from; i < from + size; i++) sum += a[i] * b[i];
    return sum;
  };
  const cosines = Array.from({ length: count }, (_, at) => {
    const from = at * size;
    return dot(real, coded, from) / Math.sqrt(dot(real, real, from) * dot(coded, coded, from));
  });
  let [signal, noise] = [0, 0];
  real.forEach((value, at) => {
    signal += value ** 2;
    noise += (value - coded[at]) ** 2;
  });
  const meanCosine = cosines.reduce((sum, value) => sum + value) / count;
  return { sqnr: 10 * Math.log10(signal / noise), meanCosine, leastCosine: Math.min(...cosines) };
}

await tf.setBackend('wasm');
await tf.ready();
const acceleration = await accelerate(tf);
const [folder] = positionals;
const [size, count] = [Number(options.size), Number(options.pictures)];
const model = openFaceFeatures(tf, folder, size);
const calibration = cutPicture(folder, 'screenshot-images.png', { count, size, seed: 1 });
const pictures = cutPicture(folder, 'screenshot-webcam.png', { count, size, seed: 2 });
const real = featuresOf(model, pictures, size);

const { topology, folded, kept } = foldBatchNormalization(compression.readTopology(model));
const foldedModel = compression.buildModel(tf, topology);
const folding = { folded: folded.length, kept: kept.length };
folding.agreement = compareFeatures(real, featuresOf(foldedModel, pictures, size), count);
foldedModel.dispose();

const results = [];
for (const [setting, config] of Object.entries(SETTINGS)) {
  const settings = { batchSize: 8, ...config };
  const { compressed, layers } = await compression.quantizeAfterTraining(tf, model, calibration, settings);
  const built = compression.buildCompressedModel(tf, compressed);
  const agreement = compareFeatures(real, featuresOf(built, pictures, size), count);
  built.dispose();
  const noise = layers.map(({ layer, weightSqnr, outputSqnr }) => ({ layer, weightSqnr, outputSqnr }));
  results.push({ setting, agreement, layers: noise });
}
acceleration.dispose();

if (options.json) console.log(JSON.stringify({ size, pictures: count, folding, results }));
else {
  const describe = ({ sqnr, meanCosine, leastCosine }) =>
    `${sqnr.toFixed(1)} dB, cosine ${meanCosine.toFixed(5)} in the mean, ${leastCosine.toFixed(5)} at least`;
  console.log(
    `folded ${folding.folded} normalisations, kept ${folding.kept}: ${describe(folding.agreement)}`,
  );
  for (const { setting, agreement, layers } of results) {
    console.log(`\n${setting}: features ${describe(agreement)}\nlayer: weights, outputs (dB)`);
    for (const { layer, weightSqnr, outputSqnr } of layers) {
      console.log(`${layer}: ${weightSqnr.toFixed(1)}, ${outputSqnr.toFixed(1)}`);
    }
  }
}
