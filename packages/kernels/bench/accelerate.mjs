/**
 * @file What `accelerate` gains: the wasm backend of TensorFlow.js as it is and accelerated, the cpu backend, and, where
 * `tooling/tfjs-native` was built, tfjs-node on libtensorflow.
 *
 * node bench/accelerate.mjs [--rounds 5] [--only "training"] [--without cpu]
 *
 * Every contender is a process of its own; they take turns, task by task and round by round. Best milliseconds per run, and ratios
 * to the first accelerated contender with as many threads. Inputs are random; results are read back.
 */

import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const NATIVE = fileURLToPath(new URL('../../../tooling/tfjs-native/.build/cpu', import.meta.url));
/** Milliseconds of one turn. */
const TURN_MILLISECONDS = 300;

const CONTENDERS = {
  'stock wasm': { library: 'wasm' },
  'accelerated wasm, 1 thread': { library: 'wasm', threads: 1 },
  'accelerated wasm, 2 threads': { library: 'wasm', threads: 2 },
  'accelerated by WebAssembly': { library: 'wasm', threads: 1, environment: { QEDGE_NATIVE: '0' } },
  'tfjs-node, 1 thread': {
    library: 'tfjs-node',
    environment: { TF_NUM_INTRAOP_THREADS: '1', TF_NUM_INTEROP_THREADS: '1' },
  },
  'tfjs-node, 2 threads': { library: 'tfjs-node', environment: { TF_NUM_INTRAOP_THREADS: '2' } },
  cpu: { library: 'cpu' },
};

/** Tasks of a namespace: a function that runs one, after it has been prepared. */
const TASKS = {
  'product 1024 x 1024': (tf) => {
    const [a, b] = [tf.randomNormal([1024, 1024]), tf.randomNormal([1024, 1024])];
    return async () => {
      const c = tf.matMul(a, b);
      await c.data();
      c.dispose();
    };
  },
  // `predict` takes 32 rows at a time where it is not told otherwise.
  'MLP 784-512-512-10 forward, 128 rows': (tf) => forward(tf, perceptron(tf), [128, 784]),
  'MLP 784-512-512-10 forward, 128 rows at once': (tf) => forward(tf, perceptron(tf), [128, 784], 128),
  'MLP 784-512-512-10 training step, batch 128, Adam': (tf) => training(tf, perceptron(tf), [128, 784]),
  'MobileNetV1 224 forward, batch 1': (tf) => forward(tf, mobilenet(tf), [1, 224, 224, 3]),
  'CNN 28x28 training step, batch 64, Adam': (tf) => training(tf, convolutional(tf), [64, 28, 28, 1]),
};
/** What the cpu backend is measured on, once: a step takes it half a minute or more. */
const CPU_TASKS = ['CNN 28x28 training step, batch 64, Adam'];
/** What the stock backend lacks kernels for. */
const STOCK_LACKS = ['CNN 28x28 training step, batch 64, Adam'];

function perceptron(tf) {
  return tf.sequential({
    layers: [
      tf.layers.dense({ units: 512, activation: 'relu', inputShape: [784] }),
      tf.layers.dense({ units: 512, activation: 'relu' }),
      tf.layers.dense({ units: 10, activation: 'softmax' }),
    ],
  });
}

