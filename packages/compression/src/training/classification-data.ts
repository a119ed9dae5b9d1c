import {
  elementCount,
  InvalidArgumentError,
  NonFiniteValueError,
  Random,
  ShapeMismatchError,
  UnsupportedError,
} from '@qedge/core';
import type { ImageShape } from './shift-augmenter.ts';

/** Samples with their classes, as plain typed arrays that can cross threads. */
export interface ClassificationData {
  /** `[count, inputSize]`, row-major; a sample may have any shape, as `[28, 28, 1]`: the model's. */
  readonly features: Float32Array;
  /** `[count]`, each the index of a class; one byte each, so 256 classes at most. */
  readonly labels: Uint8Array;
  readonly count: number;
  /** `[height, width]` or `[height, width, channels]`, `inputSize` numbers in all, when the samples are images; needed for shift augmentation. */
  readonly imageShape?: ImageShape;
}

/** Sizes of the parts of {@link splitClassificationData} and the seed of the shuffle before it. */
export interface DataSplit {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
  readonly seed: number;
}

/**
 * Shuffles samples and deals them into three parts that share none. Equal seeds give equal parts on every machine.
 *
 * @param data borrowed; the parts are copies.
 * @throws InvalidArgumentError when the parts need more samples than there are, ShapeMismatchError when lengths do not fit.
 */
export function splitClassificationData(
  data: ClassificationData,
  split: DataSplit,
): { train: ClassificationData; validation: ClassificationData; test: ClassificationData } {
  const sizes = [split.train, split.validation, split.test];
  const needed = sizes.reduce((sum, size) => sum + size, 0);
  if (!sizes.every((size) => Number.isInteger(size) && size >= 0) || needed > data.count) {
    throw new InvalidArgumentError('The data cannot be split that way', {
      expected: `three sizes that add up to at most ${data.count}`,
      actual: sizes,
    });
  }
  const inputSize = data.count === 0 ? 0 : data.features.length / data.count;
  if (!Number.isInteger(inputSize) || data.labels.length !== data.count) {
    throw new ShapeMismatchError('The data to split does not fit together', {
      expected: `features and labels of ${data.count} samples`,
      actual: [data.features.length, data.labels.length],
    });
  }
  const order = new Random(split.seed).shuffle(Uint32Array.from({ length: data.count }, (_, index) => index));
  const take = (start: number, count: number): ClassificationData => {
    const features = new Float32Array(count * inputSize);
    const labels = new Uint8Array(count);
    for (let i = 0; i < count; i++) {
      const from = order[start + i];
      features.set(data.features.subarray(from * inputSize, (from + 1) * inputSize), i * inputSize);
      labels[i] = data.labels[from];
    }
    return { features, labels, count, ...(data.imageShape ? { imageShape: data.imageShape } : {}) };
  };
  return {
    train: take(0, split.train),
    validation: take(split.train, split.validation),
    test: take(split.train + split.validation, split.test),
  };
}

/** Up to `limit` samples spread evenly through the data, so that data sorted by class is sampled fairly; copied. */
export function takeEvenly(
  { features, count }: ClassificationData,
  limit: number,
): { features: Float32Array; count: number } {
  const inputSize = features.length / count;
  const taken = Math.min(limit, count);
  const sample = new Float32Array(taken * inputSize);
  for (let row = 0; row < taken; row++) {
    const from = Math.floor((row * count) / taken) * inputSize;
    sample.set(features.subarray(from, from + inputSize), row * inputSize);
  }
  return { features: sample, count: taken };
}

/** Labels and predictions are bytes. */
const MAX_CLASSES = 256;

/**
 * Checks samples before they are worked on.
 *
 * @throws InvalidArgumentError for no samples or an unknown class, ShapeMismatchError for lengths that do not fit,
 *   NonFiniteValueError for NaN or infinity, UnsupportedError for a model with more than 256 classes.
 */
export function validateClassificationData(
  data: ClassificationData,
  inputSize: number,
  classes: number,
  what: string,
): void {
  if (classes > MAX_CLASSES) {
    throw new UnsupportedError('The model has too many outputs for labels of one byte', {
      expected: `at most ${MAX_CLASSES} classes`,
      actual: classes,
    });
  }
  if (!Number.isSafeInteger(data.count) || data.count < 1) {
    throw new InvalidArgumentError(`${what} needs samples`, { expected: 'at least one', actual: data.count });
  }
  if (data.features.length !== data.count * inputSize || data.labels.length !== data.count) {
    throw new ShapeMismatchError(`${what} does not fit the model`, {
      expected: `${data.count} x ${inputSize} features and ${data.count} labels`,
      actual: [data.features.length, data.labels.length],
    });
  }
  if (data.imageShape && elementCount(data.imageShape) !== inputSize) {
    throw new ShapeMismatchError(`${what} has an image shape that does not fit`, {
      expected: `height * width = ${inputSize}`,
      actual: data.imageShape,
    });
  }
  const stranger = data.labels.findIndex((label) => label >= classes);
  if (stranger >= 0) {
    throw new InvalidArgumentError(`${what} has a label that the model has no output for`, {
      expected: `0..${classes - 1}`,
      actual: `${data.labels[stranger]} at index ${stranger}`,
    });
  }
  const broken = data.features.findIndex((value) => !Number.isFinite(value));
  if (broken >= 0) {
    throw new NonFiniteValueError(`${what} has a feature that is not a number`, {
      expected: 'finite numbers',
      actual: `${data.features[broken]} at index ${broken}`,
    });
  }
}
