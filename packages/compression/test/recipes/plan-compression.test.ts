import { InvalidArgumentError, NonFiniteValueError, ShapeMismatchError, UnsupportedError } from '@qedge/core';
import { describe, expect, test } from 'vitest';
import { compress, reportCompression } from '../../src/recipes/compress.ts';
import type { CompressionRecipe } from '../../src/recipes/compression-recipe.ts';
import { estimateCompression } from '../../src/recipes/estimate-compression.ts';
import { int4Recipe, int8Recipe } from '../../src/recipes/named-recipes.ts';
import { rehearseCompression } from '../../src/recipes/plan-compression.ts';
import type { CompressionTargets } from '../../src/recipes/targets.ts';
import type { ClassificationData } from '../../src/training/classification-data.ts';
import { measureModel } from '../../src/training/measure-model.ts';
import { trainModel } from '../../src/training/train-model.ts';
import { loadTensorflow, makeShapes } from '../tensorflow.ts';

const tf = await loadTensorflow('cpu');
const train = makeShapes(160, 1);
const validation = makeShapes(60, 2);
const testing = makeShapes(90, 3);

const training = { ...int4Recipe.pruning!.training, epochs: 2, batchSize: 16, maxShiftPixels: 0 };
const recipe: CompressionRecipe = {
  ...int4Recipe,
  pruning: {
    ...int4Recipe.pruning!,
    schedule: { kind: 'constant', sparsity: 0.3, begin: 0, end: 0.5, intervalSteps: 5 },
    training,
  },
  quantization: {
    ...int4Recipe.quantization!,
    training: { ...int4Recipe.quantization!.training!, ...training },
  },
};

/** First weights that are the same in every run. */
const kernelInitializer = tf.initializers.glorotUniform({ seed: 3 });

/** A dense network with something at its end. */
function network(...last: Parameters<typeof tf.sequential>[0][]) {
  const hidden = tf.layers.dense({ inputShape: [64], units: 16, activation: 'relu', kernelInitializer });
  return tf.sequential({ layers: [hidden, ...(last as never[])] });
}

const dense = (units: number, activation?: 'softmax' | 'sigmoid' | 'relu') =>
  tf.layers.dense({ units, kernelInitializer, ...(activation ? { activation } : {}) }) as never;

describe('models that end in a softmax', () => {
  test.each([
    ['an activation of the last layer', () => network(dense(3, 'softmax'))],
    ['a layer of its own', () => network(dense(3), tf.layers.softmax() as never)],
    [
      'an activation layer',
      () => network(dense(3), tf.layers.activation({ activation: 'softmax' }) as never),
    ],
  ])('are trained by the cross-entropy of their probabilities: %s', async (_, make) => {
    const model = make();
    await trainModel(tf, model, train, {
      epochs: 12,
      batchSize: 16,
      loss: 'cross-entropy of probabilities',
      learningRate: { initial: 5e-3, final: 1e-3 },
      seed: 0,
    });
    const made = await compress(tf, model, { train, validation }, { recipe });
    const report = reportCompression(tf, made, testing);
    const { accuracy, loss } = await measureModel(tf, model, testing, 'cross-entropy of probabilities');
    expect(report.accuracy!.original.accuracy).toBe(accuracy);
    expect(accuracy).toBeGreaterThan(0.7);
    expect(report.accuracy!.compressed.accuracy).toBeGreaterThan(accuracy! - 0.1);
    // Softmax applied twice would leave a loss of log(1 + 2/e) = 0.55 at the very least.
    expect(loss).toBeLessThan(0.5);
    const [control, , quantising] = made.history.map(({ epochs }) => epochs.at(-1)!.validationLoss!);
    expect(control).toBeLessThan(0.5);
    expect(quantising).toBeLessThan(0.55);
  });

  test('cannot teach: a recipe that distils is refused', async () => {
    const distilling = {
      ...recipe,
      training: { ...training, distillation: { temperature: 2, weight: 0.5 } },
    };
    const run = compress(tf, network(dense(3, 'softmax')), { train, validation }, { recipe: distilling });
    await expect(run).rejects.toThrow('cannot teach');
  });
});

