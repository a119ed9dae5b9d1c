import {
  elementCount,
  InvalidArgumentError,
  NonFiniteValueError,
  type Shape,
  ShapeMismatchError,
} from '@qedge/core';
import type { Tensor } from '@tensorflow/tfjs';
import type { ClassificationData } from './classification-data.ts';

/** Samples with numbers to predict, as plain typed arrays that can cross threads. */
export interface RegressionData {
  /** `[count, ...input shape]`, row-major. */
  readonly features: Float32Array;
  /** `[count, ...output shape]`, row-major. */
  readonly targets: Float32Array;
  readonly count: number;
}

/** Samples in memory. */
export type SampleData = ClassificationData | RegressionData;

/**
 * One batch as tensors, for models with several inputs or outputs as lists in the model's order. Classes are one-hot rows. Whoever takes a
 * batch disposes of its tensors.
 */
export interface StreamedBatch {
  readonly xs: Tensor | readonly Tensor[];
  readonly ys: Tensor | readonly Tensor[];
}

/** As a `tf.data.Dataset` of `{xs, ys}`, batched. */
export interface BatchDataset {
  iterator(): Promise<{ next(): Promise<{ readonly value: unknown; readonly done: boolean }> }>;
}

/**
 * Batches that come from elsewhere: a `tf.data.Dataset`, anything that can be iterated anew in each epoch, or a function that starts an epoch.
 * Resumed training starts the epoch again and skips what it had seen, so equal epochs must give equal batches for it to go on as it would have.
 */
export interface BatchStream {
  readonly batches:
    | BatchDataset
    | AsyncIterable<StreamedBatch>
    | Iterable<StreamedBatch>
    | ((epoch: number) => AsyncIterable<StreamedBatch> | Iterable<StreamedBatch>);
  /** How many batches an epoch takes; a stream may have more, or no end. */
  readonly stepsPerEpoch: number;
}

/** What a model can be trained on and measured with. */
export type TrainingData = SampleData | BatchStream;

/** True for data that is not in memory. */
export function isStream(data: TrainingData): data is BatchStream {
  return 'batches' in data;
}

/** True for samples with classes. */
export function hasLabels(data: TrainingData): data is ClassificationData {
  return 'labels' in data;
}

/**
 * Checks numbers to predict before they are worked on.
 * @throws InvalidArgumentError for no samples, ShapeMismatchError for lengths that do not fit, NonFiniteValueError for NaN or infinity.
 */
export function validateRegressionData(
  data: RegressionData,
  inputShape: Shape,
  outputShape: Shape,
  what: string,
): void {
  const { count, features, targets } = data;
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new InvalidArgumentError(`${what} needs samples`, { expected: 'at least one', actual: count });
  }
  const [inputs, outputs] = [elementCount(inputShape), elementCount(outputShape)];
  if (features.length !== count * inputs || targets.length !== count * outputs) {
    throw new ShapeMismatchError(`${what} does not fit the model`, {
      expected: `${count} x ${inputs} features and ${count} x ${outputs} targets`,
      actual: [features.length, targets.length],
    });
  }
  for (const [name, values] of Object.entries({ feature: features, target: targets })) {
    const broken = values.findIndex((value) => !Number.isFinite(value));
    if (broken < 0) continue;
    throw new NonFiniteValueError(`${what} has a ${name} that is not a number`, {
      expected: 'finite numbers',
      actual: `${values[broken]} at index ${broken}`,
    });
  }
}
