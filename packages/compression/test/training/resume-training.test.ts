import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CancelledError, FileFormatError, InvalidArgumentError, ManualClock, Random } from '@qedge/core';
import { type Acceleration, accelerate } from '@qedge/kernels/node';
import type { LayersModel } from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeShiftAugmenter, memoryCheckpointStore, type TrainingCheckpoint } from '../../src/index.ts';
import { fileCheckpointStore } from '../../src/node.ts';
import {
  gradualPruning,
  readWeights,
  type Tensorflow,
  type TrainingHook,
  type TrainingResult,
  type TrainModelOptions,
  trainModel,
  writeWeights,
} from '../../src/tfjs.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/training/checkpoint-file.ts';
import { loadTensorflow, makeShapes } from '../tensorflow.ts';
import { everything, perceptron } from './models.ts';

let tf: Tensorflow;
let acceleration: Acceleration;
let folder: string;
const training = makeShapes(70, 1);
const validation = makeShapes(40, 2);
const EPOCHS = 4;
/** The last step of an epoch has 6 samples. */
const STEPS_PER_EPOCH = 5;
const TOTAL = EPOCHS * STEPS_PER_EPOCH;

beforeAll(async () => {
  tf = await loadTensorflow('wasm');
  acceleration = await accelerate(tf);
  folder = await mkdtemp(join(tmpdir(), 'qedge-checkpoint-'));
});

afterAll(async () => {
  acceleration.dispose();
  await rm(folder, { recursive: true });
});

/** A hook with a memory of its own, which changes the course of training. */
function driftingHook(model: LayersModel): TrainingHook & { readonly sum: () => number } {
  let sum = 0;
  return {
    name: 'drift',
    sum: () => sum,
    beforeStep({ weights, step }) {
      sum += weights.get('logits/bias')![0]! + step;
      writeWeights(tf, model, new Map([['logits/bias', Float32Array.of(Math.sin(sum) / 100, 0, 0)]]));
    },
    saveState: () => ({ sum }),
    restoreState(state) {
      sum = (state as { sum: number }).sum;
    },
  };
}

function optionsFor(model: LayersModel, changed: Partial<TrainModelOptions> = {}): TrainModelOptions {
  const schedule = {
    kind: 'polynomial',
    initial: 0,
    final: 0.6,
    power: 3,
    begin: 0.1,
    end: 0.5,
    intervalSteps: 3,
  } as const;
  return {
    epochs: EPOCHS,
    batchSize: 16,
    learningRate: { initial: 1e-2, final: 1e-3, warmUp: 0.1 },
    weightDecay: 0.01,
    augment: (random: Random) => makeShiftAugmenter([8, 8], 1, random),
    validation,
    earlyStopping: { patience: 3, restoreBest: true },
    hooks: [gradualPruning(model, { schedule, scope: 'global' }), driftingHook(model)],
    seed: 5,
    clock: new ManualClock(),
    ...changed,
  };
}

interface Outcome {
  readonly result: TrainingResult;
  readonly weights: ReadonlyMap<string, Float32Array>;
}

/** Trains, cancelled before step `steps[0]` (counted over all runs), and again from the store, until it ends. */
async function trainInterrupted(
  steps: readonly number[],
  store: { load(): Promise<TrainingCheckpoint | null>; save(checkpoint: TrainingCheckpoint): Promise<void> },
  everySteps?: number,
): Promise<Outcome> {
  for (const stop of [...steps, Number.POSITIVE_INFINITY]) {
    // A new model with other weights: all that counts comes from the store, or from the first seed.
    const model = everything(tf, (await store.load()) ? 99 : 0);
    const controller = new AbortController();
    const run = trainModel(tf, model, training, {
      ...optionsFor(model),
      signal: controller.signal,
      checkpoint: { store, ...(everySteps ? { everySteps } : {}) },
      onStep: ({ step }) => {
        if (step === stop) controller.abort();
      },
    });
    if (Number.isFinite(stop)) {
      await expect(run).rejects.toThrow(CancelledError);
      model.dispose();
      continue;
    }
    const result = await run;
    const weights = readWeights(model);
    model.dispose();
    return { result, weights };
  }
  throw new RangeError('unreachable');
}