function convolutional(tf) {
  return tf.sequential({
    layers: [
      tf.layers.conv2d({ filters: 32, kernelSize: 3, activation: 'relu', inputShape: [28, 28, 1] }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.conv2d({ filters: 64, kernelSize: 3, activation: 'relu' }),
      tf.layers.maxPooling2d({ poolSize: 2 }),
      tf.layers.flatten(),
      tf.layers.dense({ units: 128, activation: 'relu' }),
      tf.layers.dense({ units: 10, activation: 'softmax' }),
    ],
  });
}

function mobilenet(tf) {
  const model = tf.sequential();
  const follow = () => {
    model.add(tf.layers.batchNormalization());
    model.add(tf.layers.reLU({ maxValue: 6 }));
  };
  const same = { padding: 'same', useBias: false };
  model.add(tf.layers.conv2d({ filters: 32, kernelSize: 3, strides: 2, ...same, inputShape: [224, 224, 3] }));
  follow();
  const blocks = [
    [64, 1],
    [128, 2],
    [128, 1],
    [256, 2],
    [256, 1],
    [512, 2],
  ];
  for (let i = 0; i < 5; i++) blocks.push([512, 1]);
  blocks.push([1024, 2], [1024, 1]);
  for (const [filters, strides] of blocks) {
    model.add(tf.layers.depthwiseConv2d({ kernelSize: 3, strides, ...same }));
    follow();
    model.add(tf.layers.conv2d({ filters, kernelSize: 1, ...same }));
    follow();
  }
  model.add(tf.layers.globalAveragePooling2d({}));
  model.add(tf.layers.dense({ units: 1000, activation: 'softmax' }));
  return model;
}

function forward(tf, model, shape, batchSize = 32) {
  const x = tf.randomNormal(shape);
  return async () => {
    const y = model.predict(x, { batchSize });
    await y.data();
    y.dispose();
  };
}

function training(tf, model, shape) {
  model.compile({ optimizer: tf.train.adam(1e-3), loss: 'categoricalCrossentropy' });
  const x = tf.randomNormal(shape);
  const y = tf.tidy(() => tf.oneHot(tf.randomUniform([shape[0]], 0, 10, 'int32'), 10).toFloat());
  return () => model.trainOnBatch(x, y);
}

async function serve(name) {
  const { library, threads } = CONTENDERS[name];
  const { accelerate, loadTensorflow } = await import('@qedge/kernels/node');
  const from = library === 'tfjs-node' ? { from: NATIVE } : {};
  const { tf } = await loadTensorflow({ prefer: [library], ...from });
  if (threads) await accelerate(tf, { threads });
  const prepared = new Map();
  process.on('message', async (task) => {
    if (task === null) process.exit(0);
    if (!prepared.has(task)) {
      prepared.set(task, TASKS[task](tf));
      for (let i = 0; i < (library === 'cpu' ? 0 : 2); i++) await prepared.get(task)();
    }
    const run = prepared.get(task);
    let best = Number.POSITIVE_INFINITY;
    const end = performance.now() + TURN_MILLISECONDS;
    for (let runs = 0; runs === 0 || performance.now() < end; runs++) {
      const start = performance.now();
      await run();
      best = Math.min(best, performance.now() - start);
    }
    process.send(best);
  });
  process.send('ready');
}

function answerOf(child) {
  return new Promise((resolve, reject) => {
    const onExit = (code) => reject(new Error(`a contender ended with ${code}`));
    child.once('exit', onExit);
    child.once('message', (answer) => {
      child.off('exit', onExit);
      resolve(answer);
    });
  });
}

async function compare({ rounds, only, without }) {
  const names = Object.keys(CONTENDERS).filter((name) => {
    if (without.some((word) => name.includes(word))) return false;
    return CONTENDERS[name].library !== 'tfjs-node' || existsSync(NATIVE);
  });
  if (!existsSync(NATIVE)) console.log('tfjs-node is not built here: node tooling/tfjs-native/build.mjs');
  const children = new Map();
  for (const name of names) {
    const { environment = {} } = CONTENDERS[name];
    const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2', ...environment };
    const child = fork(fileURLToPath(import.meta.url), ['--contender', name], { env });
    await answerOf(child);
    children.set(name, child);
  }
  for (const task of Object.keys(TASKS).filter((each) => each.includes(only))) {
    const best = {};
    for (let round = 0; round < rounds; round++) {
      for (const [name, child] of children) {
        if (name === 'cpu' && (!CPU_TASKS.includes(task) || round > 0)) continue;
        if (name === 'stock wasm' && STOCK_LACKS.includes(task)) continue;
        child.send(task);
        best[name] = Math.min(best[name] ?? Number.POSITIVE_INFINITY, await answerOf(child));
      }
    }
    print(task, best);
  }
  for (const child of children.values()) child.send(null);
}

function print(task, best) {
  console.log(`\n${task}`);
  for (const [name, milliseconds] of Object.entries(best)) {
    const own = best[`accelerated wasm, ${name.includes('2 threads') ? '2 threads' : '1 thread'}`];
    const ratio = own ? `${(milliseconds / own).toFixed(2)}x` : '';
    console.log(`  ${name.padEnd(28)} ${milliseconds.toFixed(3).padStart(10)} ms ${ratio.padStart(9)}`);
  }
}

const { values } = parseArgs({
  options: {
    contender: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    without: { type: 'string', multiple: true, default: [] },
  },
});
if (values.contender) await serve(values.contender);
else await compare({ rounds: Number(values.rounds), only: values.only, without: values.without });
