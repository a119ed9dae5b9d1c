import { elementCount, InvalidArgumentError, type Random, type Shape, UnsupportedError } from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import { validateClassificationData } from './classification-data.ts';
import type { BatchSource, TrainingBatch } from './training-batch.ts';
import { hasLabels, type SampleData, validateRegressionData } from './training-data.ts';

/** Copies one sample into a batch, changed at random: `target[targetOffset...]` from `source[sourceOffset...]`. */
export type SampleAugmenter = (
  source: Float32Array,
  sourceOffset: number,
  target: Float32Array,
  targetOffset: number,
) => void;

/**
 * Makes the augmenter of one batch, which draws from `random` alone: so equal seeds give equal samples, and a resumed training those that it
 * would have seen.
 *
 * @example
 * const augment: Augmentation = (random) => makeShiftAugmenter([28, 28], 1, random);
 */
export type Augmentation = (random: Random) => SampleAugmenter;

/** How samples in memory become batches. */
export interface SampleBatchOptions {
  readonly batchSize: number;
  /** The streams of random numbers fork from it; null leaves the samples in their order and as they are. */
  readonly random: Random | null;
  readonly augment?: Augmentation;
}

/**
 * Batches of samples in memory, shuffled anew in every epoch. Order and augmentation depend on seed, epoch and step alone.
 *
 * @throws as the checks of the data; UnsupportedError for a model with several inputs or outputs or of open size, InvalidArgumentError for an
 *   impossible batch size.
 */
export function makeSampleBatches(
  tf: Tensorflow,
  model: LayersModel,
  data: SampleData,
  { batchSize, random, augment }: SampleBatchOptions,
  what: string,
): BatchSource {
  const { inputShape, outputShape } = validateSamples(model, data, what);
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new InvalidArgumentError('A batch size is impossible', {
      expected: 'an integer >= 1',
      actual: batchSize,
    });
  }
  const inputSize = elementCount(inputShape);
  const stepsPerEpoch = Math.ceil(data.count / batchSize);

  function takeBatch(order: Uint32Array, epoch: number, step: number): TrainingBatch {
    const rows = order.subarray(step * batchSize, Math.min((step + 1) * batchSize, data.count));
    const features = new Float32Array(rows.length * inputSize);
    const change = augment && random ? augment(random.fork(`augmentation ${epoch} ${step}`)) : null;
    for (let row = 0; row < rows.length; row++) {
      const from = rows[row]! * inputSize;
      if (change) change(data.features, from, features, row * inputSize);
      else features.set(data.features.subarray(from, from + inputSize), row * inputSize);
    }
    const inputs = [tf.tensor(features, [rows.length, ...inputShape])];
    const labels = [tf.tensor(takeLabels(data, rows, outputShape), [rows.length, ...outputShape])];
    return { inputs, labels, count: rows.length, rows };
  }

  return {
    stepsPerEpoch,
    samples: data.count,
    async open(epoch, firstStep) {
      const order = Uint32Array.from({ length: data.count }, (_, index) => index);
      random?.fork(`order ${epoch}`).shuffle(order);
      let step = firstStep;
      return {
        next: async () => takeBatch(order, epoch, step++),
        close: async () => undefined,
      };
    },
  };
}

function takeLabels(data: SampleData, rows: Uint32Array, outputShape: Shape): Float32Array {
  const size = elementCount(outputShape);
  const labels = new Float32Array(rows.length * size);
  for (let row = 0; row < rows.length; row++) {
    const from = rows[row]!;
    if (hasLabels(data)) labels[row * size + data.labels[from]!] = 1;
    else labels.set(data.targets.subarray(from * size, (from + 1) * size), row * size);
  }
  return labels;
}

/**
 * The shapes of one sample of a model with one input and one output, and the data checked against them.
 * @throws as {@link makeSampleBatches}.
 */
export function validateSamples(
  model: LayersModel,
  data: SampleData,
  what: string,
): { readonly inputShape: Shape; readonly outputShape: Shape } {
  const inputShape = sampleShape(model, 'inputs');
  const outputShape = sampleShape(model, 'outputs');
  if (hasLabels(data)) {
    if (outputShape.length !== 1) {
      throw new UnsupportedError(`${what} has one class per sample, the model does not`, {
        expected: 'an output of [classes]',
        actual: outputShape,
      });
    }
    validateClassificationData(data, elementCount(inputShape), outputShape[0]!, what);
  } else {
    validateRegressionData(data, inputShape, outputShape, what);
  }
  return { inputShape, outputShape };
}

function sampleShape(model: LayersModel, side: 'inputs' | 'outputs'): Shape {
  const [first, ...others] = model[side].map(({ shape }) => shape.slice(1));
  if (others.length === 0 && first?.every((size) => typeof size === 'number')) return first as number[];
  throw new UnsupportedError('Samples in memory do not fit such a model', {
    expected: `${side} of one tensor with a fixed size`,
    actual: model[side].map(({ shape }) => `[${shape.map((size) => size ?? 'open').join(', ')}]`).join(', '),
    remedy: 'Give the samples as a stream of batches.',
  });
}
