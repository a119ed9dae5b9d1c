import { CancelledError, ShapeMismatchError } from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import type { DenseNetwork } from '../dense-network.ts';
import type { ClassificationData } from '../training/classification-data.ts';
import type { TrainingHistory } from '../training/training-history.ts';
import { readDenseNetwork, writeDenseNetwork } from './dense-classifier.ts';
import { measureAccuracy, networkLogits } from './evaluate-classifier.ts';
import type { Tensorflow } from './tensorflow.ts';
import { type TrainingOptions, trainNetwork } from './training-loop.ts';

/** Options of {@link fitClassifier}. */
export interface FitOptions extends TrainingOptions {
  /**
   * Per dense layer, the shape of its kernel: 1 where a weight is trained, 0 where it is set to 0 and stays exactly 0.
   * As from `maskBySparsity` or `pruneGradually`.
   */
  readonly masks?: readonly Uint8Array[];
}

/**
 * Trains a classifier in place on shuffled batches with Adam, a cosine learning rate and cross-entropy.
 *
 * Deterministic for equal seeds on one backend. Leaves no tensor behind. When cancelled, the model holds the weights of the
 * last whole step; after any other error it holds those from before the call.
 *
 * @param data borrowed; not changed.
 * @throws CancelledError when the signal ends it, UnsupportedError for a model that is not a stack of dense layers,
 *   InvalidArgumentError, ShapeMismatchError or NonFiniteValueError for data or options that do not fit, NonFiniteValueError
 *   when training diverges.
 */
export async function fitClassifier(
  tf: Tensorflow,
  model: LayersModel,
  data: ClassificationData,
  options: FitOptions,
): Promise<TrainingHistory> {
  const network = readDenseNetwork(model);
  const masks = options.masks ?? network.map(() => null);
  applyMasks(network, masks);
  return trainInPlace(tf, model, network, () =>
    trainNetwork(tf, network, data, options, {
      phase: 'training',
      masks: () => masks,
      measure: (samples) =>
        measureAccuracy(networkLogits(tf, network, samples.features, samples.count), samples),
    }),
  );
}

/** Sets the masked weights of a network to 0. @throws ShapeMismatchError when the masks do not fit. */
export function applyMasks(network: DenseNetwork, masks: readonly (Uint8Array | null)[]): void {
  const sizes = network.map(({ kernel }) => kernel.length);
  if (masks.length !== network.length || masks.some((mask, at) => mask && mask.length !== sizes[at])) {
    throw new ShapeMismatchError('The masks do not fit the model', {
      expected: sizes,
      actual: masks.map((mask) => mask?.length ?? 0),
    });
  }
  network.forEach(({ kernel }, at) => {
    masks[at]?.forEach((kept, i) => {
      if (kept === 0) kernel[i] = 0;
    });
  });
}

/** Runs training on a copy of the model's arrays and writes them back when it is finished or was cancelled. */
export async function trainInPlace<Result>(
  tf: Tensorflow,
  model: LayersModel,
  network: DenseNetwork,
  train: () => Promise<Result>,
): Promise<Result> {
  try {
    const result = await train();
    writeDenseNetwork(tf, model, network);
    return result;
  } catch (error) {
    if (error instanceof CancelledError) writeDenseNetwork(tf, model, network);
    throw error;
  }
}
