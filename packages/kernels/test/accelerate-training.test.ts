import './relaxed-simd.ts';
import { Random } from '@qedge/core';
import { loadKoffi } from '@qedge/core/node';
import type { Optimizer, Sequential, Tensor } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { accelerate as accelerateInNode, loadTensorflow } from '../src/node.ts';
import { type Acceleration, accelerate, type Tensorflow } from '../src/tfjs.ts';

let tf: Tensorflow;

beforeAll(async () => {
  ({ tf } = await loadTensorflow<Tensorflow>({ prefer: ['wasm'] }));
});

const WAYS: readonly (readonly [string, () => Promise<Acceleration>])[] = [
  ['WebAssembly', () => accelerate(tf)],
  ...(loadKoffi().available && process.env.QEDGE_NATIVE !== '0'
    ? ([
        ['machine code', () => accelerateInNode(tf)],
        ['machine code on two threads', () => accelerateInNode(tf, { threads: 2 })],
      ] as const)
    : []),
];

const CLASSES = 4;
const SAMPLES = 32;

const MODELS: Readonly<Record<string, () => Sequential>> = {
  'a perceptron': () =>
    tf.sequential({
      layers: [
        tf.layers.dense({ units: 24, activation: 'relu', inputShape: [36], kernelInitializer: initial(1) }),
        tf.layers.dense({ units: 16, activation: 'tanh', kernelInitializer: initial(2) }),
        tf.layers.dense({ units: CLASSES, activation: 'softmax', kernelInitializer: initial(3) }),
      ],
    }),
  'a convolutional network': () =>
    tf.sequential({
      layers: [
        tf.layers.reshape({ targetShape: [6, 6, 1], inputShape: [36] }),
        convolution(8, 'same', 4),
        tf.layers.maxPooling2d({ poolSize: 2 }),
        convolution(6, 'valid', 5),
        tf.layers.flatten(),
        tf.layers.dense({ units: CLASSES, activation: 'softmax', kernelInitializer: initial(6) }),
      ],
    }),
  'a network of depthwise convolutions and batch normalisation': () =>
    tf.sequential({
      layers: [
        tf.layers.reshape({ targetShape: [6, 6, 1], inputShape: [36] }),
        convolution(4, 'same', 7),
        tf.layers.batchNormalization(),
        tf.layers.depthwiseConv2d({
          kernelSize: 3,
          strides: 2,
          padding: 'same',
          depthwiseInitializer: initial(8),
        }),
        tf.layers.averagePooling2d({ poolSize: 2, strides: 1 }),
        tf.layers.flatten(),
        tf.layers.dense({ units: CLASSES, activation: 'softmax', kernelInitializer: initial(9) }),
      ],
    }),
};

function initial(seed: number) {
  return tf.initializers.glorotUniform({ seed });
}

function convolution(filters: number, padding: 'same' | 'valid', seed: number) {
  return tf.layers.conv2d({
    filters,
    kernelSize: 3,
    padding,
    activation: 'relu',
    kernelInitializer: initial(seed),
  });
}

function drawData(): { readonly xs: Tensor; readonly ys: Tensor } {
  const random = new Random(3);
  const values = Float32Array.from({ length: SAMPLES * 36 }, () => random.uniform() * 2 - 1);
  const labels = Float32Array.from({ length: SAMPLES * CLASSES }, (_, i) => {
    return Math.floor(i / CLASSES) % CLASSES === i % CLASSES ? 1 : 0;
  });
  return { xs: tf.tensor2d(values, [SAMPLES, 36]), ys: tf.tensor2d(labels, [SAMPLES, CLASSES]) };
}

async function fitLosses(create: () => Sequential, optimizer: Optimizer): Promise<readonly number[]> {
  const model = create();
  model.compile({ optimizer, loss: 'categoricalCrossentropy' });
  const { xs, ys } = drawData();
  const { history } = await model.fit(xs, ys, { epochs: 4, batchSize: 16, shuffle: false, verbose: 0 });
  tf.dispose([xs, ys]);
  model.dispose();
  optimizer.dispose();
  return history.loss as number[];
}

