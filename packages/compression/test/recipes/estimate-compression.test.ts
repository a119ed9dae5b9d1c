import { systemClock } from '@qedge/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { compress } from '../../src/recipes/compress.ts';
import { type CompressionEstimate, estimateCompression } from '../../src/recipes/estimate-compression.ts';
import { int4Recipe, structuredRecipe } from '../../src/recipes/named-recipes.ts';
import { createDenseClassifier } from '../../src/tfjs/dense-classifier.ts';
import { readTopology } from '../../src/tfjs.ts';
import { memoryCheckpointStore } from '../../src/training/training-checkpoint.ts';
import { loadTensorflow, makeShapes } from '../tensorflow.ts';

const tf = await loadTensorflow('cpu');
const data = { train: makeShapes(200, 1), validation: makeShapes(60, 2) };
const model = createDenseClassifier(tf, { inputSize: 64, hiddenUnits: [16, 8], classes: 3, seed: 0 });
const training = { ...int4Recipe.pruning!.training, epochs: 3, batchSize: 10 };
const recipe = {
  ...int4Recipe,
  structuredPruning: { ...structuredRecipe.structuredPruning!, training: { ...training, epochs: 2 } },
  pruning: { ...int4Recipe.pruning!, training },
  quantization: {
    ...int4Recipe.quantization!,
    training: { ...int4Recipe.quantization!.training!, epochs: 1, batchSize: 32 },
  },
};

const stepsOf = ({ stages }: CompressionEstimate) =>
  stages.map(({ stage, steps, runs }) => [stage, steps, runs]);

/** Time goes on by 2 ms whenever it is asked for. */
function steadyClock() {
  let time = 0;
  return { ...systemClock, nowMs: () => (time += 2) };
}

let tensors = 0;
beforeEach(() => {
  tensors = tf.memory().numTensors;
});
afterEach(() => expect(tf.memory().numTensors).toBe(tensors));

test('counts the steps that compress then takes, stage by stage, and the passes over the validation data', async () => {
  const estimate = await estimateCompression(tf, model, data, { recipe, clock: steadyClock() });
  expect(stepsOf(estimate)).toEqual([
    ['dense control', 120, 1],
    ['pruning channels', 40, 1],
    ['pruning', 60, 1],
    ['quantising to 4 bits', 7, 1],
    ['validation', 12, 1],
  ]);
  const totals = new Map<string, number | null>();
  await compress(tf, model, data, { recipe, onProgress: ({ phase, total }) => totals.set(phase, total) });
  for (const [stage, total] of totals) {
    expect(estimate.stages.find((each) => each.stage === stage)?.steps).toBe(total);
  }
  expect(totals.size).toBe(4);
});

test('measures time per step on the given clock, and adds up', async () => {
  const { stages, steps, seconds } = await estimateCompression(tf, model, data, {
    recipe,
    clock: steadyClock(),
  });
  for (const stage of stages) expect(stage.secondsPerStep).toBeCloseTo(0.002, 12);
  expect(steps).toBe(120 + 40 + 60 + 7);
  expect(seconds).toBeCloseTo(0.002 * (steps + 12), 9);
});

test('a search runs what depends on the sparsity up to four times, the rest once; a given sparsity once', async () => {
  const searched = await estimateCompression(tf, model, data, { recipe, targets: { maxBytes: 500 } });
  expect(searched.stages.map(({ stage, runs }) => [stage, runs])).toEqual([
    ['dense control', 1],
    ['pruning channels', 1],
    ['pruning', 4],
    ['quantising to 4 bits', 4],
    ['validation', 1],
  ]);
  expect(searched.stages.at(-1)!.steps).toBe(6 + 2 + 4 * 4);
  const given = { targets: { maxBytes: 500, sparsity: 0.5 }, denseControl: false };
  const alone = await estimateCompression(tf, model, data, { recipe, ...given });
  expect(alone.stages.map(({ runs }) => runs)).toEqual([1, 1, 1, 1]);
});

test('leaves no trace: the model, the checkpoints and the progress are as before', async () => {
  const before = readTopology(model).layers.map(({ weights }) => weights);
  await estimateCompression(tf, model, data, {
    recipe,
    onProgress: () => expect.unreachable('progress was reported'),
    checkpoints: () => expect.unreachable('a checkpoint was asked for') ?? memoryCheckpointStore(),
  });
  expect(readTopology(model).layers.map(({ weights }) => weights)).toEqual(before);
});

test('can be cancelled, and a recipe that does not train takes no steps', async () => {
  const signal = AbortSignal.abort();
  await expect(estimateCompression(tf, model, data, { recipe, signal })).rejects.toThrow(/cancel/i);
  expect(await estimateCompression(tf, model, data, { recipe: 'int8' })).toEqual({
    stages: [],
    steps: 0,
    seconds: 0,
  });
});
