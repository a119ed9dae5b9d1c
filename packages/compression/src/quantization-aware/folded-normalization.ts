import type { Tensor, Tensor1D } from '@tensorflow/tfjs';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import { normalizeBatch } from '../training/batch-normalization.ts';
import type { KernelLayer, LayerVariable } from './tensorflow-layers.ts';

/** A batch normalisation over the last axis that is folded into the layer before it; plain data. */
export interface NormalizationSettings {
  readonly epsilon: number;
  readonly momentum: number;
  /** Whether it has a `gamma`, and a `beta`. */
  readonly scale: boolean;
  readonly center: boolean;
}

/**
 * Batch normalisation as a part of a quantisation-aware layer (as `qat_utils.py` of torchao does it): the kernel is coded after it was multiplied
 * with `factor = gamma / sqrt(moving variance + epsilon)`, so that training sees the codes that are exported. In training the sums are divided by
 * the factor again, which gives what the layer puts out without folding but for the coding, and normalised with the statistics of the
 * batch. Otherwise only the folded shift is added.
 */
export class FoldedNormalization {
  readonly #tf: Tensorflow;
  readonly #settings: NormalizationSettings;
  readonly #gamma: LayerVariable | null;
  readonly #beta: LayerVariable | null;
  readonly #mean: LayerVariable;
  readonly #variance: LayerVariable;

  /** Adds its weights to a layer that is being built. */
  constructor(tf: Tensorflow, layer: KernelLayer, channels: number, settings: NormalizationSettings) {
    this.#tf = tf;
    this.#settings = settings;
    const [zeros, ones] = [tf.initializers.zeros(), tf.initializers.ones()];
    const add = (name: string, initializer: object, trainable: boolean) =>
      layer.addWeight(name, [channels], 'float32', initializer, null, trainable);
    this.#gamma = settings.scale ? add('gamma', ones, true) : null;
    this.#beta = settings.center ? add('beta', zeros, true) : null;
    this.#mean = add('moving_mean', zeros, false);
    this.#variance = add('moving_variance', ones, false);
  }

  /** What the kernel is multiplied with, per output channel. */
  factor(): Tensor1D {
    const tf = this.#tf;
    const deviation = tf.sqrt(tf.add(this.#variance.read(), this.#settings.epsilon)) as Tensor1D;
    return this.#gamma ? tf.div(this.#gamma.read(), deviation) : tf.reciprocal(deviation);
  }

  /** What is added to the sums of the folded kernel: `beta + (bias - moving mean) * factor`. */
  shift(factor: Tensor1D, bias: Tensor | null): Tensor {
    const tf = this.#tf;
    const mean = this.#mean.read();
    const moved = tf.mul(bias ? tf.sub(bias, mean) : tf.neg(mean), factor);
    return this.#beta ? tf.add(moved, this.#beta.read()) : moved;
  }

  /** Normalises sums of the folded kernel with the statistics of the batch, which the moving statistics follow. */
  normalizeBatch(sums: Tensor, factor: Tensor1D, bias: Tensor | null): Tensor {
    const tf = this.#tf;
    // A channel whose gamma is 0 has sums of 0.
    const divisor = tf.add(factor, this.#whereZero(factor));
    const plain = tf.div(sums, divisor);
    const output = bias ? tf.add(plain, bias) : plain;
    const { epsilon, momentum } = this.#settings;
    const [gamma, beta, movingMean, movingVariance] = [this.#gamma, this.#beta, this.#mean, this.#variance];
    return normalizeBatch(tf, { epsilon, momentum, gamma, beta, movingMean, movingVariance }, output);
  }
  /** 1 where a number is 0, and 0 elsewhere; without a gradient, which tfjs does not have for comparisons. */
  #whereZero(values: Tensor): Tensor {
    const tf = this.#tf;
    const operation = tf.customGrad((x) => ({
      value: tf.cast(tf.equal(x as Tensor, 0), 'float32'),
      gradFunc: (dy: Tensor) => tf.zerosLike(dy),
    }));
    return operation(values);
  }
}