test('recurrent layers are pruned and trained, and stay float32 where other kernels are coded', async () => {
  const model = tf.sequential({
    layers: [
      tf.layers.reshape({ inputShape: [64], targetShape: [8, 8] }),
      tf.layers.lstm({ units: 6 }),
      tf.layers.dense({ units: 3 }),
    ],
  });
  const few = { train: makeShapes(32, 1), validation: makeShapes(16, 2) };
  const made = await compress(tf, model, few, { recipe, denseControl: false });
  expect(made.compressed.codes.size).toBe(1);
  const recurrent = made.compressed.topology.layers.find(({ className }) => className === 'LSTM')!;
  const kernel = recurrent.weights.find(({ role }) => role === 'kernel')!;
  expect(kernel.data.filter((value) => value === 0).length).toBeGreaterThan(0);
});

describe.each([
  ['compress', compress],
  ['estimateCompression', estimateCompression],
  ['rehearseCompression', rehearseCompression],
])('%s refuses before any work', (_, run) => {
  const plain = network(dense(3));
  const attempt = (
    model: ReturnType<typeof network>,
    data: Partial<Record<'train' | 'validation', object>>,
    chosen: CompressionRecipe = recipe,
    targets: CompressionTargets = {},
  ) =>
    run(tf, model as never, { train, validation, ...data } as never, {
      recipe: chosen,
      targets,
      onProgress: () => expect.unreachable('work has begun'),
    });
  const without = (count: number): ClassificationData => ({
    count,
    features: train.features.slice(0, 64 * count),
    labels: train.labels.slice(0, count),
  });
  const withFeature = (value: number) => ({
    ...train,
    features: train.features.map((x, i) => (i ? x : value)),
  });

  test.each([
    ['no samples', { train: without(0) }, InvalidArgumentError, 'The training data needs samples'],
    ['no validation samples', { validation: without(0) }, InvalidArgumentError, 'The validation data needs'],
    [
      'one class',
      { train: { ...train, labels: new Uint8Array(train.count) } },
      InvalidArgumentError,
      'one class',
    ],
    ['NaN', { train: withFeature(Number.NaN) }, NonFiniteValueError, 'NaN at index 0'],
    [
      'a strange label',
      { validation: { ...validation, labels: validation.labels.map(() => 3) } },
      InvalidArgumentError,
      '3 at index 0',
    ],
    ['wrong lengths', { train: { ...train, count: 7 } }, ShapeMismatchError, '7 x 64'],
  ])('%s', async (_what, data, type, message) => {
    const failure = await attempt(plain, data).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(type);
    expect((failure as Error).message).toContain(message);
  });

  test.each([
    ['a sigmoid at the end', () => network(dense(3, 'sigmoid')), 'sigmoid'],
    ['a ReLU layer at the end', () => network(dense(3), tf.layers.reLU() as never), 'ReLU'],
    ['a single output', () => network(dense(1)), 'outputs [1]'],
    [
      'an open size',
      () => tf.sequential({ layers: [tf.layers.dense({ inputShape: [null, 4] as never, units: 3 })] }),
      'inputs [open, 4]',
    ],
  ])('%s', async (_what, make, message) => {
    const failure = await attempt(make(), {}).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UnsupportedError);
    expect((failure as Error).message).toContain(message);
  });

  test('a shared layer that is to be coded after training', async () => {
    const shared = tf.layers.dense({ units: 64, name: 'twice' });
    const model = tf.sequential({
      layers: [tf.layers.inputLayer({ inputShape: [64] }), shared, shared, dense(3)] as never[],
    });
    const tensors = tf.memory().numTensors;
    await expect(attempt(model, {}, int8Recipe)).rejects.toThrow('"twice" is shared');
    expect(tf.memory().numTensors).toBe(tensors);
  });

  test('channels first, by the name of the layer', async () => {
    const image = tf.layers.reshape({ inputShape: [64], targetShape: [1, 8, 8] });
    const line = { filters: 2, kernelSize: 3, name: 'line', dataFormat: 'channelsFirst' } as const;
    const make = () =>
      tf.sequential({ layers: [image, tf.layers.conv2d(line), tf.layers.flatten(), dense(3)] });
    for (const each of [int8Recipe, recipe]) {
      await expect(attempt(make(), {}, each)).rejects.toThrow(/"line" cannot be (calibrated|quantised)/);
    }
  });

  test('more operations saved than removing channels can, in shares of the model', async () => {
    const run = attempt(plain, {}, recipe, { structured: 0.99 });
    await expect(run).rejects.toThrow(/at most 75 % saved.*99 % asked for/);
  });

  test('adaptive rounding of too many inputs', async () => {
    const wide = tf.sequential({
      layers: [tf.layers.dense({ inputShape: [8200], units: 2, name: 'wide' })],
    });
    const samples = { features: new Float32Array(2 * 8200), labels: Uint8Array.of(0, 1), count: 2 };
    const adaptive = {
      ...int8Recipe,
      quantization: { ...int8Recipe.quantization!, rounding: 'adaptive', correctBiases: false } as const,
    };
    const run = attempt(wide, { train: samples, validation: samples }, adaptive);
    await expect(run).rejects.toThrow('"wide" has too many inputs');
  });

  test('a layer that no file can hold', async () => {
    class Halve extends tf.layers.Layer {
      static readonly className = 'Halve';
      override call(inputs: object) {
        return tf.mul([inputs].flat()[0] as never, 0.5);
      }
    }
    tf.serialization.registerClass(Halve);
    await expect(attempt(network(new Halve({}) as never, dense(3)), {})).rejects.toThrow(/Halve/);
  });

  test('two outputs', async () => {
    const input = tf.input({ shape: [64] });
    const outputs = [3, 2].map((units) => tf.layers.dense({ units }).apply(input) as never);
    await expect(attempt(tf.model({ inputs: input, outputs }) as never, {})).rejects.toThrow('[3] and [2]');
  });
});

