import {
  CancelledError,
  InvalidArgumentError,
  ManualClock,
  NonFiniteValueError,
  type Progress,
} from '@qedge/core';
import { type Acceleration, accelerate } from '@qedge/kernels/node';
import type { Sequential } from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { magnitudeScores, maskBySparsity } from '../src/index.ts';
import {
  createDenseClassifier,
  type FitOptions,
  fitClassifier,
  getDenseWeights,
  type Tensorflow,
} from '../src/tfjs.ts';
import { loadTensorflow, makeShapes } from './tensorflow.ts';

let tf: Tensorflow;
let acceleration: Acceleration;
const training = makeShapes(600, 1);
const validation = makeShapes(300, 2);
const options: FitOptions = {
  epochs: 6,
  batchSize: 32,
  learningRate: { initial: 5e-3, final: 1e-4 },
  weightDecay: 0.01,
  seed: 3,
};

function makeModel(seed = 0): Sequential {
  return createDenseClassifier(tf, { inputSize: 64, hiddenUnits: [24, 16], classes: 3, seed });
}

beforeAll(async () => {
  tf = await loadTensorflow('wasm');
  acceleration = await accelerate(tf);
});

afterAll(() => acceleration.dispose());

describe('fitClassifier', () => {
  it('learns, tells how it went, and leaves no tensor behind', async () => {
    const model = makeModel();
    const before = tf.memory().numTensors;
    const history = await fitClassifier(tf, model, training, { ...options, validation });
    expect(tf.memory().numTensors).toBe(before);
    expect(history.phase).toBe('training');
    expect(history.epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(history.epochs[0].loss).toBeGreaterThan(2 * history.epochs[5].loss);
    // Guessing gets a third.
    expect(history.epochs[5].validationAccuracy).toBeGreaterThan(0.9);
    expect(JSON.parse(JSON.stringify(history))).toEqual(history);
    model.dispose();
  });

  it('takes the steps that tfjs takes with its own gradients and its own Adam', async () => {
    const ours = makeModel();
    const theirs = makeModel();
    const data = makeShapes(40, 9);
    const rate = 1e-3;
    await fitClassifier(tf, ours, data, {
      epochs: 5,
      batchSize: 40,
      learningRate: { initial: rate, final: rate },
      seed: 0,
    });
    const [x, y] = [tf.tensor2d(data.features, [40, 64]), tf.oneHot(tf.tensor1d(data.labels, 'int32'), 3)];
    theirs.compile({
      // The epsilon of the paper; tfjs would take 1e-7.
      optimizer: tf.train.adam(rate, 0.9, 0.999, 1e-8),
      loss: (labels, logits) => tf.losses.softmaxCrossEntropy(labels, logits),
    });
    for (let step = 0; step < 5; step++) await theirs.trainOnBatch(x, y);
    const expected = getDenseWeights(theirs);
    // Weights of about 0.1 that moved by up to 0.005, the samples in another order: 5e-5 is 1 % of the way.
    getDenseWeights(ours).forEach((values, at) => {
      values.forEach((value, i) => {
        expect(Math.abs(value - expected[at][i])).toBeLessThan(5e-5);
      });
    });
    tf.dispose([x, y]);
    ours.dispose();
    theirs.dispose();
  });

  it('repeats itself bit for bit for equal seeds and not for others', async () => {
    const weights = async (seed: number) => {
      const model = makeModel();
      await fitClassifier(tf, model, training, { ...options, epochs: 1, maxShiftPixels: 1, seed });
      const copy = getDenseWeights(model);
      model.dispose();
      return copy;
    };
    const first = await weights(1);
    expect(await weights(1)).toEqual(first);
    expect(await weights(2)).not.toEqual(first);
  });

  it('keeps masked weights exactly 0 through Adam and trains the rest', async () => {
    const model = makeModel();
    const kernelsBefore = getDenseWeights(model).filter((_, at) => at % 2 === 0);
    const scores = magnitudeScores(new Map(kernelsBefore.map((values, at) => [String(at), values])));
    const masks = [...maskBySparsity(scores, { sparsity: 0.8, scope: 'global' }).values()];
    const history = await fitClassifier(tf, model, training, { ...options, epochs: 2, masks });
    const kernelsAfter = getDenseWeights(model).filter((_, at) => at % 2 === 0);
    kernelsAfter.forEach((values, at) => {
      values.forEach((value, i) => {
        if (masks[at][i] === 0) expect(value).toBe(0);
        else expect(value).not.toBe(kernelsBefore[at][i]);
      });
    });
    expect(history.epochs[1].sparsity).toBeCloseTo(0.8, 3);
    model.dispose();
  });

  it('stops after a whole step when cancelled; the model holds what was learnt', async () => {
    const model = makeModel();
    const original = getDenseWeights(model);
    const before = tf.memory().numTensors;
    const stop = new AbortController();
    const clock = new ManualClock();
    let reports = 0;
    const tick = {
      nowMs: () => {
        clock.advance(50);
        return clock.nowMs();
      },
      epochMs: () => 0,
      sleep: (durationMs: number, signal?: AbortSignal) => clock.sleep(durationMs, signal),
    };
    const fitting = fitClassifier(tf, model, training, {
      ...options,
      clock: tick,
      signal: stop.signal,
      onProgress: () => {
        if (++reports === 5) stop.abort(new Error('enough'));
      },
    });
    await expect(fitting).rejects.toThrow(CancelledError);
    expect(reports).toBe(5);
    expect(getDenseWeights(model)).not.toEqual(original);
    expect(getDenseWeights(model).every((values) => values.every(Number.isFinite))).toBe(true);
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });

  it('reports steps up to the total', async () => {
    const model = makeModel();
    const seen: Progress[] = [];
    await fitClassifier(tf, model, training, {
      ...options,
      epochs: 2,
      validation,
      onProgress: (p) => seen.push(p),
    });
    const last = seen[seen.length - 1];
    expect(last).toMatchObject({ phase: 'training', done: 38, total: 38 });
    expect(last.message).toMatch(/^loss \d\.\d{4}, validation \d+\.\d %$/);
    model.dispose();
  });

  it('does nothing for no epochs', async () => {
    const model = makeModel();
    const original = getDenseWeights(model);
    const history = await fitClassifier(tf, model, training, { ...options, epochs: 0 });
    expect(history.epochs).toEqual([]);
    expect(getDenseWeights(model)).toEqual(original);
    model.dispose();
  });

  it('leaves the model as it was when training diverges', async () => {
    const model = makeModel();
    const original = getDenseWeights(model);
    const wild = { ...training, features: training.features.map((value) => value * 1e30) };
    const fitting = fitClassifier(tf, model, wild, { ...options, learningRate: { initial: 1e9, final: 1 } });
    const before = tf.memory().numTensors;
    await expect(fitting).rejects.toThrow(NonFiniteValueError);
    expect(getDenseWeights(model)).toEqual(original);
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });

  it('stops before the first step when the signal was aborted before', async () => {
    const model = makeModel();
    const original = getDenseWeights(model);
    const fitting = fitClassifier(tf, model, training, { ...options, signal: AbortSignal.abort() });
    await expect(fitting).rejects.toThrow(CancelledError);
    expect(getDenseWeights(model)).toEqual(original);
    model.dispose();
  });

  it('refuses options and data that do not fit before any work', async () => {
    const model = makeModel();
    const refused = (changed: Partial<FitOptions>, data = training) =>
      expect(fitClassifier(tf, model, data, { ...options, ...changed })).rejects;
    await refused({ epochs: -1 }).toThrow(InvalidArgumentError);
    await refused({ batchSize: 0 }).toThrow(InvalidArgumentError);
    await refused({ weightDecay: Number.NaN }).toThrow(InvalidArgumentError);
    await refused({ learningRate: { initial: 0, final: 0 } }).toThrow(InvalidArgumentError);
    await refused({ masks: [new Uint8Array(1)] }).toThrow(/masks/);
    const { imageShape: _, ...flat } = training;
    await refused({ maxShiftPixels: Number.NaN }).toThrow(/>= 0 pixels, got NaN/);
    await refused({ maxShiftPixels: 1 }, flat).toThrow(/imageShape/);
    const broken = {
      ...training,
      features: training.features.map((value, i) => (i === 7 ? Number.NaN : value)),
    };
    await refused({}, broken).toThrow(/index 7/);
    await refused({ validation: broken }).toThrow(/validation data/);
    model.dispose();
  });
});
