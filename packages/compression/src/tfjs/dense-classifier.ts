import { InvalidArgumentError, NonFiniteValueError, Random, ShapeMismatchError } from '@qedge/core';
import type { LayersModel, Sequential } from '@tensorflow/tfjs';
import type { Tensorflow } from './tensorflow.ts';

/** The size of a network and the seed of its first weights. */
export interface DenseClassifierOptions {
  readonly inputSize: number;
  /** Units of each hidden layer, first to last; may be empty. */
  readonly hiddenUnits: readonly number[];
  readonly classes: number;
  readonly seed: number;
}

/** Kernel and bias of each dense layer, first to last, row-major: `[kernel1, bias1, kernel2, bias2, ...]`. */
export type DenseWeights = readonly Float32Array[];

/**
 * Makes an untrained classifier of fully connected layers: relu between them, logits (no softmax) out, float32. Weights are
 * Glorot-uniform (Glorot and Bengio 2010) from the seeded stream of `@qedge/core`, equal on every machine; biases are 0.
 *
 * @returns a model that the caller disposes of.
 * @throws InvalidArgumentError for an impossible size or seed.
 * @example
 * const model = createDenseClassifier(tf, { inputSize: 784, hiddenUnits: [256, 128], classes: 10, seed: 0 });
 */
export function createDenseClassifier(tf: Tensorflow, options: DenseClassifierOptions): Sequential {
  const { inputSize, hiddenUnits, classes, seed } = options;
  const sizes = [inputSize, ...hiddenUnits, classes];
  if (!sizes.every((size) => Number.isSafeInteger(size) && size > 0)) {
    throw new InvalidArgumentError('A classifier has an impossible size', {
      expected: 'positive integers',
      actual: sizes,
    });
  }
  const random = new Random(seed).fork('initial weights');
  const model = tf.sequential();
  const weights: Float32Array[] = [];
  for (let layer = 0; layer + 1 < sizes.length; layer++) {
    const [inputs, units] = [sizes[layer], sizes[layer + 1]];
    const last = layer + 2 === sizes.length;
    model.add(
      tf.layers.dense({
        name: last ? 'logits' : `hidden_${layer + 1}`,
        units,
        inputShape: [inputs],
        activation: last ? 'linear' : 'relu',
        kernelInitializer: 'zeros',
      }),
    );
    const limit = Math.sqrt(6 / (inputs + units));
    const kernel = Float32Array.from({ length: inputs * units }, () => (2 * random.uniform() - 1) * limit);
    weights.push(kernel, new Float32Array(units));
  }
  setDenseWeights(tf, model, weights);
  return model;
}

/** Copies the weights of a classifier, in the order of {@link DenseWeights}, e.g. to send them to another thread. */
export function getDenseWeights(model: LayersModel): Float32Array[] {
  return model.getWeights().map((weight) => Float32Array.from(weight.dataSync()));
}

/**
 * Copies weights into a classifier.
 * @throws ShapeMismatchError when they do not fit, NonFiniteValueError for NaN or infinity; the model is then unchanged.
 */
export function setDenseWeights(tf: Tensorflow, model: LayersModel, weights: DenseWeights): void {
  const shapes = model.weights.map(({ shape }) => shape.map(Number));
  const expected = shapes.map((shape) => shape.reduce((product, size) => product * size, 1));
  if (weights.length !== expected.length || weights.some(({ length }, at) => length !== expected[at])) {
    throw new ShapeMismatchError('The weights do not fit the model', {
      expected,
      actual: weights.map(({ length }) => length),
    });
  }
  if (!weights.every((values) => values.every(Number.isFinite))) {
    throw new NonFiniteValueError('The weights cannot be used', {
      expected: 'finite numbers',
      actual: 'NaN or infinity',
    });
  }
  // The tensors keep the arrays they are made from, so each gets its own copy.
  tf.tidy(() => model.setWeights(weights.map((values, at) => tf.tensor(values.slice(), shapes[at]))));
}