test('a rehearsal makes a model of the same layers and codings, and leaves no trace', async () => {
  const model = network(dense(3));
  const tensors = tf.memory().numTensors;
  for (const each of [recipe, int8Recipe]) {
    const { codes, inputs, topology } = await rehearseCompression(
      tf,
      model,
      { train, validation },
      {
        recipe: each,
        onProgress: () => expect.unreachable('progress was reported'),
      },
    );
    expect([...codes.values()].map(({ quantization }) => quantization.bits)).toEqual(
      Array(2).fill(each.quantization!.weightBits),
    );
    expect([...inputs.keys()]).toEqual(topology.layers.slice(1).map(({ name }) => name));
  }
  expect(tf.memory().numTensors).toBe(tensors);
});

test('limits at 1 bit, which has no code for removed weights, are met without zeros or not at all', async () => {
  const tried = { targets: { bits: 1, maxAccuracyDrop: 0.9, maxBytes: 1e6 }, recipe: int8Recipe };
  const { attempts } = await compress(tf, network(dense(3)), { train, validation }, tried);
  expect(attempts.map(({ sparsity }) => sparsity)).toEqual([0]);
});

test('a last layer of any kind is fine for a recipe that does not train', async () => {
  const made = await compress(
    tf,
    network(dense(3, 'sigmoid')),
    { train, validation },
    { recipe: int8Recipe },
  );
  expect(made.compressed.codes.size).toBe(2);
});

test('a report refuses test data that do not fit', async () => {
  const made = await compress(tf, network(dense(3)), { train, validation }, { recipe: int8Recipe });
  const labels = testing.labels.map((label, i) => (i === 5 ? 3 : label));
  expect(() => reportCompression(tf, made, { ...testing, labels })).toThrow('3 at index 5');
});
