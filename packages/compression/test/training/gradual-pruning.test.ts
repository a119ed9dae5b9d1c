import { InvalidArgumentError } from '@qedge/core';
import { type Acceleration, accelerate } from '@qedge/kernels/node';
import type { LayersModel } from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { measureInputRms } from '../../src/pruning/measure-input-rms.ts';
import { activationScores } from '../../src/pruning/weight-scores.ts';
import type { Tensorflow } from '../../src/tfjs/tensorflow.ts';
import { type GradualPruningSettings, gradualPruning } from '../../src/training/gradual-pruning.ts';
import { readWeights } from '../../src/training/model-weights.ts';
import { trainModel } from '../../src/training/train-model.ts';
import type { TrainModelOptions } from '../../src/training/training-options.ts';
import { loadTensorflow, makeShapes } from '../tensorflow.ts';
import { everything, perceptron } from './models.ts';

let tf: Tensorflow;
let acceleration: Acceleration;
const training = makeShapes(300, 1);
const validation = makeShapes(200, 2);
const options: TrainModelOptions = {
  epochs: 6,
  batchSize: 32,
  learningRate: { initial: 5e-3, final: 1e-3 },
  validation,
  seed: 1,
};
const schedule = {
  kind: 'polynomial',
  initial: 0,
  final: 0.731,
  power: 3,
  begin: 0.2,
  end: 0.6,
  intervalSteps: 5,
} as const;

beforeAll(async () => {
  tf = await loadTensorflow('wasm');
  acceleration = await accelerate(tf);
});

afterAll(() => acceleration.dispose());

/** Zeros and elements of each kernel. */
function kernelZeros(model: LayersModel): { readonly zeros: number; readonly count: number }[] {
  return [...readWeights(model)]
    .filter(([name]) => name.endsWith('kernel'))
    .map(([, values]) => ({
      zeros: values.filter((value) => value === 0).length,
      count: values.length,
    }));
}

function total(model: LayersModel): { readonly zeros: number; readonly count: number } {
  const kernels = kernelZeros(model);
  const sum = (key: 'zeros' | 'count') => kernels.reduce((all, kernel) => all + kernel[key], 0);
  return { zeros: sum('zeros'), count: sum('count') };
}

async function prune(
  model: LayersModel,
  settings: GradualPruningSettings,
  changed: Partial<TrainModelOptions> = {},
) {
  return trainModel(tf, model, training, {
    ...options,
    hooks: [gradualPruning(model, settings)],
    ...changed,
  });
}

describe('gradualPruning', () => {
  it('meets the sparsity exactly over all kernels, raises it on the schedule, and keeps the accuracy', async () => {
    const model = everything(tf);
    const before = tf.memory().numTensors;
    const { history, masks } = await prune(model, { schedule, scope: 'global' });
    expect(tf.memory().numTensors).toBe(before);
    const { zeros, count } = total(model);
    expect(zeros).toBe(Math.round(0.731 * count));
    const removed = [...masks.values()].reduce(
      (sum, mask) => sum + mask.filter((kept) => kept === 0).length,
      0,
    );
    expect(removed).toBe(zeros);
    const sparsities = history.epochs.map(({ sparsity }) => sparsity);
    expect(sparsities.toSorted((a, b) => a - b)).toEqual(sparsities);
    expect(sparsities[0]).toBe(0);
    expect(sparsities[1]).toBeLessThan(0.7);
    expect(sparsities[3]).toBe(zeros / count);
    expect(history.epochs[5]!.validationAccuracy).toBeGreaterThan(0.75);
    model.dispose();
  });

  it('reaches the sparsity in each kernel by itself, by any scores', async () => {
    const model = perceptron(tf);
    const samples = tf.tensor(training.features, [300, 64]);
    const scores: GradualPruningSettings['scores'] = (kernels) =>
      activationScores(kernels, measureInputRms(tf, model, samples));
    await prune(model, { schedule, scope: 'layer', scores }, { epochs: 2 });
    for (const { zeros, count } of kernelZeros(model)) expect(zeros).toBe(Math.round(0.731 * count));
    samples.dispose();
    model.dispose();
  });

  it('removes the rest at the end: without a step, on a schedule as long as training, and when training stops early', async () => {
    for (const changed of [{ epochs: 0 }, { epochs: 2 }, { epochs: 4, onEpoch: () => 'stop' }]) {
      const model = perceptron(tf);
      await prune(model, { schedule: { ...schedule, end: 1 }, scope: 'global' }, changed);
      const { zeros, count } = total(model);
      expect(zeros).toBe(Math.round(0.731 * count));
      model.dispose();
    }
  });

  it('keeps what masks had removed before', async () => {
    const model = perceptron(tf);
    const mask = Uint8Array.from({ length: 64 * 24 }, (_, i) => (i % 10 === 0 ? 0 : 1));
    const { masks } = await prune(
      model,
      { schedule, scope: 'global' },
      { epochs: 2, masks: new Map([['first/kernel', mask]]) },
    );
    const { zeros, count } = total(model);
    expect(zeros).toBe(Math.round(0.731 * count));
    expect(masks.get('first/kernel')!.every((kept, i) => kept <= mask[i]!)).toBe(true);
    model.dispose();
  });

  it('refuses an impossible schedule or scope', () => {
    const model = perceptron(tf);
    const refused = (settings: object) =>
      expect(() => gradualPruning(model, { schedule, scope: 'global', ...settings })).toThrow(
        InvalidArgumentError,
      );
    refused({ schedule: { ...schedule, final: 1.2 } });
    refused({ schedule: { ...schedule, intervalSteps: 0 } });
    refused({ scope: 'channel' });
    model.dispose();
  });
});