describe('trainModel with checkpoints', () => {
  it('ends with the same bits, interrupted anywhere or not at all', async () => {
    const model = everything(tf);
    const before = tf.memory().numTensors;
    const result = await trainModel(tf, model, training, optionsFor(model));
    expect(tf.memory().numTensors).toBe(before);
    const whole = { result, weights: readWeights(model) };
    model.dispose();
    expect(whole.result.history.epochs.at(-1)!.sparsity).toBeGreaterThan(0.5);
    const random = new Random(8);
    const places = () => [1 + random.integer(TOTAL - 1), 1 + random.integer(TOTAL - 1)].sort((a, b) => a - b);
    for (const [from, to] of [[STEPS_PER_EPOCH, TOTAL - 1], places(), places()]) {
      const stops = from === to ? [from!] : [from!, to!];
      expect(await trainInterrupted(stops, memoryCheckpointStore())).toEqual(whole);
    }
    const store = fileCheckpointStore(join(folder, 'interrupted'));
    expect(await trainInterrupted([7, 11], store)).toEqual(whole);
    // Done is done: a further run changes nothing and takes no step.
    expect(await trainInterrupted([], store)).toEqual(whole);
    expect(await readdir(folder)).toEqual(['interrupted']);
  });

  it('goes on from the last save when the process was killed', async () => {
    const model = everything(tf);
    const saves: TrainingCheckpoint[] = [];
    const store = {
      load: async () => null,
      save: async (checkpoint: TrainingCheckpoint) => void saves.push(structuredClone(checkpoint)),
    };
    const checkpoint = { store, everySteps: 3 };
    const result = await trainModel(tf, model, training, optionsFor(model, { checkpoint }));
    const whole = { result, weights: readWeights(model) };
    model.dispose();
    expect(saves.map(({ step }) => step)).toEqual([3, 6, 9, 12, 15, 18, 20]);
    for (const saved of [saves[1]!, saves[4]!]) {
      const holding = memoryCheckpointStore();
      await holding.save(decodeCheckpoint(encodeCheckpoint(saved)));
      expect(await trainInterrupted([], holding)).toEqual(whole);
    }
  });

  it('resumes a stream of batches where it was', async () => {
    const image = (seed: number) => {
      const { features, labels } = makeShapes(8, seed);
      return {
        xs: tf.tensor(features, [8, 64]),
        ys: tf.tidy(() => tf.oneHot(tf.tensor1d(labels, 'int32'), 3).toFloat()),
      };
    };
    const batches = async function* (epoch: number) {
      for (let step = 0; ; step++) yield image(100 * epoch + step);
    };
    const weightsAfter = async (stop: number | null) => {
      const store = memoryCheckpointStore();
      for (const end of stop === null ? [null] : [stop, null]) {
        const model = perceptron(tf);
        const controller = new AbortController();
        const run = trainModel(
          tf,
          model,
          { batches, stepsPerEpoch: 6 },
          {
            epochs: 2,
            learningRate: { initial: 1e-2, final: 1e-3 },
            seed: 0,
            signal: controller.signal,
            checkpoint: { store },
            onStep: ({ step }) => step === end && controller.abort(),
          },
        );
        if (end !== null) await expect(run).rejects.toThrow(CancelledError);
        else await run;
        const weights = readWeights(model);
        model.dispose();
        if (end === null) return weights;
      }
      throw new RangeError('unreachable');
    };
    const before = tf.memory().numTensors;
    expect(await weightsAfter(8)).toEqual(await weightsAfter(null));
    expect(tf.memory().numTensors).toBe(before);
  });

  it('refuses the checkpoint of another training, and leaves it where it is', async () => {
    const store = memoryCheckpointStore();
    const model = perceptron(tf);
    const options: TrainModelOptions = {
      epochs: 1,
      batchSize: 16,
      learningRate: { initial: 1e-2, final: 1e-3 },
      seed: 5,
      checkpoint: { store },
    };
    await trainModel(tf, model, training, options);
    const stored = structuredClone(await store.load());
    const original = readWeights(model);
    const other = trainModel(tf, model, training, { ...options, seed: 6 });
    await expect(other).rejects.toThrow(InvalidArgumentError);
    const slower = { ...options, learningRate: { initial: 5e-3, final: 1e-3 } };
    await expect(trainModel(tf, model, training, slower)).rejects.toThrow(/another training/);
    const larger = everything(tf);
    await expect(trainModel(tf, larger, training, options)).rejects.toThrow(/another model/);
    expect(await store.load()).toEqual(stored);
    expect(readWeights(model)).toEqual(original);
    larger.dispose();
    model.dispose();
  });

  it('finishes a training that a callback stops and cancels at once', async () => {
    const store = memoryCheckpointStore();
    const controller = new AbortController();
    const run = (model: LayersModel) =>
      trainModel(tf, model, training, {
        ...optionsFor(model),
        signal: controller.signal,
        checkpoint: { store },
        onEpoch: () => {
          controller.abort();
          return 'stop';
        },
      });
    const model = everything(tf);
    const result = await run(model);
    expect(result).toMatchObject({ ended: 'callback', steps: STEPS_PER_EPOCH });
    // The sparsity that was still to come.
    const removed = [...result.masks.values()]
      .flatMap((mask) => [...mask])
      .filter((kept) => kept === 0).length;
    expect(removed).toBe(
      Math.round(0.6 * [...result.masks.values()].reduce((sum, { length }) => sum + length, 0)),
    );
    const again = everything(tf, 99);
    expect(await run(again)).toEqual(result);
    expect(readWeights(again)).toEqual(readWeights(model));
    model.dispose();
    again.dispose();
  });

  it('keeps the weights of the last whole step when cancelled, and starts no step when cancelled before', async () => {
    const model = perceptron(tf);
    const original = readWeights(model);
    const options = optionsFor(model, { hooks: [], earlyStopping: { patience: 9 } });
    const aborted = trainModel(tf, model, training, { ...options, signal: AbortSignal.abort() });
    await expect(aborted).rejects.toThrow(CancelledError);
    expect(readWeights(model)).toEqual(original);
    const controller = new AbortController();
    let after: ReadonlyMap<string, Float32Array> | null = null;
    const cancelled = trainModel(tf, model, training, {
      ...options,
      signal: controller.signal,
      onStep: ({ step }) => {
        if (step !== 7) return;
        after = readWeights(model);
        controller.abort();
      },
    });
    await expect(cancelled).rejects.toThrow(CancelledError);
    expect(readWeights(model)).toEqual(after);
    expect(after).not.toEqual(original);
    model.dispose();
  });
});

