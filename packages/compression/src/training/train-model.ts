import type { LayersModel } from '@tensorflow/tfjs';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import type { TrainingData } from './training-data.ts';
import type { TrainingResult, TrainModelOptions } from './training-options.ts';
import { TrainingRun } from './training-run.ts';

/**
 * Trains any LayersModel in place: Sequential, Functional, nested, with shared layers, batch normalisation, dropout, regularisers and
 * constraints. tfjs does the forward and the backward pass on its current backend (`accelerate(tf)` of `@qedge/kernels` makes that fast); the
 * optimiser is one pass in JavaScript over typed arrays that leaves removed weights alone.
 *
 * Equal seeds, models and data give equal bits on one backend of one machine, interrupted or not. Tensors of a run are freed however it ends.
 * On cancellation the model holds the weights of the last whole step, and the checkpoint store, if any, what is needed to go on; on any other
 * error the model is as it was.
 *
 * @param model compiled or not; its optimiser and metrics are not used. Borrowed; other code may read it, and write its weights, in callbacks.
 * @throws before any work InvalidArgumentError, ShapeMismatchError, NonFiniteValueError and UnsupportedError for options, data and models that
 *   do not fit, by name; while training CancelledError, NonFiniteValueError when training diverges, and what callbacks, hooks, stores and
 *   streams throw.
 * @example
 * const { history } = await trainModel(tf, model, digits, {
 *   epochs: 10,
 *   batchSize: 64,
 *   learningRate: { kind: 'cosine', initial: 2e-3, final: 1e-5, warmUp: 0.05 },
 *   weightDecay: 0.01,
 *   validation,
 *   seed: 0,
 * });
 */
export async function trainModel(
  tf: Tensorflow,
  model: LayersModel,
  data: TrainingData,
  options: TrainModelOptions,
): Promise<TrainingResult> {
  return new TrainingRun(tf, model, data, options).run();
}
