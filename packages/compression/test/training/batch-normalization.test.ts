import { Random } from '@qedge/core';
import type { LayersModel, Tensor, Variable } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Tensorflow } from '../../src/tfjs/tensorflow.ts';
import { BatchNormalizationInTraining } from '../../src/training/batch-normalization.ts';
import { readWeights } from '../../src/training/model-weights.ts';
import { trainModel } from '../../src/training/train-model.ts';
import { loadTensorflow, makeShapes } from '../tensorflow.ts';

let tf: Tensorflow;

beforeAll(async () => {
  tf = await loadTensorflow('wasm');
});

function makeModel(shape: number[], settings: object = {}): LayersModel {
  const norm = tf.layers.batchNormalization({ name: 'norm', inputShape: shape, ...settings });
  const model = tf.sequential({ layers: [norm] });
  const channels = shape.at(-1)!;
  const random = new Random(3);
  model.setWeights(
    model.getWeights().map(() => tf.tensor1d(Array.from({ length: channels }, () => 0.5 + random.uniform()))),
  );
  return model;
}

/** Loss, gradients by the input and the weights, and moving statistics. */
function passes(model: LayersModel, x: Tensor, direction: Tensor): Float32Array[] {
  const outputs: Float32Array[] = [];
  tf.tidy(() => {
    const variables = model.trainableWeights.map((weight) => weight.read() as Variable);
    const loss = (input: Tensor) =>
      (model.apply(input, { training: true }) as Tensor).mul(direction).sum().asScalar();
    const { value, grads } = tf.variableGrads(() => loss(x), variables);
    outputs.push(
      value.dataSync<'float32'>(),
      ...variables.map(({ name }) => grads[name]!.dataSync<'float32'>()),
    );
    outputs.push(tf.grad(loss)(x).dataSync<'float32'>());
  });
  return [...outputs, ...model.getWeights().map((weight) => weight.dataSync<'float32'>())];
}

describe('batch normalisation in training', () => {
  it.each([[[7]], [[4, 3, 5]], [[6, 2]]])('computes what tfjs does, for samples of %j', (shape) => {
    const random = new Random(1);
    const size = 8 * shape.reduce((product, each) => product * each, 1);
    const numbers = () =>
      tf.tensor(
        Float32Array.from({ length: size }, () => 2 * random.normal() + 1),
        [8, ...shape],
      );
    const [x, direction] = [numbers(), numbers()];
    const [stock, ours] = [makeModel(shape), makeModel(shape)];
    const expected = passes(stock, x, direction);
    const before = tf.memory().numTensors;
    const taken = new BatchNormalizationInTraining(tf, ours);
    const actual = passes(ours, x, direction);
    expect(tf.memory().numTensors).toBe(before);
    expect(actual.length).toBe(expected.length);
    actual.forEach((values, at) => {
      const largest = Math.max(1, ...expected[at]!.map(Math.abs));
      // Sums of a few hundred float32 products, in another order.
      values.forEach((value, i) => {
        expect(Math.abs(value - expected[at]![i]!) / largest).toBeLessThan(1e-5);
      });
    });
    taken.restore();
    expect(Object.hasOwn(ours.layers[0]!, 'call')).toBe(false);
    stock.dispose();
    ours.dispose();
    tf.dispose([x, direction]);
  });

  it('predicts as tfjs does, by the moving statistics', () => {
    const model = makeModel([5]);
    const x = tf.ones([3, 5]);
    const predicted = () => tf.tidy(() => (model.predict(x) as Tensor).dataSync());
    const expected = predicted();
    const taken = new BatchNormalizationInTraining(tf, model);
    expect(predicted()).toEqual(expected);
    taken.restore();
    x.dispose();
    model.dispose();
  });

  it('trains layers without scale or shift, which tfjs cannot', async () => {
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ units: 8, inputShape: [64], name: 'in' }),
        tf.layers.batchNormalization({ scale: false, center: false, name: 'norm' }),
        tf.layers.dense({ units: 3, name: 'out' }),
      ],
    });
    const { history } = await trainModel(tf, model, makeShapes(200, 1), {
      epochs: 3,
      batchSize: 20,
      learningRate: { initial: 1e-2, final: 1e-3 },
      seed: 0,
    });
    expect(history.epochs[2]!.loss).toBeLessThan(0.8 * history.epochs[0]!.loss);
    expect(
      readWeights(model)
        .get('norm/moving_mean')!
        .every((mean) => mean !== 0),
    ).toBe(true);
    model.dispose();
  });
});