describe('the file of a checkpoint', () => {
  async function someCheckpoint(): Promise<TrainingCheckpoint> {
    const store = memoryCheckpointStore();
    const model = perceptron(tf);
    const hooks = [driftingHook(model)];
    await trainModel(tf, model, training, {
      ...optionsFor(model, { hooks, epochs: 1 }),
      checkpoint: { store },
    });
    model.dispose();
    return (await store.load())!;
  }

  it('gives back what was written, and refuses it with any byte changed or cut off', async () => {
    const checkpoint = await someCheckpoint();
    const bytes = encodeCheckpoint(checkpoint);
    expect(decodeCheckpoint(bytes)).toEqual(checkpoint);
    const random = new Random(3);
    const places = [0, 7, 8, 12, 16, 23, 24, bytes.length - 1];
    for (let more = 0; more < 40; more++) places.push(random.integer(bytes.length));
    for (const place of places) {
      const changed = bytes.slice();
      changed[place]! ^= 1 << random.integer(8);
      expect(() => decodeCheckpoint(changed)).toThrow(FileFormatError);
      expect(() => decodeCheckpoint(bytes.subarray(0, place))).toThrow(FileFormatError);
    }
  });

  it('refuses what has the right checksum and the wrong content', async () => {
    const checkpoint = await someCheckpoint();
    const refused = (changed: object) =>
      expect(() => decodeCheckpoint(encodeCheckpoint({ ...checkpoint, ...changed }))).toThrow(
        FileFormatError,
      );
    refused({ format: 'other' });
    refused({ step: -1 });
    refused({ weights: {} });
    refused({ weights: new Map([['a', new Uint8Array(1)]]) });
    refused({ optimizer: { step: 1, moments: [1] } });
    refused({ history: null });
    let deep: unknown = 0;
    for (let level = 0; level < 40; level++) deep = [deep];
    refused({ hooks: new Map([['deep', deep]]) });
    const unfit = { ...checkpoint, hooks: new Map([['h', () => 0]]) };
    expect(() => encodeCheckpoint(unfit)).toThrow(InvalidArgumentError);
  });

  it('is refused by the store when it is another file', async () => {
    const path = join(folder, 'text');
    await writeFile(path, 'not a checkpoint, but long enough to be one');
    await expect(fileCheckpointStore(path).load()).rejects.toThrow(FileFormatError);
    expect(await readFile(path, 'utf8')).toMatch(/^not/);
    expect(await fileCheckpointStore(join(folder, 'missing')).load()).toBeNull();
    await rm(path);
  });
});
