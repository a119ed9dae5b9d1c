import { elementCount, type Interval, UnsupportedError, wilsonInterval } from '@qedge/core';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import type { CompressedModel } from '../model/compressed-model.ts';
import { buildCompressedModel } from '../quantization-aware/build-compressed-model.ts';
import type { ClassificationData } from '../training/classification-data.ts';
import { validateSamples } from '../training/sample-batches.ts';
import type { Tensorflow } from './tensorflow.ts';

/** How well a classifier does on a set of samples. */
export interface ClassifierEvaluation {
  readonly correct: number;
  readonly count: number;
  /** `correct / count` */
  readonly accuracy: number;
  /** Wilson's 95 % interval of the accuracy. */
  readonly interval: Interval;
  /** `[count]`, the class with the largest logit; the lowest of equals. */
  readonly predictions: Uint8Array;
}

const ROWS_AT_ONCE = 500;

/**
 * Classifies samples and counts how many it got right. A tfjs model runs in float32; a compressed one with the arithmetic of integer hardware,
 * as `buildCompressedModel` has it.
 *
 * @param classifier one input, logits or probabilities `[classes]` out.
 * @throws ShapeMismatchError, InvalidArgumentError or NonFiniteValueError when the data does not fit or is broken,
 *   UnsupportedError for more than 256 classes and for models of open size.
 */
export function evaluateClassifier(
  tf: Tensorflow,
  classifier: LayersModel | CompressedModel,
  data: ClassificationData,
): ClassifierEvaluation {
  return withLayersModel(tf, classifier, (model) => {
    validateSamples(model, data, 'The data');
    const logits = logitsOf(tf, model, data.features, data.count);
    const predictions = largestLogits(logits, logits.length / data.count);
    const correct = countCorrect(predictions, data.labels);
    return {
      correct,
      count: data.count,
      accuracy: correct / data.count,
      interval: wilsonInterval(correct, data.count),
      predictions,
    };
  });
}

/**
 * Runs a classifier on samples.
 *
 * @param features `[count, ...input shape]`, row-major; borrowed.
 * @returns logits `[count, ...output shape]`, row-major.
 * @throws UnsupportedError for models of several inputs or outputs, or of open size.
 */
export function computeLogits(
  tf: Tensorflow,
  classifier: LayersModel | CompressedModel,
  features: Float32Array,
  count: number,
): Float32Array {
  return withLayersModel(tf, classifier, (model) => logitsOf(tf, model, features, count));
}

function withLayersModel<Result>(
  tf: Tensorflow,
  classifier: LayersModel | CompressedModel,
  work: (model: LayersModel) => Result,
): Result {
  if (!('topology' in classifier)) return work(classifier);
  const model = buildCompressedModel(tf, classifier);
  try {
    return work(model);
  } finally {
    model.dispose();
  }
}

function logitsOf(tf: Tensorflow, model: LayersModel, features: Float32Array, count: number): Float32Array {
  const [inputShape, outputShape] = [fixedShape(model, 'inputs'), fixedShape(model, 'outputs')];
  const [inputSize, outputSize] = [elementCount(inputShape), elementCount(outputShape)];
  const logits = new Float32Array(count * outputSize);
  for (let start = 0; start < count; start += ROWS_AT_ONCE) {
    const rows = Math.min(ROWS_AT_ONCE, count - start);
    const part = features.slice(start * inputSize, (start + rows) * inputSize);
    // An array returned through tidy would be searched for tensors, element by element.
    tf.tidy(() => {
      const output = model.predictOnBatch(tf.tensor(part, [rows, ...inputShape])) as Tensor;
      logits.set(output.dataSync(), start * outputSize);
    });
  }
  return logits;
}

function fixedShape(model: LayersModel, side: 'inputs' | 'outputs'): number[] {
  const shapes = model[side].map(({ shape }) => shape.slice(1));
  const [shape] = shapes;
  if (shapes.length === 1 && shape!.every((size) => size !== null)) return shape as number[];
  throw new UnsupportedError(`The ${side} of "${model.name}" are not one tensor of a fixed size`, {
    expected: `one of the ${side}, with a fixed size`,
    actual: shapes.map((each) => `[${each.map((size) => size ?? 'open').join(', ')}]`).join(', '),
  });
}

function largestLogits(logits: Float32Array, classes: number): Uint8Array {
  const predictions = new Uint8Array(logits.length / classes);
  for (let row = 0; row < predictions.length; row++) {
    let best = 0;
    for (let unit = 1; unit < classes; unit++) {
      if (logits[row * classes + unit]! > logits[row * classes + best]!) best = unit;
    }
    predictions[row] = best;
  }
  return predictions;
}

function countCorrect(predictions: Uint8Array, labels: Uint8Array): number {
  return predictions.reduce((correct, prediction, at) => correct + (prediction === labels[at] ? 1 : 0), 0);
}
