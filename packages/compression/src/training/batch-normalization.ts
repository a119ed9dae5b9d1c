import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import type { TensorflowLayer } from '../model/model-topology.ts';
import { walkModel } from '../model/walk-model.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';

/** What normalises a batch: weights and settings of a batch normalisation. */
export interface BatchNormalizationWeights {
  readonly epsilon: number;
  readonly momentum: number;
  readonly gamma: StoredWeight | null;
  readonly beta: StoredWeight | null;
  readonly movingMean: StoredWeight;
  readonly movingVariance: StoredWeight;
}

/** What tfjs keeps in the layer. */
interface BatchNormalizationLayer extends TensorflowLayer, BatchNormalizationWeights {
  readonly axis: number;
}

interface StoredWeight {
  read(): Tensor;
  write(value: Tensor): unknown;
}

/**
 * Batch normalisation over the last axis as one operation with its closed gradient (Ioffe and Szegedy 2015, arXiv:1502.03167), in place of
 * the thirty that tfjs differentiates one by one, some of them (`Tile`) a hundred times slower than the rest of the step. The same statistics,
 * moving averages and gradients up to rounding; also layers without scale or shift, which tfjs cannot train.
 */
export class BatchNormalizationInTraining {
  readonly #layers: readonly BatchNormalizationLayer[];

  /** Takes over the layers of the model until {@link restore}. */
  constructor(tf: Tensorflow, model: LayersModel) {
    this.#layers = walkModel(model)
      .layers.map(({ layer }) => layer as BatchNormalizationLayer)
      .filter((layer) => layer.getClassName() === 'BatchNormalization' && !Object.hasOwn(layer, 'call'));
    for (const layer of this.#layers) takeOver(tf, layer);
  }

  /** Gives the layers back as they were. */
  restore(): void {
    for (const layer of this.#layers) Reflect.deleteProperty(layer, 'call');
  }
}

function takeOver(tf: Tensorflow, layer: BatchNormalizationLayer): void {
  const stock = layer.call.bind(layer);
  layer.call = (inputs, options) => {
    const input = Array.isArray(inputs) ? inputs[0]! : inputs;
    const { axis } = layer;
    const isLast = axis === -1 || axis === input.shape.length - 1;
    if (!options.training || !isLast) return stock(inputs, options);
    return tf.tidy(() => normalizeBatch(tf, layer, input));
  };
}

/** Normalises a batch over its last axis with its own statistics, which the moving ones follow. */
export function normalizeBatch(tf: Tensorflow, layer: BatchNormalizationWeights, input: Tensor): Tensor {
  const channels = input.shape[input.shape.length - 1]!;
  const rows = input.size / channels;
  // Weights that a layer does not have take part as constants, and nobody asks for their gradients.
  const gamma = layer.gamma?.read() ?? tf.ones([channels]);
  const beta = layer.beta?.read() ?? tf.zeros([channels]);
  const operation = tf.customGrad((...given: unknown[]) => {
    const [x, scale, shift, save] = given as [Tensor, Tensor, Tensor, (tensors: Tensor[]) => void];
    const mean = tf.mean(x, 0);
    const centered = tf.sub(x, mean);
    const variance = tf.mean(tf.square(centered), 0);
    const inverse = tf.rsqrt(tf.add(variance, layer.epsilon));
    moveAverage(tf, layer.movingMean, mean, layer.momentum);
    moveAverage(tf, layer.movingVariance, variance, layer.momentum);
    save([centered, inverse, scale]);
    const value = tf.add(tf.mul(centered, tf.mul(inverse, scale)), shift);
    const gradFunc = (dy: Tensor, saved: Tensor[]) => batchGradients(tf, dy, saved, rows);
    return { value, gradFunc };
  });
  const flat = tf.reshape(input, [rows, channels]);
  return tf.reshape(operation(flat, gamma, beta), input.shape);
}

/** Of input, scale and shift. With the centred input c and its deviation s: `dx = scale/s * (dy - mean(dy) - c/s^2 * mean(dy * c))`. */
function batchGradients(tf: Tensorflow, dy: Tensor, saved: Tensor[], rows: number): Tensor[] {
  const [centered, inverse, scale] = saved as [Tensor, Tensor, Tensor];
  const sum = tf.sum(dy, 0);
  const product = tf.sum(tf.mul(dy, centered), 0);
  const factor = tf.mul(scale, inverse);
  const slope = tf.mul(tf.mul(product, tf.square(inverse)), 1 / rows);
  const rest = tf.sub(tf.sub(dy, tf.mul(sum, 1 / rows)), tf.mul(centered, slope));
  return [tf.mul(rest, factor), tf.mul(product, inverse), sum];
}

function moveAverage(tf: Tensorflow, moving: StoredWeight, value: Tensor, momentum: number): void {
  const before = moving.read();
  moving.write(tf.sub(before, tf.mul(tf.sub(before, value), 1 - momentum)));
}
