import { CancelledError, InvalidArgumentError } from '@qedge/core';
import type { LayersModel, Tensor, Variable } from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { type GradientScores, maskBySparsity, maskSparsity, memoryCheckpointStore } from '../../src/index.ts';
import {
  gradientScoring,
  gradualPruning,
  measureModel,
  nameWeights,
  readWeights,
  scoreByGradients,
  type TrainingMoment,
  type TrainModelOptions,
  trainModel,
  type WeightArrays,
} from '../../src/tfjs.ts';
import { loadAcceleratedTensorflow, makeShapes } from '../tensorflow.ts';

const tf = await loadAcceleratedTensorflow();
const samples = makeShapes(300, 1);
const options: TrainModelOptions = {
  epochs: 3,
  batchSize: 50,
  learningRate: { initial: 5e-3, final: 1e-3 },
  seed: 3,
};

/** Dense layers, with normalisation and dropout between them when `noisy`. */
function makeModel(noisy = false): LayersModel {
  const dense = (name: string, units: number, inputShape?: number[]) =>
    tf.layers.dense({
      name,
      units,
      kernelInitializer: tf.initializers.glorotNormal({ seed: 5 }),
      ...(inputShape ? { inputShape } : { activation: 'linear' }),
    });
  const model = tf.sequential();
  model.add(dense('hidden', 24, [64]));
  if (noisy) model.add(tf.layers.batchNormalization({ name: 'norm' }));
  model.add(tf.layers.reLU());
  if (noisy) model.add(tf.layers.dropout({ rate: 0.2 }));
  model.add(dense('logits', 3));
  return model;
}

/** Gradients by tfjs alone, of all samples at once. */
function referenceGradients(model: LayersModel): Map<string, Float32Array> {
  const gradients = new Map<string, Float32Array>();
  tf.tidy(() => {
    const x = tf.tensor2d(samples.features, [samples.count, 64]);
    const y = tf.oneHot(tf.tensor1d(samples.labels, 'int32'), 3);
    const { grads } = tf.variableGrads(() =>
      tf.losses.softmaxCrossEntropy(y, model.apply(x) as Tensor).asScalar(),
    );
    for (const { name, variable } of nameWeights(model)) {
      gradients.set(name, Float32Array.from(grads[(variable.read() as Variable).name]!.dataSync()));
    }
  });
  return gradients;
}

const flat = (scores: ReadonlyMap<string, Float32Array>) => [...scores.values()].flatMap((part) => [...part]);

describe('scoreByGradients', () => {
  it('is weight times gradient of the loss over the samples', async () => {
    const model = makeModel();
    const gradients = referenceGradients(model);
    const scores = await scoreByGradients(tf, model, samples, { batchSize: 300, seed: 0 });
    expect([...scores.sensitivity().keys()]).toEqual(['hidden/kernel', 'logits/kernel']);
    const weights = readWeights(model);
    for (const [name, values] of scores.movement()) {
      const gradient = gradients.get(name)!;
      const largest = Math.max(...values.map(Math.abs));
      // Other orders of summing 300 samples in float32.
      values.forEach((value, at) => {
        expect(Math.abs(value + weights.get(name)![at]! * gradient[at]!)).toBeLessThan(1e-5 * largest);
      });
    }
    model.dispose();
  });

  it('leaves the model and the memory as they were', async () => {
    const model = makeModel(true);
    const before = readWeights(model);
    await scoreByGradients(tf, model, samples, { batchSize: 100, seed: 0 });
    const tensors = tf.memory().numTensors;
    const score = () => scoreByGradients(tf, model, samples, { batchSize: 100, seed: 0 });
    const [first, second] = [await score(), await score()];
    expect(second.movement()).toEqual(first.movement());
    expect(first.batches).toBe(3);
    expect(readWeights(model)).toEqual(before);
    expect(tf.memory().numTensors).toBe(tensors);
    const signal = AbortSignal.abort();
    const stopped = scoreByGradients(tf, model, samples, { batchSize: 100, seed: 0, signal });
    await expect(stopped).rejects.toThrow(CancelledError);
    await expect(scoreByGradients(tf, model, samples, { batchSize: 0, seed: 0 })).rejects.toThrow(
      InvalidArgumentError,
    );
    expect(tf.memory().numTensors).toBe(tensors);
    model.dispose();
  });

  it('prunes before the first step to a model that trains better than one pruned at the other end', async () => {
    const accuracy = async (masks: ReturnType<typeof maskBySparsity>) => {
      const model = makeModel();
      await trainModel(tf, model, samples, { ...options, epochs: 8, masks });
      const { accuracy: reached } = await measureModel(tf, model, samples);
      model.dispose();
      return reached!;
    };
    const model = makeModel();
    const scores = await scoreByGradients(tf, model, samples, { batchSize: 100, seed: 0 });
    model.dispose();
    const best = scores.sensitivity();
    const worst = new Map(Array.from(best, ([name, values]) => [name, values.map((value) => -value)]));
    const mask = (of: typeof best) => maskBySparsity(of, { sparsity: 0.9, scope: 'layer' });
    expect(await accuracy(mask(best))).toBeGreaterThan((await accuracy(mask(worst))) + 0.1);
  });
});

