import {
  type Clock,
  InvalidArgumentError,
  type ProgressListener,
  Random,
  systemClock,
  throwIfCancelled,
} from '@qedge/core';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import type { DenseNetwork } from '../dense-network.ts';
import { type ClassificationData, validateClassificationData } from '../training/classification-data.ts';
import { type CosineLearningRate, cosineLearningRate } from '../training/learning-rate.ts';
import { makeOptimizer } from '../training/make-optimizer.ts';
import { assertFiniteLoss } from '../training/optimizer.ts';
import { makeShiftAugmenter } from '../training/shift-augmenter.ts';
import type { TrainingEpoch, TrainingHistory } from '../training/training-history.ts';
import { classificationLoss, forwardPass, type LayerProduct, uploadNetwork } from './forward-pass.ts';
import type { Tensorflow } from './tensorflow.ts';

/** What every kind of training takes. */
export interface TrainingOptions {
  /** Passes over the data; an integer >= 0. */
  readonly epochs: number;
  /** Samples per step, an integer >= 1; the last step of an epoch may have fewer. */
  readonly batchSize: number;
  readonly learningRate: CosineLearningRate;
  /** Decoupled weight decay of the kernels, per unit of learning rate; default 0. */
  readonly weightDecay?: number;
  /** Moves each image by up to this many pixels, anew in every epoch; needs `imageShape`. Default 0. */
  readonly maxShiftPixels?: number;
  /** Seed of the order of the samples and of the shifts. */
  readonly seed: number;
  /** Measured after every epoch, never trained on. */
  readonly validation?: ClassificationData;
  readonly signal?: AbortSignal;
  /** `done` and `total` count steps. */
  readonly onProgress?: ProgressListener;
  /** For the durations in the history; default: the machine's. */
  readonly clock?: Clock;
}

/** What tells one kind of training from another. */
export interface TrainingHooks {
  readonly phase: string;
  /** Per layer, 1 where a kernel weight is trained and 0 where it stays 0; null trains all. Asked before every step. */
  masks(): readonly (Uint8Array | null)[];
  /** Runs before every step, outside of any tape. `progress` is the fraction of steps done. */
  beforeStep?(step: number, progress: number): void;
  /** Runs inside a step, before its forward pass. */
  prepareStep?(progress: number): {
    readonly multiply: LayerProduct;
    readonly onInput?: (layer: number, input: Tensor2D) => void;
  };
  /** Fraction of the validation data classified correctly, with the weights as they are. */
  measure(data: ClassificationData): number;
}

/** How long the event loop may wait before training lets others run. */
const YIELD_AFTER_MS = 40;

/**
 * Trains the arrays of a network in place: shuffled batches, Adam, cosine learning rate.
 * @throws CancelledError after a whole step, NonFiniteValueError when training diverges, whatever the checks of the data throw.
 */
export async function trainNetwork(
  tf: Tensorflow,
  network: DenseNetwork,
  data: ClassificationData,
  options: TrainingOptions,
  hooks: TrainingHooks,
): Promise<TrainingHistory> {
  validateTraining(network, data, options);
  const { epochs, batchSize, signal, onProgress, clock = systemClock } = options;
  const stepsPerEpoch = Math.ceil(data.count / batchSize);
  const total = epochs * stepsPerEpoch;
  const optimizer = makeOptimizer({ kind: 'adam' }, trainedParameters(network, options.weightDecay ?? 0));
  const batches = makeBatches(network, data, options);
  const history: TrainingEpoch[] = [];
  let message: string | undefined;
  let resumedMs = clock.nowMs();
  for (let epoch = 0; epoch < epochs; epoch++) {
    const startMs = clock.nowMs();
    let lossSum = 0;
    batches.shuffle();
    for (let step = 0; step < stepsPerEpoch; step++) {
      throwIfCancelled(signal, `The ${hooks.phase}`);
      const done = epoch * stepsPerEpoch + step;
      hooks.beforeStep?.(done, done / total);
      const batch = batches.take(step);
      const { loss, gradients } = computeGradients(tf, network, batch, hooks, done / total);
      assertFiniteLoss(loss);
      const masks = hooks.masks().flatMap((mask, at) => (network[at].bias ? [mask, null] : [mask]));
      optimizer.update(gradients, cosineLearningRate(done / total, options.learningRate), masks);
      lossSum += loss * batch.count;
      if (clock.nowMs() - resumedMs > YIELD_AFTER_MS) {
        onProgress?.({ phase: hooks.phase, done: done + 1, total, ...(message ? { message } : {}) });
        await clock.sleep(0);
        resumedMs = clock.nowMs();
      }
    }
    const measured = options.validation ? hooks.measure(options.validation) : null;
    const entry = {
      epoch: epoch + 1,
      loss: lossSum / data.count,
      validationLoss: null,
      validationAccuracy: measured,
      learningRate: cosineLearningRate(((epoch + 1) * stepsPerEpoch - 1) / total, options.learningRate),
      sparsity: maskedFraction(hooks.masks(), network),
      durationMs: clock.nowMs() - startMs,
    };
    history.push(entry);
    message = describeEpoch(entry);
    onProgress?.({ phase: hooks.phase, done: (epoch + 1) * stepsPerEpoch, total, message });
  }
  return { phase: hooks.phase, epochs: history };
}

