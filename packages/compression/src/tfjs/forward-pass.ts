import type { Scalar, Tensor2D } from '@tensorflow/tfjs';
import type { DenseNetwork } from '../dense-network.ts';
import type { Tensorflow } from './tensorflow.ts';

/** The tensors of one layer for one pass. */
export interface LayerTensors {
  readonly kernel: Tensor2D;
  readonly bias: Tensor2D | null;
}

/** How one layer multiplies its input with its kernel, without the bias. */
export type LayerProduct = (layer: number, input: Tensor2D, kernel: Tensor2D) => Tensor2D;

/** Uploads the arrays of a network, parameter by parameter. The tensors belong to the surrounding `tf.tidy`. */
export function uploadNetwork(tf: Tensorflow, network: DenseNetwork): LayerTensors[] {
  return network.map(({ inputSize, units, kernel, bias }) => ({
    kernel: tf.tensor2d(kernel, [inputSize, units]),
    bias: bias ? tf.tensor2d(bias, [1, units]) : null,
  }));
}

/** Logits `[batch, classes]` of a batch `[batch, inputSize]`. `onInput` sees what each layer is fed. */
export function forwardPass(
  tf: Tensorflow,
  network: DenseNetwork,
  tensors: readonly LayerTensors[],
  input: Tensor2D,
  multiply: LayerProduct = (_, x, kernel) => tf.matMul(x, kernel),
  onInput?: (layer: number, input: Tensor2D) => void,
): Tensor2D {
  let x = input;
  for (let layer = 0; layer < network.length; layer++) {
    onInput?.(layer, x);
    const { kernel, bias } = tensors[layer];
    x = multiply(layer, x, kernel);
    if (bias) x = tf.add(x, bias);
    if (network[layer].activation === 'relu') x = tf.relu(x);
  }
  return x;
}

/** Mean cross-entropy of logits against classes given as one-hot rows `[batch, classes]`. */
export function classificationLoss(tf: Tensorflow, oneHot: Tensor2D, logits: Tensor2D): Scalar {
  return tf.losses.softmaxCrossEntropy(oneHot, logits);
}
