import { InvalidArgumentError, NonFiniteValueError, ShapeMismatchError } from '@qedge/core';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  computeLogits,
  createDenseClassifier,
  evaluateClassifier,
  getDenseWeights,
  setDenseWeights,
  type Tensorflow,
} from '../src/tfjs.ts';
import { loadTensorflow, makeShapes } from './tensorflow.ts';

let tf: Tensorflow;
const size = { inputSize: 64, hiddenUnits: [12, 5], classes: 3, seed: 1 };

beforeAll(async () => {
  tf = await loadTensorflow('wasm');
});

describe('createDenseClassifier', () => {
  it('makes relu layers and logits with Glorot-uniform weights and zero biases', () => {
    const model = createDenseClassifier(tf, size);
    expect(model.layers.map((layer) => [layer.name, layer.getConfig().activation])).toEqual([
      ['hidden_1', 'relu'],
      ['hidden_2', 'relu'],
      ['logits', 'linear'],
    ]);
    const [kernel, bias] = getDenseWeights(model);
    const limit = Math.sqrt(6 / (64 + 12));
    expect(kernel).toHaveLength(64 * 12);
    expect(Math.max(...kernel.map(Math.abs))).toBeLessThanOrEqual(limit);
    // The variance of the uniform distribution is limit^2 / 3; 768 draws have it within 15 % (four standard errors).
    const variance = kernel.reduce((sum, value) => sum + value * value, 0) / kernel.length;
    expect(Math.abs(variance / (limit ** 2 / 3) - 1)).toBeLessThan(0.15);
    expect(bias.every((value) => value === 0)).toBe(true);
    model.dispose();
  });

  it('depends on the seed alone', () => {
    const weights = (seed: number) => {
      const model = createDenseClassifier(tf, { ...size, seed });
      const copy = getDenseWeights(model);
      model.dispose();
      return copy;
    };
    expect(weights(1)).toEqual(weights(1));
    expect(weights(1)).not.toEqual(weights(2));
  });

  it('refuses impossible sizes', () => {
    expect(() => createDenseClassifier(tf, { ...size, hiddenUnits: [0] })).toThrow(InvalidArgumentError);
    expect(() => createDenseClassifier(tf, { ...size, classes: -1 })).toThrow(InvalidArgumentError);
    expect(() => createDenseClassifier(tf, { ...size, seed: 0.5 })).toThrow(InvalidArgumentError);
  });
});

describe('setDenseWeights', () => {
  it('copies: later changes to the arrays do not reach the model, and no tensor is left', () => {
    const model = createDenseClassifier(tf, size);
    const before = tf.memory().numTensors;
    const weights = getDenseWeights(model).map((values) => values.fill(0.25));
    setDenseWeights(tf, model, weights);
    weights[0].fill(7);
    expect(getDenseWeights(model)[0].every((value) => value === 0.25)).toBe(true);
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });

  it('refuses weights that do not fit or are broken, and changes nothing', () => {
    const model = createDenseClassifier(tf, size);
    const original = getDenseWeights(model);
    expect(() => setDenseWeights(tf, model, original.slice(1))).toThrow(ShapeMismatchError);
    const broken = original.map((values) => values.slice());
    broken[2][3] = Number.NaN;
    expect(() => setDenseWeights(tf, model, broken)).toThrow(NonFiniteValueError);
    expect(getDenseWeights(model)).toEqual(original);
    model.dispose();
  });
});

describe('evaluateClassifier', () => {
  it('agrees with the predictions of tfjs itself, across its own batches', () => {
    const model = createDenseClassifier(tf, size);
    const data = makeShapes(1203, 5);
    const evaluation = evaluateClassifier(tf, model, data);
    const expected = tf.tidy(() => {
      const logits = model.predict(tf.tensor2d(data.features, [1203, 64])) as ReturnType<typeof tf.tensor>;
      return logits.argMax(1);
    });
    expect([...evaluation.predictions]).toEqual([...expected.dataSync()]);
    expected.dispose();
    const correct = evaluation.predictions.filter((prediction, i) => prediction === data.labels[i]).length;
    expect(evaluation).toMatchObject({ correct, count: 1203, accuracy: correct / 1203 });
    expect(evaluation.interval.low).toBeLessThan(evaluation.accuracy);
    expect(evaluation.interval.high).toBeGreaterThan(evaluation.accuracy);
    model.dispose();
  });

  it('runs models without biases', () => {
    const model = tf.sequential({
      layers: [tf.layers.dense({ units: 2, inputShape: [2], useBias: false, kernelInitializer: 'ones' })],
    });
    expect([...computeLogits(tf, model, Float32Array.of(1, 2), 1)]).toEqual([3, 3]);
    model.dispose();
  });

  it('leaves no tensor behind and refuses broken data', () => {
    const model = createDenseClassifier(tf, size);
    const data = makeShapes(10, 1);
    const before = tf.memory().numTensors;
    evaluateClassifier(tf, model, data);
    expect(tf.memory().numTensors).toBe(before);
    const short = { ...data, labels: data.labels.slice(1) };
    expect(() => evaluateClassifier(tf, model, short)).toThrow(ShapeMismatchError);
    const strange = { ...data, labels: data.labels.map(() => 3) };
    expect(() => evaluateClassifier(tf, model, strange)).toThrow(InvalidArgumentError);
    const empty = { features: new Float32Array(0), labels: new Uint8Array(0), count: 0 };
    expect(() => evaluateClassifier(tf, model, empty)).toThrow(InvalidArgumentError);
    // Labels and predictions are bytes: class 256 would read as 0.
    const many = createDenseClassifier(tf, { ...size, classes: 257 });
    expect(() => evaluateClassifier(tf, many, data)).toThrow(/at most 256 classes, got 257/);
    many.dispose();
    data.features[70] = Number.NaN;
    expect(() => evaluateClassifier(tf, model, data)).toThrow(NonFiniteValueError);
    model.dispose();
  });
});
