import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import type { BatchSource, TrainingBatch } from './training-batch.ts';
import type { BatchStream, StreamedBatch } from './training-data.ts';

/** What `next()` of any of the kinds of iterator answers. */
interface StreamIterator {
  next(): Promise<{ readonly value?: unknown; readonly done?: boolean }>;
  return?(): unknown;
}

/**
 * Batches of a stream, checked against the model as they come.
 * @throws InvalidArgumentError for an impossible number of steps; while training, when an epoch ends early or a batch is none.
 */
export function makeStreamBatches(
  tf: Tensorflow,
  model: LayersModel,
  { batches, stepsPerEpoch }: BatchStream,
  what: string,
): BatchSource {
  if (!Number.isSafeInteger(stepsPerEpoch) || stepsPerEpoch < 1) {
    throw new InvalidArgumentError(`${what} has an impossible length`, {
      expected: 'stepsPerEpoch, an integer >= 1',
      actual: stepsPerEpoch,
    });
  }
  return {
    stepsPerEpoch,
    samples: null,
    async open(epoch, firstStep) {
      const iterator = await startIterator(batches, epoch, what);
      let step = 0;
      async function take(): Promise<StreamedBatch> {
        const { value, done } = await iterator.next();
        if (!done && isBatch(value)) {
          step++;
          return value;
        }
        throw new InvalidArgumentError(done ? `${what} ended early` : `${what} gave something else`, {
          expected: `${stepsPerEpoch} batches {xs, ys} of tensors in each epoch`,
          actual: done ? `${step} in epoch ${epoch + 1}` : typeof value,
        });
      }
      for (let skipped = 0; skipped < firstStep; skipped++) disposeBatch(tf, await take());
      return {
        next: async () => checkBatch(tf, model, await take(), what),
        close: async () => void (await iterator.return?.()),
      };
    },
  };
}

async function startIterator(
  batches: BatchStream['batches'],
  epoch: number,
  what: string,
): Promise<StreamIterator> {
  const source = typeof batches === 'function' ? batches(epoch) : batches;
  if (Symbol.asyncIterator in source) return source[Symbol.asyncIterator]();
  if (Symbol.iterator in source) {
    const iterator = source[Symbol.iterator]();
    return { next: async () => iterator.next(), return: () => iterator.return?.() };
  }
  if (typeof source.iterator === 'function') return source.iterator();
  throw new InvalidArgumentError(`${what} cannot be iterated`, {
    expected: 'a tf.data.Dataset, an iterable, or a function that makes one',
    actual: typeof source,
  });
}

function isBatch(value: unknown): value is StreamedBatch {
  return typeof value === 'object' && value !== null && 'xs' in value && 'ys' in value;
}

function disposeBatch(tf: Tensorflow, { xs, ys }: StreamedBatch): void {
  tf.dispose([xs, ys] as Tensor[]);
}

function checkBatch(tf: Tensorflow, model: LayersModel, batch: StreamedBatch, what: string): TrainingBatch {
  const inputs = asList(batch.xs);
  const labels = asList(batch.ys);
  const count = inputs[0]?.shape[0] ?? 0;
  const fits =
    inputs.length === model.inputs.length &&
    count > 0 &&
    inputs.every((tensor, at) => fitsShape(tensor, model.inputs[at]!.shape, count)) &&
    labels.every(({ shape }) => shape[0] === count);
  if (fits) return { inputs, labels, count, rows: null };
  disposeBatch(tf, batch);
  throw new ShapeMismatchError(`${what} does not fit the model`, {
    expected: model.inputs
      .map(({ shape }) => `[${shape.map((size) => size ?? 'any').join(', ')}]`)
      .join(', '),
    actual: [...inputs, ...labels].map(({ shape }) => `[${shape.join(', ')}]`).join(', '),
  });
}

function fitsShape(tensor: Tensor, expected: readonly (number | null)[], count: number): boolean {
  const isFirst = (axis: number) => axis === 0;
  return (
    tensor.shape.length === expected.length &&
    tensor.shape.every((size, axis) => (isFirst(axis) ? size === count : (expected[axis] ?? size) === size))
  );
}

function asList(tensors: Tensor | readonly Tensor[]): readonly Tensor[] {
  return Array.isArray(tensors) ? tensors : [tensors as Tensor];
}