describe('gradientScoring', () => {
  it('adds what each step saw, and movement pruning follows it', async () => {
    const model = makeModel();
    const scoring = gradientScoring(model);
    const sums = new Map<string, Float64Array>();
    const witness = {
      name: 'witness',
      afterGradients({ weights }: TrainingMoment, gradients: WeightArrays) {
        for (const name of ['hidden/kernel', 'logits/kernel']) {
          const sum = sums.get(name) ?? new Float64Array(weights.get(name)!.length);
          weights.get(name)!.forEach((weight, at) => {
            sum[at]! += weight * gradients.get(name)![at]!;
          });
          sums.set(name, sum);
        }
      },
    };
    const schedule = {
      kind: 'polynomial',
      initial: 0,
      final: 0.7,
      power: 3,
      begin: 0.3,
      end: 0.8,
      intervalSteps: 2,
    } as const;
    const asked: GradientScores[] = [];
    const pruning = gradualPruning(model, {
      schedule,
      scope: 'global',
      scores: () => {
        asked.push(scoring.scores);
        return scoring.scores.movement();
      },
    });
    const result = await trainModel(tf, model, samples, { ...options, hooks: [scoring, witness, pruning] });
    expect(scoring.scores.batches).toBe(18);
    expect(asked.length).toBeGreaterThan(3);
    expect(flat(scoring.scores.movement())).toEqual(
      [...sums.values()].flatMap((sum) => [...Float32Array.from(sum, (value) => -value)]),
    );
    expect(maskSparsity(result.masks)).toBeCloseTo(0.7, 3);
    const weights = readWeights(model);
    for (const [name, mask] of result.masks) {
      expect(mask.every((kept, at) => kept === 1 || Object.is(weights.get(name)![at], 0))).toBe(true);
    }
    model.dispose();
  });

  it('goes on from a checkpoint as if nothing had happened', async () => {
    const run = async (stopAfter: number | null) => {
      const store = memoryCheckpointStore();
      const start = async (limit: number | null) => {
        const model = makeModel();
        const scoring = gradientScoring(model);
        const stop = new AbortController();
        const training = trainModel(tf, model, samples, {
          ...options,
          hooks: [scoring],
          checkpoint: { store, everySteps: 5 },
          signal: stop.signal,
          onStep: ({ step }) => {
            if (step === limit) stop.abort();
          },
        });
        if (limit === null) await training;
        else await expect(training).rejects.toThrow(CancelledError);
        model.dispose();
        return scoring.scores;
      };
      if (stopAfter !== null) await start(stopAfter);
      return start(null);
    };
    const [whole, resumed] = [await run(null), await run(8)];
    expect(resumed.batches).toBe(18);
    expect(resumed.movement()).toEqual(whole.movement());
  });
});
