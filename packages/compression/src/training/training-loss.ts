import { InvalidArgumentError } from '@qedge/core';
import type { LayersModel, Scalar, Tensor } from '@tensorflow/tfjs';
import type { Tensorflow } from '../tfjs/tensorflow.ts';

/** The mean loss of a batch, a scalar that tfjs can differentiate. Lists for models with several outputs. */
export type LossFunction = (
  labels: Tensor | readonly Tensor[],
  outputs: Tensor | readonly Tensor[],
) => Tensor;

/**
 * What training makes small: the mean over the samples of the cross-entropy of one-hot labels in nats, taking logits or probabilities, the mean
 * squared error over all numbers, or a function.
 */
export type TrainingLoss =
  | 'cross-entropy of logits'
  | 'cross-entropy of probabilities'
  | 'mean squared error'
  | LossFunction;

const LOSSES = ['cross-entropy of logits', 'cross-entropy of probabilities', 'mean squared error'];

/** Probabilities below this count as this much, so that no logarithm is infinite. */
const SMALLEST_PROBABILITY = 1e-7;

/** True where the largest output is the class. */
export function isClassification(loss: TrainingLoss): boolean {
  return loss === 'cross-entropy of logits' || loss === 'cross-entropy of probabilities';
}

/** The function behind a loss. */
export function lossFunction(tf: Tensorflow, loss: TrainingLoss): LossFunction {
  if (typeof loss === 'function') return loss;
  if (loss === 'cross-entropy of logits') {
    return (labels, outputs) => crossEntropyOfLogits(tf, labels as Tensor, outputs as Tensor);
  }
  if (loss === 'cross-entropy of probabilities') {
    return (labels, outputs) => {
      const logs = tf.log(tf.clipByValue(outputs as Tensor, SMALLEST_PROBABILITY, 1));
      return tf.mul(tf.sum(tf.mul(labels as Tensor, logs)), -1 / rowCount(outputs as Tensor));
    };
  }
  return (labels, outputs) => tf.mean(tf.squaredDifference(outputs as Tensor, labels as Tensor));
}

/**
 * Mean cross-entropy of logits against a distribution per row (one-hot, or soft targets). One custom gradient,
 * `(softmax(logits) - labels) / rows`: seven operations for both passes, where tfjs's own loss takes about twenty.
 *
 * @param labels rows that sum to 1, not differentiated.
 */
export function crossEntropyOfLogits(tf: Tensorflow, labels: Tensor, logits: Tensor): Scalar {
  const rows = rowCount(logits);
  const operation = tf.customGrad((...given: unknown[]) => {
    const [x, save] = given as [Tensor, (tensors: Tensor[]) => void];
    const logProbabilities = tf.logSoftmax(x);
    save([logProbabilities]);
    const value = tf.mul(tf.sum(tf.mul(labels, logProbabilities)), -1 / rows);
    const gradFunc = (dy: Tensor, [saved]: Tensor[]) =>
      tf.mul(tf.sub(tf.exp(saved!), labels), tf.mul(dy, 1 / rows));
    return { value, gradFunc };
  });
  return operation(logits) as Scalar;
}

/** True for a model with one output whose last layer makes probabilities. */
export function endsInSoftmax(model: LayersModel): boolean {
  const last = model.outputs[0]!.sourceLayer;
  return last.getClassName() === 'Softmax' || last.getConfig().activation === 'softmax';
}

/** All axes but the last one. */
function rowCount({ size, shape }: Tensor): number {
  return size / shape[shape.length - 1]!;
}

/**
 * @throws InvalidArgumentError for an unknown loss, for a loss of one output on a model with several, and for a loss of logits on a model that
 *   ends in a softmax.
 */
export function checkLoss(loss: TrainingLoss, model: LayersModel): void {
  if (typeof loss === 'function') return;
  if (!LOSSES.includes(loss)) {
    throw new InvalidArgumentError('Unknown loss', {
      expected: `a function, ${LOSSES.join(', ')}`,
      actual: loss,
    });
  }
  if (model.outputs.length !== 1) {
    throw new InvalidArgumentError('A named loss is for one output', {
      expected: 'a model with one output, or a loss function',
      actual: `${model.outputs.length} outputs`,
    });
  }
  if (loss === 'cross-entropy of logits' && endsInSoftmax(model)) {
    throw new InvalidArgumentError('The model gives probabilities, the loss takes logits', {
      expected: 'a last layer without softmax',
      actual: `layer "${model.outputs[0]!.sourceLayer.name}" with softmax`,
      remedy: 'Choose the loss "cross-entropy of probabilities", or leave the softmax out.',
    });
  }
}
