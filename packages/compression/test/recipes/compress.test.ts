import { CancelledError, ConvergenceError, InvalidArgumentError, systemClock } from '@qedge/core';
import { describe, expect, test } from 'vitest';
import { compress, reportCompression } from '../../src/recipes/compress.ts';
import type { CompressionRecipe } from '../../src/recipes/compression-recipe.ts';
import { int4Recipe, int8Recipe, smallestRecipe, structuredRecipe } from '../../src/recipes/named-recipes.ts';
import { withSparsity } from '../../src/recipes/targets.ts';
import { createDenseClassifier } from '../../src/tfjs/dense-classifier.ts';
import { readTopology } from '../../src/tfjs.ts';
import { trainModel } from '../../src/training/train-model.ts';
import { type CheckpointStore, memoryCheckpointStore } from '../../src/training/training-checkpoint.ts';
import { loadAcceleratedTensorflow, makeShapes } from '../tensorflow.ts';

const tf = await loadAcceleratedTensorflow();

const train = makeShapes(600, 1);
const validation = makeShapes(200, 2);
const testing = makeShapes(300, 3);
const model = createDenseClassifier(tf, { inputSize: 64, hiddenUnits: [32, 16], classes: 3, seed: 0 });
await trainModel(tf, model, train, {
  epochs: 8,
  batchSize: 32,
  learningRate: { initial: 5e-3, final: 1e-3 },
  seed: 0,
});

/** The same recipe for a tiny network: few epochs, and no more than 60 % zeros. */
function shortened(recipe: CompressionRecipe, epochs: number): CompressionRecipe {
  const shorten = <T extends { readonly training: object | null } | null>(stage: T): T =>
    stage?.training ? { ...stage, training: { ...stage.training, epochs, maxShiftPixels: 0 } } : stage;
  return {
    ...recipe,
    structuredPruning: shorten(recipe.structuredPruning),
    pruning: recipe.pruning && withSparsity({ ...recipe, pruning: shorten(recipe.pruning) }, 0.6).pruning,
    quantization: shorten(recipe.quantization),
  };
}

describe.each([smallestRecipe, int4Recipe, int8Recipe, structuredRecipe])('the recipe $name', (recipe) => {
  const short = shortened(recipe, 4);

  test('makes a model that is smaller and about as good, with a file that was read back', async () => {
    const tensors = tf.memory().numTensors;
    const made = await compress(tf, model, { train, validation }, { recipe: short, seed: 1 });
    const report = reportCompression(tf, made, testing);
    expect(tf.memory().numTensors).toBe(tensors);
    expect(made.file.bytes.byteLength).toBe(report.files[0]!.bytes);
    expect(report.files[0]!.ratio).toBeGreaterThan(1.5);
    expect(report.accuracy!.compressed.accuracy).toBeGreaterThan(0.8);
    expect(report.layers.map(({ bits }) => bits)).toEqual(
      Array(3).fill(recipe.quantization?.weightBits ?? 32),
    );
    expect(report.compressed.sparsity).toBeGreaterThanOrEqual(recipe.pruning ? 0.6 - 1e-3 : 0);
    // Eight bits over all but the rarest weights; equalised channels are no noise.
    for (const { bits, sqnrDb } of report.layers) if (bits === 8) expect(sqnrDb).toBeGreaterThan(35);
  });
});

test('channels that are removed without training are made up for', async () => {
  const recipe = shortened(structuredRecipe, 0);
  const made = await compress(tf, model, { train, validation }, { recipe, denseControl: false });
  const { original, compressed } = reportCompression(tf, made, testing).accuracy!;
  expect(compressed.accuracy).toBeGreaterThan(original.accuracy - 0.05);
});

test('the given model is not changed, and equal seeds make equal files', async () => {
  const before = readTopology(model);
  const recipe = shortened(int4Recipe, 2);
  const run = () => compress(tf, model, { train, validation }, { recipe, seed: 3, denseControl: false });
  const [first, second] = [await run(), await run()];
  expect(second.file.bytes).toEqual(first.file.bytes);
  expect(readTopology(model).layers.map(({ weights }) => weights)).toEqual(
    before.layers.map(({ weights }) => weights),
  );
  expect(first.denseControl).toBeNull();
});