const KNOWN_LOSSES = new Map<string, readonly number[]>();

async function lossesOnCpu(name: string, create: () => Sequential): Promise<readonly number[]> {
  const known = KNOWN_LOSSES.get(name);
  if (known) return known;
  await tf.setBackend('cpu');
  const losses = await fitLosses(create, tf.train.adam(0.01));
  await tf.setBackend('wasm');
  KNOWN_LOSSES.set(name, losses);
  return losses;
}

/** Steps that begin with equal weights differ by rounding, which a few steps of Adam amplify some hundredfold. */
const LOSS_TOLERANCE = 1e-4;

describe.each(WAYS)('training accelerated by %s', (_way, start) => {
  it.each(Object.entries(MODELS))('follows the losses of the cpu backend for %s', async (name, create) => {
    const expected = await lossesOnCpu(name, create);
    using acceleration = await start();
    const before = tf.memory().numTensors;
    const losses = await fitLosses(create, tf.train.adam(0.01));
    expect(tf.memory().numTensors).toBe(before);
    expect(losses.length).toBe(4);
    expect(losses.at(-1)!).toBeLessThan(losses[0]!);
    for (const [epoch, loss] of losses.entries()) {
      expect(Math.abs(loss - expected[epoch]!)).toBeLessThan(LOSS_TOLERANCE * expected[epoch]!);
    }
    const adam = acceleration.report().find(({ kernel }) => kernel.startsWith('Adam'))!;
    expect(adam).toMatchObject({ served: 8, passed: 0 });
  });

  it('keeps no tensors, no data and no memory, step after step', async () => {
    using _acceleration = await start();
    const model = MODELS['a convolutional network']!();
    const optimizer = tf.train.adam(0.01);
    model.compile({ optimizer, loss: 'categoricalCrossentropy' });
    const { xs, ys } = drawData();
    const heapBytes = () =>
      (tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8.byteLength;
    const train = async (steps: number) => {
      for (let step = 0; step < steps; step++) await model.trainOnBatch(xs, ys);
      return {
        tensors: tf.memory().numTensors,
        bytes: tf.memory().numBytes,
        data: tf.engine().backend.numDataIds(),
        heap: heapBytes(),
      };
    };
    const early = await train(5);
    expect(await train(60)).toEqual(early);
    tf.dispose([xs, ys]);
    model.dispose();
    optimizer.dispose();
  });
});

describe('an accelerated step of Adam', () => {
  it('leaves moments alone that someone else holds', async () => {
    using _acceleration = await accelerate(tf);
    const optimizer = tf.train.adam(0.1);
    const weights = tf.variable(tf.tensor1d([1, 2, 3]));
    const step = () =>
      optimizer.minimize(() => tf.sum(tf.square(weights)) as import('@tensorflow/tfjs').Scalar);
    step();
    const [, first] = await optimizer.getWeights();
    const held = tf.clone(first!.tensor);
    const before = held.dataSync().slice();
    step();
    expect(held.dataSync()).toEqual(before);
    expect(first!.tensor.dataSync()).not.toEqual(before);
    held.dispose();
    weights.dispose();
    optimizer.dispose();
  });

  it('goes on where the stock optimizer stopped, and the other way round', async () => {
    const run = async (accelerated: readonly boolean[]) => {
      const optimizer = tf.train.adam(0.1);
      const weights = tf.variable(tf.tensor1d([1, -2, 3]));
      for (const isAccelerated of accelerated) {
        const acceleration = isAccelerated ? await accelerate(tf) : null;
        optimizer.minimize(() => tf.sum(tf.square(weights)) as import('@tensorflow/tfjs').Scalar);
        acceleration?.dispose();
      }
      const values = [...weights.dataSync()];
      tf.dispose([weights]);
      optimizer.dispose();
      return values;
    };
    const expected = await run([false, false, false]);
    for (const order of [
      [true, false, true],
      [false, true, false],
    ]) {
      for (const [i, value] of (await run(order)).entries()) expect(value).toBeCloseTo(expected[i]!, 5);
    }
  });
});
