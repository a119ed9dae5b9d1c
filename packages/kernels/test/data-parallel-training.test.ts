import { fileURLToPath, pathToFileURL } from 'node:url';
import {
  CancelledError,
  inProcessExecutor,
  Random,
  ShapeMismatchError,
  type TaskExecutor,
  UnsupportedError,
} from '@qedge/core';
import { workerThreadsExecutor } from '@qedge/core/node';
import * as tf from '@tensorflow/tfjs';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { divideIntoShards, sumInFixedOrder } from '../src/tfjs/training/all-reduce.ts';
import { createDataParallelTrainer, gradientTask } from '../src/tfjs.ts';
import { buildClassifier } from './fixtures/digit-gradients.ts';

const SAMPLES = 23;
let module = '';

/** Worker threads need the task as plain JavaScript, where `@tensorflow/tfjs` can be found. */
beforeAll(async () => {
  await tf.setBackend('cpu');
  const outDir = fileURLToPath(new URL('../node_modules/.cache/', import.meta.url));
  await build({
    config: false,
    entry: { 'digit-gradients': fileURLToPath(new URL('./fixtures/digit-gradients.ts', import.meta.url)) },
    outDir,
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    noExternal: [/^@qedge\//],
    external: ['@tensorflow/tfjs', 'koffi'],
    outExtension: () => ({ js: '.mjs' }),
    silent: true,
    esbuildOptions: (options) => {
      options.conditions = ['@qedge/source'];
    },
  });
  module = pathToFileURL(`${outDir}digit-gradients.mjs`).href;
});

const executors: TaskExecutor[] = [];
afterAll(() => Promise.all(executors.map((executor) => executor.dispose())));

function executor(threads: number): TaskExecutor {
  const made = threads === 0 ? inProcessExecutor() : workerThreadsExecutor({ threads });
  executors.push(made);
  return made;
}

/** Three classes, by which third of the numbers is the largest. */
function makeSamples() {
  const random = new Random(11);
  const features = new Float32Array(SAMPLES * 6).map(() => random.normal());
  const labels = new Float32Array(SAMPLES * 3);
  for (let sample = 0; sample < SAMPLES; sample++) {
    const sums = [0, 1, 2].map(
      (third) => features[sample * 6 + 2 * third]! + features[sample * 6 + 2 * third + 1]!,
    );
    labels[sample * 3 + sums.indexOf(Math.max(...sums))] = 1;
  }
  return { features, labels };
}

async function train(threads: number, steps: number, shards?: number) {
  const model = buildClassifier();
  const trainer = createDataParallelTrainer({
    tf,
    model,
    optimizer: tf.train.adam(0.05),
    executor: executor(threads),
    task: { module, name: 'gradients' },
    ...(shards === undefined ? {} : { shards }),
  });
  const { features, labels } = makeSamples();
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) losses.push((await trainer.step(features, labels, SAMPLES)).loss);
  const weights = model.getWeights().map((weight) => Array.from(weight.dataSync()));
  model.dispose();
  return { losses, weights };
}

describe('shards', () => {
  it('cover a batch once, in order, with sizes that differ by at most one', () => {
    for (const [batch, shards] of [
      [0, 3],
      [1, 8],
      [23, 8],
      [64, 8],
      [5, 1],
    ] as const) {
      const parts = divideIntoShards(batch, shards);
      expect(parts.flatMap(({ from, count }) => Array.from({ length: count }, (_, at) => from + at))).toEqual(
        Array.from({ length: batch }, (_, at) => at),
      );
      const sizes = parts.map(({ count }) => count);
      if (batch >= shards) expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }
  });

  it('are added pairwise', () => {
    const f = Math.fround;
    const values = [1e8, 1, -1e8, 1, 0.1].map((value) => Float32Array.of(value));
    expect(sumInFixedOrder(values)[0]).toBe(f(f(f(1e8 + 1) + f(-1e8 + 1)) + f(0.1)));
  });
});

describe('training on several devices', () => {
  it('gives the same bits on one and on several', async () => {
    const alone = await train(0, 12);
    expect(alone.losses.at(-1)).toBeLessThan(0.6 * alone.losses[0]!);
    for (const threads of [1, 3]) expect(await train(threads, 12)).toEqual(alone);
  });

  it('takes the step that one device takes on the whole batch', async () => {
    const parallel = await train(2, 3, 5);
    const model = buildClassifier();
    const optimizer = tf.train.adam(0.05);
    const { features, labels } = makeSamples();
    const [x, y] = [tf.tensor(features, [SAMPLES, 6]), tf.tensor(labels, [SAMPLES, 3])];
    const losses = Array.from({ length: 3 }, () => {
      const value = optimizer.minimize(
        () => tf.losses.softmaxCrossEntropy(y, model.apply(x) as tf.Tensor) as tf.Scalar,
        true,
      )!;
      const [loss] = value.dataSync();
      value.dispose();
      return loss!;
    });
    // Sums in another order: a few roundings of float32.
    for (const [step, loss] of losses.entries()) expect(parallel.losses[step]).toBeCloseTo(loss, 5);
    tf.dispose([x, y]);
    model.dispose();
  });

  it('leaves the weights alone when a device fails or the step is cancelled', async () => {
    const model = buildClassifier();
    const before = model.getWeights().map((weight) => weight.dataSync());
    const make = (name: string) =>
      createDataParallelTrainer({
        tf,
        model,
        optimizer: tf.train.sgd(1),
        executor: executor(2),
        task: { module, name },
      });
    const { features, labels } = makeSamples();
    await expect(make('failing').step(features, labels, SAMPLES)).rejects.toThrow('a device broke');
    const stop = AbortSignal.abort();
    await expect(make('gradients').step(features, labels, SAMPLES, { signal: stop })).rejects.toThrow(
      CancelledError,
    );
    expect(model.getWeights().map((weight) => weight.dataSync())).toEqual(before);
    await expect(make('gradients').step(features, labels, 22)).rejects.toThrow(ShapeMismatchError);
    model.dispose();
  });

  it('opens a replica again that could not be opened', async () => {
    let opened = 0;
    const task = gradientTask(async () => {
      opened++;
      if (opened === 1) throw new RangeError('no network');
      return { tf, model: buildClassifier(), loss: () => tf.scalar(0) };
    });
    const request = {
      weights: new Float32Array(1),
      features: new Float32Array(6),
      labels: new Float32Array(3),
    };
    const run = async () => task({ ...request, samples: 1 }, {} as never);
    await expect(run()).rejects.toThrow('no network');
    await expect(run()).rejects.toThrow('another model');
    expect(opened).toBe(2);
  });

  it('refuses layers that keep statistics, by name', () => {
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ inputShape: [6], units: 3 }),
        tf.layers.batchNormalization({ name: 'keeper' }),
      ],
    });
    const options = {
      tf,
      model,
      optimizer: tf.train.sgd(1),
      executor: executor(0),
      task: { module, name: 'gradients' },
    };
    expect(() => createDataParallelTrainer(options)).toThrow(UnsupportedError);
    expect(() => createDataParallelTrainer(options)).toThrow(/"keeper"/);
    model.dispose();
  });
});