test('a run that is cancelled anywhere goes on from its checkpoints to the same file', async () => {
  const recipe = shortened(smallestRecipe, 3);
  const whole = await compress(tf, model, { train, validation }, { recipe });
  const stores = new Map<string, CheckpointStore>();
  const checkpoints = (name: string) => {
    const store = stores.get(name) ?? memoryCheckpointStore();
    stores.set(name, store);
    return store;
  };
  const tensors = tf.memory().numTensors;
  // Each attempt gets some reports further than the one before.
  for (let reports = 2; ; reports += 3) {
    const controller = new AbortController();
    let seen = 0;
    const onProgress = () => {
      if (++seen === reports) controller.abort();
    };
    try {
      const made = await compress(
        tf,
        model,
        { train, validation },
        { recipe, checkpoints, signal: controller.signal, onProgress },
      );
      expect(made.file.bytes).toEqual(whole.file.bytes);
      expect(reports).toBeGreaterThan(5);
      break;
    } catch (error) {
      expect(error).toBeInstanceOf(CancelledError);
      expect(tf.memory().numTensors).toBe(tensors);
    }
  }
  expect([...stores.keys()].map((name) => name.replace(/-[0-9a-f]{16}$/, ''))).toEqual([
    'dense-control',
    'pruning',
    'quantising-to-3-bits',
  ]);
});

test('a limit of bytes finds the fewest zeros; what does not depend on them is trained once, resumed with the time that it took', async () => {
  const short = shortened(smallestRecipe, 1);
  const recipe = { ...short, training: { ...short.pruning!.training, epochs: 2 } };
  const stores = new Map<string, CheckpointStore>();
  const checkpoints = (name: string) => {
    const store = stores.get(name) ?? memoryCheckpointStore();
    stores.set(name, store);
    return store;
  };
  let time = 0;
  // Each question takes a millisecond.
  const clock = { ...systemClock, nowMs: () => ++time };
  const options = { recipe, targets: { maxBytes: 900 }, denseControl: false, clock } as const;
  const data = { train, validation };
  const whole = await compress(tf, model, data, options);
  expect(whole.file.bytes.byteLength).toBeLessThanOrEqual(900);
  expect(whole.attempts.some(({ bytes }) => bytes > 900)).toBe(true);
  const controller = new AbortController();
  const onProgress = ({ phase }: { readonly phase: string }) => {
    if (phase === 'pruning') controller.abort();
  };
  const interrupted = compress(tf, model, data, {
    ...options,
    checkpoints,
    signal: controller.signal,
    onProgress,
  });
  await expect(interrupted).rejects.toThrow(CancelledError);
  const resumedMs = time;
  const phases = new Set<string>();
  const made = await compress(tf, model, data, {
    ...options,
    checkpoints,
    onProgress: ({ phase }) => void phases.add(phase),
  });
  expect(made.file.bytes).toEqual(whole.file.bytes);
  expect(made.attempts.length).toBeGreaterThan(1);
  expect([...stores.keys()].filter((name) => name.startsWith('training-'))).toHaveLength(1);
  // 2 epochs of 10 steps were not trained again.
  expect(made.seconds).toBeGreaterThan((time - resumedMs + 2 * 10) / 1000);
  expect(made.history[0]!.epochs).toHaveLength(2);
});

test('a limit holds for a sparsity that is given too, and the control trains as long as what was run', async () => {
  const short = shortened(int4Recipe, 1);
  const recipe = { ...short, quantization: null, file: { ...short.file, entropyCoding: false } };
  const run = (maxBytes: number) =>
    compress(tf, model, { train, validation }, { recipe, targets: { sparsity: 0.5, maxBytes } });
  const made = await run(1e6);
  expect(made.attempts.map(({ sparsity }) => sparsity)).toEqual([0.5]);
  expect(made.history.map(({ epochs }) => epochs.length)).toEqual([1, 1]);
  await expect(run(10)).rejects.toThrow(ConvergenceError);
});

test('what cannot be is refused before any work', async () => {
  const run = (options: Parameters<typeof compress>[3]) =>
    compress(tf, model, { train, validation }, options);
  await expect(run({ recipe: { ...int4Recipe, name: '' } })).rejects.toThrow(InvalidArgumentError);
  await expect(run({ recipe: 'tiny' as never })).rejects.toThrow('smallest');
  await expect(run({ targets: { bits: 12 } })).rejects.toThrow('bits');
});