function describeEpoch({ loss, validationAccuracy }: TrainingEpoch): string {
  const accuracy =
    validationAccuracy === null ? '' : `, validation ${(100 * validationAccuracy).toFixed(1)} %`;
  return `loss ${loss.toFixed(4)}${accuracy}`;
}

function trainedParameters(network: DenseNetwork, weightDecay: number) {
  return network.flatMap(({ kernel, bias }) => [
    { values: kernel, weightDecay },
    ...(bias ? [{ values: bias, weightDecay: 0 }] : []),
  ]);
}

function maskedFraction(masks: readonly (Uint8Array | null)[], network: DenseNetwork): number {
  let removed = 0;
  let weights = 0;
  network.forEach(({ kernel }, at) => {
    weights += kernel.length;
    for (const kept of masks[at] ?? []) removed += 1 - kept;
  });
  return removed / weights;
}

interface Batch {
  /** `[count, inputSize]` */
  readonly features: Float32Array;
  /** `[count, classes]` */
  readonly oneHot: Float32Array;
  readonly count: number;
}

function makeBatches(network: DenseNetwork, data: ClassificationData, options: TrainingOptions) {
  const inputSize = network[0].inputSize;
  const classes = network[network.length - 1].units;
  const random = new Random(options.seed);
  const orderRandom = random.fork('order of samples');
  const order = Uint32Array.from({ length: data.count }, (_, index) => index);
  const shift = options.maxShiftPixels
    ? makeShiftAugmenter(data.imageShape!, options.maxShiftPixels, random.fork('shifts'))
    : null;
  return {
    shuffle: () => orderRandom.shuffle(order),
    take(step: number): Batch {
      const start = step * options.batchSize;
      const count = Math.min(options.batchSize, data.count - start);
      const features = new Float32Array(count * inputSize);
      const oneHot = new Float32Array(count * classes);
      for (let row = 0; row < count; row++) {
        const from = order[start + row] * inputSize;
        if (shift) shift(data.features, from, features, row * inputSize);
        else features.set(data.features.subarray(from, from + inputSize), row * inputSize);
        oneHot[row * classes + data.labels[order[start + row]]] = 1;
      }
      return { features, oneHot, count };
    },
  };
}

function computeGradients(
  tf: Tensorflow,
  network: DenseNetwork,
  batch: Batch,
  hooks: TrainingHooks,
  progress: number,
): { loss: number; gradients: Float32Array[] } {
  let loss = Number.NaN;
  let gradients: Float32Array[] = [];
  // Nothing is returned through tidy: it would look for tensors in every element of the arrays, at many times a step's cost.
  tf.tidy(() => {
    const input = tf.tensor2d(batch.features, [batch.count, network[0].inputSize]);
    const oneHot = tf.tensor2d(batch.oneHot, [batch.count, network[network.length - 1].units]);
    const tensors = uploadNetwork(tf, network);
    const prepared = hooks.prepareStep?.(progress);
    const lossOf = () =>
      classificationLoss(
        tf,
        oneHot,
        forwardPass(tf, network, tensors, input, prepared?.multiply, prepared?.onInput),
      );
    const parameters: Tensor[] = tensors.flatMap(({ kernel, bias }) => (bias ? [kernel, bias] : [kernel]));
    const { value, grads } = tf.valueAndGrads(lossOf)(parameters);
    loss = value.dataSync()[0];
    gradients = grads.map((gradient) => gradient.dataSync<'float32'>());
  });
  return { loss, gradients };
}

function validateTraining(network: DenseNetwork, data: ClassificationData, options: TrainingOptions): void {
  const classes = network[network.length - 1].units;
  validateClassificationData(data, network[0].inputSize, classes, 'The training data');
  if (options.validation) {
    validateClassificationData(options.validation, network[0].inputSize, classes, 'The validation data');
  }
  const { epochs, batchSize, weightDecay = 0, maxShiftPixels = 0 } = options;
  if (!Number.isSafeInteger(epochs) || epochs < 0 || !Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new InvalidArgumentError('Training has an impossible length', {
      expected: 'integers, epochs >= 0 and batchSize >= 1',
      actual: [epochs, batchSize],
    });
  }
  if (!(weightDecay >= 0 && Number.isFinite(weightDecay))) {
    throw new InvalidArgumentError('A weight decay is out of range', {
      expected: '>= 0',
      actual: weightDecay,
    });
  }
  if (!Number.isSafeInteger(maxShiftPixels) || maxShiftPixels < 0) {
    throw new InvalidArgumentError('Images cannot be shifted by that', {
      expected: 'an integer >= 0 pixels',
      actual: maxShiftPixels,
    });
  }
  if (maxShiftPixels !== 0 && !data.imageShape) {
    throw new InvalidArgumentError('Only images can be shifted', {
      expected: 'training data with imageShape',
      actual: 'no imageShape',
    });
  }
  cosineLearningRate(0, options.learningRate);
}
