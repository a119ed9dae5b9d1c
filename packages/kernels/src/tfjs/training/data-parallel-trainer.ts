import {
  elementCount,
  InvalidArgumentError,
  ShapeMismatchError,
  type TaskExecutor,
  type TaskReference,
  throwIfCancelled,
  UnsupportedError,
} from '@qedge/core';
import type { Tensorflow } from '../tfjs-device.ts';
import { divideIntoShards, sumInFixedOrder } from './all-reduce.ts';
import { type GradientAnswer, type GradientRequest, trainableVariables } from './gradient-task.ts';

type LayersModel = InstanceType<Tensorflow['LayersModel']>;
type Optimizer = import('@tensorflow/tfjs').Optimizer;

/** What {@link createDataParallelTrainer} needs. */
export interface DataParallelOptions {
  /** Holds the weights; its optimiser steps run here. Borrowed, with one input and one output. */
  readonly tf: Tensorflow;
  readonly model: LayersModel;
  readonly optimizer: Optimizer;
  /** Runs the replicas: in this thread, on worker threads, or elsewhere. Borrowed. */
  readonly executor: TaskExecutor;
  /** An export that {@link gradientTask} made, of the same model. */
  readonly task: TaskReference<GradientRequest, GradientAnswer>;
  /**
   * Parts that every batch is divided into, whoever computes them. The same number gives the same bits on any number of devices; a few
   * times as many as devices let the quick ones take more. Default 8.
   */
  readonly shards?: number;
}

/**
 * Trains a tfjs LayersModel on several devices: each step divides the batch into a fixed number of shards, hands them to whichever
 * replica is free, adds the gradients in the order of the shards, and takes one optimiser step. Quick devices take more shards. The
 * weights after a step have the same bits for any number of devices of one kind.
 *
 * @throws UnsupportedError for layers whose statistics a replica would keep to itself (batch normalisation), by name.
 * @example
 * await using executor = workerThreadsExecutor({ threads: 4 });
 * const task = { module: import.meta.resolve('./gradients.mjs'), name: 'gradients' };
 * const trainer = createDataParallelTrainer({ tf, model, optimizer: tf.train.adam(), executor, task });
 * const { loss } = await trainer.step(features, labels, 256);
 */
export function createDataParallelTrainer(options: DataParallelOptions): DataParallelTrainer {
  const { model, shards = 8 } = options;
  if (!Number.isSafeInteger(shards) || shards < 1) {
    throw new InvalidArgumentError('shards is out of range', { expected: 'an integer >= 1', actual: shards });
  }
  if (model.inputs.length !== 1 || model.outputs.length !== 1) {
    throw new UnsupportedError(`The model "${model.name}" cannot be trained on several devices`, {
      expected: 'one input and one output',
      actual: `${model.inputs.length} and ${model.outputs.length}`,
    });
  }
  const keeper = model.layers.find((layer) => layer.trainable && layer.nonTrainableWeights.length > 0);
  if (keeper) {
    throw new UnsupportedError(`Layer "${keeper.name}" keeps statistics of the samples that it sees`, {
      expected: 'layers without weights that training moves by itself',
      actual: keeper.getClassName(),
      remedy: 'Use a layer normalisation, or set layer.trainable = false.',
    });
  }
  return new DataParallelTrainer(options, shards);
}

/** What a step did. */
export interface DataParallelStep {
  /** The mean over the batch, before the step. */
  readonly loss: number;
  readonly shards: number;
}

/** Takes training steps on several devices. Made by {@link createDataParallelTrainer}. One step at a time. */
export class DataParallelTrainer {
  readonly #options: DataParallelOptions;
  readonly #shards: number;
  /** All trainable weights, where threads can read them without a copy. */
  readonly #weights: Float32Array;
  #running = false;

  /** Made by {@link createDataParallelTrainer}. */
  constructor(options: DataParallelOptions, shards: number) {
    this.#options = options;
    this.#shards = shards;
    const total = trainableVariables(options.model).reduce((sum, { size }) => sum + size, 0);
    this.#weights = new Float32Array(new SharedArrayBuffer(4 * total));
  }

  /**
   * Takes one step. When a replica fails or the signal ends it, the weights stay as they were.
   *
   * @param features `[samples, ...input shape]`, labels `[samples, ...output shape]`; borrowed until the promise settles.
   * @throws ShapeMismatchError, CancelledError, and what the task throws.
   */
  async step(
    features: Float32Array,
    labels: Float32Array,
    samples: number,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<DataParallelStep> {
    if (this.#running) throw new InvalidArgumentError('A trainer takes one step at a time');
    const { model } = this.#options;
    const inputSize = this.#perSample('features', features, model.inputs[0]!.shape, samples);
    const labelSize = this.#perSample('labels', labels, model.outputs[0]!.shape, samples);
    throwIfCancelled(signal, 'A training step');
    this.#running = true;
    try {
      this.#readWeights();
      const shards = divideIntoShards(samples, this.#shards);
      const answers = await Promise.all(
        shards.map(({ from, count }) =>
          this.#gradient(
            {
              weights: this.#weights,
              features: features.slice(from * inputSize, (from + count) * inputSize),
              labels: labels.slice(from * labelSize, (from + count) * labelSize),
              samples: count,
            },
            signal,
          ),
        ),
      );
      throwIfCancelled(signal, 'A training step');
      this.#apply(sumInFixedOrder(answers.map(({ gradientSums }) => gradientSums)), samples);
      const loss = answers.reduce((sum, { lossSum }) => sum + lossSum, 0) / samples;
      return { loss, shards: shards.length };
    } finally {
      this.#running = false;
    }
  }

  #gradient(request: GradientRequest, signal: AbortSignal | undefined): Promise<GradientAnswer> {
    const { executor, task } = this.#options;
    return executor.run(task, request, signal ? { signal } : {});
  }

  #perSample(name: string, values: Float32Array, shape: readonly (number | null)[], samples: number): number {
    const size = elementCount(shape.slice(1) as number[]);
    if (Number.isSafeInteger(samples) && samples > 0 && values.length === samples * size) return size;
    throw new ShapeMismatchError(`The ${name} do not fit the batch`, {
      expected: `${samples} x ${size} numbers, samples >= 1`,
      actual: values.length,
    });
  }

  #readWeights(): void {
    let at = 0;
    for (const variable of trainableVariables(this.#options.model)) {
      this.#weights.set(variable.dataSync(), at);
      at += variable.size;
    }
  }

  #apply(gradientSums: Float32Array, samples: number): void {
    const { tf, model, optimizer } = this.#options;
    tf.tidy(() => {
      let at = 0;
      const gradients = trainableVariables(model).map((variable) => {
        const sums = tf.tensor(gradientSums.slice(at, at + variable.size), variable.shape);
        at += variable.size;
        return { name: variable.name, tensor: sums.div(samples) };
      });
      optimizer.applyGradients(gradients);
    });
  }
}
