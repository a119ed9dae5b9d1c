import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import type { Tensor } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Tensorflow } from '../../src/tfjs/tensorflow.ts';
import { measureModel } from '../../src/training/measure-model.ts';
import { readWeights, writeWeights } from '../../src/training/model-weights.ts';
import { trainModel } from '../../src/training/train-model.ts';
import type { BatchStream, StreamedBatch } from '../../src/training/training-data.ts';
import type { TrainModelOptions } from '../../src/training/training-options.ts';
import { loadTensorflow, makeShapes } from '../tensorflow.ts';
import { perceptron, seedWeights } from './models.ts';

let tf: Tensorflow;
const data = makeShapes(48, 1);
const options: TrainModelOptions = {
  epochs: 2,
  learningRate: { initial: 1e-2, final: 1e-3 },
  seed: 0,
};

beforeAll(async () => {
  tf = await loadTensorflow('wasm');
});

/** Sixteen samples from number `16 * step` on. */
function batchAt(step: number): StreamedBatch {
  const features = data.features.slice(step * 16 * 64, (step + 1) * 16 * 64);
  const labels = data.labels.slice(step * 16, (step + 1) * 16);
  return {
    xs: tf.tensor(features, [16, 64]),
    ys: tf.tidy(() => tf.oneHot(tf.tensor1d(labels, 'int32'), 3).toFloat()),
  };
}

async function* asynchronous(): AsyncGenerator<StreamedBatch> {
  for (let step = 0; step < 3; step++) yield batchAt(step);
}

describe('streams of batches', () => {
  it('train alike from a dataset of tfjs, iterables and functions, without a tensor left', async () => {
    const array = { [Symbol.iterator]: () => [0, 1, 2].map(batchAt).values() };
    const again = { [Symbol.asyncIterator]: asynchronous };
    const dataset = tf.data.generator(function* () {
      for (let step = 0; step < 3; step++) yield batchAt(step) as never;
    });
    const endless = async function* () {
      for (let step = 0; ; step++) yield batchAt(step % 3);
    };
    const outcomes = [];
    for (const batches of [dataset, array, again, asynchronous, endless] as BatchStream['batches'][]) {
      const model = perceptron(tf);
      const before = tf.memory().numTensors;
      const { steps } = await trainModel(tf, model, { batches, stepsPerEpoch: 3 }, options);
      expect(steps).toBe(6);
      expect(tf.memory().numTensors).toBe(before);
      outcomes.push(readWeights(model));
      model.dispose();
    }
    for (const weights of outcomes.slice(1)) expect(weights).toEqual(outcomes[0]);
  });

  it('are measured like samples in memory', async () => {
    const model = perceptron(tf);
    const streamed = await measureModel(tf, model, { batches: asynchronous, stepsPerEpoch: 3 });
    const whole = await measureModel(tf, model, data);
    expect(streamed).toMatchObject({ count: 48, correct: whole.correct, accuracy: whole.accuracy });
    expect(streamed.loss).toBeCloseTo(whole.loss, 5);
    model.dispose();
  });

  it('feed models with several inputs and outputs, with a loss of their own', async () => {
    const [left, right] = [tf.input({ shape: [4], name: 'left' }), tf.input({ shape: [3], name: 'right' })];
    const joined = tf.layers.concatenate({ name: 'join' }).apply([left, right]);
    const outputs = [1, 2].map((units) => tf.layers.dense({ units, name: `out_${units}` }).apply(joined));
    const model = seedWeights(tf, tf.model({ inputs: [left, right], outputs: outputs as never }), 1);
    const batches = function* (): Generator<StreamedBatch> {
      for (let step = 0; step < 20; step++) {
        const x = [
          tf.randomNormal([8, 4], 0, 1, 'float32', step + 1),
          tf.randomNormal([8, 3], 0, 1, 'float32', 99 + step),
        ];
        const ys = tf.tidy(() => [tf.sum(x[0]!, 1, true), tf.slice(x[1]!, [0, 0], [8, 2])]);
        yield { xs: x, ys };
      }
    };
    const loss = (labels: Tensor | readonly Tensor[], predicted: Tensor | readonly Tensor[]) => {
      const [a, b] = labels as readonly Tensor[];
      const [c, d] = predicted as readonly Tensor[];
      return tf.add(tf.mean(tf.squaredDifference(a!, c!)), tf.mean(tf.squaredDifference(b!, d!)));
    };
    const before = tf.memory().numTensors;
    const { history } = await trainModel(
      tf,
      model,
      { batches, stepsPerEpoch: 20 },
      { ...options, epochs: 10, learningRate: { initial: 0.05, final: 1e-3 }, loss },
    );
    expect(tf.memory().numTensors).toBe(before);
    expect(history.epochs[9]!.loss).toBeLessThan(0.02 * history.epochs[0]!.loss);
    const twoOutputs = trainModel(tf, model, { batches, stepsPerEpoch: 20 }, options);
    await expect(twoOutputs).rejects.toThrow(/one output/);
    model.dispose();
  });

  it('are refused when they end early, fit no model, or are none, and leave no tensor', async () => {
    const model = perceptron(tf);
    const original = readWeights(model);
    const before = tf.memory().numTensors;
    const train = (stream: object) => expect(trainModel(tf, model, stream as BatchStream, options)).rejects;
    await train({ batches: asynchronous, stepsPerEpoch: 4 }).toThrow(/ended early.*4 batches.*3 in epoch 1/);
    await train({ batches: asynchronous, stepsPerEpoch: 0 }).toThrow(InvalidArgumentError);
    await train({ batches: {}, stepsPerEpoch: 1 }).toThrow(InvalidArgumentError);
    await train({ batches: [1, 2], stepsPerEpoch: 1 }).toThrow(InvalidArgumentError);
    const narrow = function* () {
      yield { xs: tf.zeros([2, 63]), ys: tf.zeros([2, 3]) };
    };
    await train({ batches: narrow, stepsPerEpoch: 1 }).toThrow(ShapeMismatchError);
    expect(tf.memory().numTensors).toBe(before);
    expect(readWeights(model)).toEqual(original);
    model.dispose();
  });
});

describe('writeWeights', () => {
  it('changes the weights that are named, or nothing', () => {
    const model = perceptron(tf);
    const original = readWeights(model);
    const values = new Float32Array(24).fill(2);
    expect(() =>
      writeWeights(
        tf,
        model,
        new Map([
          ['first/bias', values],
          ['nobody/bias', values],
        ]),
      ),
    ).toThrow(/nobody/);
    expect(() =>
      writeWeights(
        tf,
        model,
        new Map([
          ['first/bias', values],
          ['second/bias', values],
        ]),
      ),
    ).toThrow(ShapeMismatchError);
    expect(readWeights(model)).toEqual(original);
    const before = tf.memory().numTensors;
    writeWeights(tf, model, new Map([['first/bias', values]]));
    expect(tf.memory().numTensors).toBe(before);
    expect(readWeights(model)).toEqual(new Map(original).set('first/bias', new Float32Array(24).fill(2)));
    values.fill(9);
    expect(readWeights(model).get('first/bias')![0]).toBe(2);
    model.dispose();
  });
});