describe('early stopping', () => {
  it('stops after the patience, and gives back the weights of the best epoch', async () => {
    const model = perceptron(tf);
    const seen: ReadonlyMap<string, Float32Array>[] = [];
    const result = await trainModel(tf, model, training, {
      ...options,
      epochs: 40,
      learningRate: { kind: 'constant', initial: 2e-2 },
      earlyStopping: { patience: 3, minimumDelta: 0.001, restoreBest: true, watch: 'validation loss' },
      onEpoch: () => seen.push(readWeights(model)),
    });
    const losses = result.history.epochs.map(({ validationLoss }) => validationLoss!);
    expect(result.ended).toBe('early stopping');
    expect(losses.length).toBeLessThan(40);
    // The definition, on its own.
    let [best, bestAt] = [Number.POSITIVE_INFINITY, -1];
    losses.forEach((loss, at) => {
      if (loss < best - 0.001) [best, bestAt] = [loss, at];
    });
    expect(losses.length).toBe(bestAt + 1 + 3);
    expect(result.bestEpoch).toBe(bestAt + 1);
    expect(readWeights(model)).toEqual(seen[bestAt]);
    model.dispose();
  });

  it('starts over when more weights are removed', async () => {
    const model = perceptron(tf);
    const { bestEpoch } = await prune(
      model,
      { schedule, scope: 'global' },
      { epochs: 10, earlyStopping: { patience: 10, restoreBest: true } },
    );
    // The last choice of masks is in epoch 6.
    expect(bestEpoch).toBeGreaterThanOrEqual(6);
    const { zeros, count } = total(model);
    expect(zeros).toBe(Math.round(0.731 * count));
    model.dispose();
  });
});

describe('distillation', () => {
  it('adds temperature^2 times the divergence from the teacher to the loss', async () => {
    const [teacher, model] = [perceptron(tf, 1), perceptron(tf, 2)];
    const data = makeShapes(20, 3);
    const logits = (of: LayersModel) =>
      tf.tidy(() =>
        (of.predict(tf.tensor(data.features, [20, 64])) as ReturnType<typeof tf.tensor>).dataSync(),
      );
    const [taught, learnt] = [logits(teacher), logits(model)];
    const softmax = (row: number[], temperature: number) => {
      const powers = row.map((value) => Math.exp(value / temperature));
      const sum = powers.reduce((all, value) => all + value);
      return powers.map((value) => value / sum);
    };
    let [hard, soft] = [0, 0];
    for (let at = 0; at < 20; at++) {
      const row = (values: ArrayLike<number>) => [0, 1, 2].map((unit) => values[3 * at + unit]!);
      hard -= Math.log(softmax(row(learnt), 1)[data.labels[at]!]!) / 20;
      const [p, q] = [softmax(row(taught), 3), softmax(row(learnt), 3)];
      soft += p.reduce((sum, each, unit) => sum + each * Math.log(each / q[unit]!), 0) / 20;
    }
    const outcomes: ReadonlyMap<string, Float32Array>[] = [];
    for (const source of [teacher, Float32Array.from(taught)]) {
      const student = perceptron(tf, 2);
      const before = tf.memory().numTensors;
      const losses: number[] = [];
      await trainModel(tf, student, data, {
        epochs: 2,
        batchSize: 20,
        learningRate: { kind: 'constant', initial: 1e-3 },
        distillation: { teacher: source, temperature: 3, weight: 0.7 },
        seed: 0,
        onStep: ({ loss }) => losses.push(loss),
      });
      expect(tf.memory().numTensors).toBe(before);
      expect(losses[0]).toBeCloseTo(0.3 * hard + 0.7 * 9 * soft, 4);
      outcomes.push(readWeights(student));
      student.dispose();
    }
    expect(outcomes[0]!.size).toBe(6);
    for (const [name, values] of outcomes[0]!) {
      // Two steps of 1e-3 from equal losses up to rounding.
      const other = outcomes[1]!.get(name)!;
      expect(Math.max(...values.map((value, i) => Math.abs(value - other[i]!)))).toBeLessThan(1e-4);
    }
    teacher.dispose();
    model.dispose();
  });
});
