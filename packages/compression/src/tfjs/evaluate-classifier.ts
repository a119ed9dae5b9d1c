import { type Interval, wilsonInterval } from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import type { DenseNetwork } from '../dense-network.ts';
import type { QuantizedClassifier } from '../quantized-classifier.ts';
import { type ClassificationData, validateClassificationData } from '../training/classification-data.ts';
import { readDenseNetwork } from './dense-classifier.ts';
import { forwardPass, type LayerProduct, uploadNetwork } from './forward-pass.ts';
import { quantizedProduct } from './quantized-product.ts';
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
 * Classifies samples and counts how many it got right. A tfjs model runs in float32; a quantised one in the integer arithmetic
 * of {@link QuantizedClassifier}, emulated in float32: to the bit while `255 * sum |code|` of every unit is below 2^24.
 *
 * @throws ShapeMismatchError, InvalidArgumentError or NonFiniteValueError when the data does not fit or is broken,
 *   UnsupportedError for more than 256 classes.
 */
export function evaluateClassifier(
  tf: Tensorflow,
  classifier: LayersModel | QuantizedClassifier,
  data: ClassificationData,
): ClassifierEvaluation {
  const layers = isQuantized(classifier) ? classifier.layers : readDenseNetwork(classifier);
  const classes = layers[layers.length - 1].units;
  validateClassificationData(data, layers[0].inputSize, classes, 'The data');
  const logits = computeLogits(tf, classifier, data.features, data.count);
  const predictions = largestLogits(logits, classes);
  const correct = countCorrect(predictions, data.labels);
  return {
    correct,
    count: data.count,
    accuracy: correct / data.count,
    interval: wilsonInterval(correct, data.count),
    predictions,
  };
}

/**
 * Runs a classifier on samples.
 *
 * @param features `[count, inputSize]`, row-major; borrowed.
 * @returns logits `[count, classes]`, row-major.
 */
export function computeLogits(
  tf: Tensorflow,
  classifier: LayersModel | QuantizedClassifier,
  features: Float32Array,
  count: number,
): Float32Array {
  return isQuantized(classifier)
    ? quantizedLogits(tf, classifier, features, count)
    : networkLogits(tf, readDenseNetwork(classifier), features, count);
}

/** Logits of a float32 network. */
export function networkLogits(
  tf: Tensorflow,
  network: DenseNetwork,
  features: Float32Array,
  count: number,
  multiply?: LayerProduct,
): Float32Array {
  const inputSize = network[0].inputSize;
  const classes = network[network.length - 1].units;
  const logits = new Float32Array(count * classes);
  for (let start = 0; start < count; start += ROWS_AT_ONCE) {
    const rows = Math.min(ROWS_AT_ONCE, count - start);
    const part = features.slice(start * inputSize, (start + rows) * inputSize);
    // An array returned through tidy would be searched for tensors, element by element.
    tf.tidy(() => {
      const input = tf.tensor2d(part, [rows, inputSize]);
      const output = forwardPass(tf, network, uploadNetwork(tf, network), input, multiply);
      logits.set(output.dataSync(), start * classes);
    });
  }
  return logits;
}

/** Fraction of samples whose class has the largest logit. */
export function measureAccuracy(logits: Float32Array, data: ClassificationData): number {
  return countCorrect(largestLogits(logits, logits.length / data.count), data.labels) / data.count;
}

/** Logits of a quantised network, emulated; see {@link evaluateClassifier} for when to the bit. */
export function quantizedLogits(
  tf: Tensorflow,
  { layers }: QuantizedClassifier,
  features: Float32Array,
  count: number,
): Float32Array {
  // The codes take the place of the kernels.
  const network = layers.map((layer) => ({ ...layer, kernel: new Float32Array(layer.codes) }));
  const multiply: LayerProduct = (at, x, codes) => {
    const scales = tf.tensor2d(layers[at].quantization.scales, [1, layers[at].units]);
    return quantizedProduct(tf, x, codes, { codes, scales }, layers[at].inputQuantization, false);
  };
  return networkLogits(tf, network, features, count, multiply);
}

function isQuantized(classifier: LayersModel | QuantizedClassifier): classifier is QuantizedClassifier {
  return 'bits' in classifier;
}

function largestLogits(logits: Float32Array, classes: number): Uint8Array {
  const predictions = new Uint8Array(logits.length / classes);
  for (let row = 0; row < predictions.length; row++) {
    let best = 0;
    for (let unit = 1; unit < classes; unit++) {
      if (logits[row * classes + unit] > logits[row * classes + best]) best = unit;
    }
    predictions[row] = best;
  }
  return predictions;
}

function countCorrect(predictions: Uint8Array, labels: Uint8Array): number {
  return predictions.reduce((correct, prediction, at) => correct + (prediction === labels[at] ? 1 : 0), 0);
}
