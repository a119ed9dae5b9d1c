import { InvalidArgumentError } from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import type { DenseNetwork } from '../dense-network.ts';
import { maskBySparsity } from '../pruning/sparsity-masks.ts';
import { type SparsitySchedule, scheduledSparsity } from '../pruning/sparsity-schedule.ts';
import { activationScores, magnitudeScores } from '../pruning/weight-scores.ts';
import { type ClassificationData, takeEvenly } from '../training/classification-data.ts';
import type { TrainingHistory } from '../training/training-history.ts';
import { readDenseNetwork } from './dense-classifier.ts';
import { measureAccuracy, networkLogits } from './evaluate-classifier.ts';
import { applyMasks, trainInPlace } from './fit-classifier.ts';
import { forwardPass, uploadNetwork } from './forward-pass.ts';
import type { Tensorflow } from './tensorflow.ts';
import { type TrainingOptions, trainNetwork } from './training-loop.ts';

/** Options of {@link pruneGradually}. */
export interface PruningOptions extends TrainingOptions {
  /** Fraction of all kernel weights to remove, 0..1; met exactly. */
  readonly sparsity: number;
  /** Fraction of the steps after which the sparsity is reached; the rest is fine-tuning. 0..1 */
  readonly rampFraction: number;
  /** Steps between two choices of what to remove, an integer >= 1. */
  readonly intervalSteps: number;
  /**
   * What a weight is worth: `magnitude` is |w|; `activation` is |w| times the root mean square of the input that it meets,
   * over up to 256 training samples.
   */
  readonly saliency: 'magnitude' | 'activation';
}

/** What {@link pruneGradually} found. */
export interface PruningResult {
  readonly history: TrainingHistory;
  /** Per dense layer, 1 where a weight is kept. */
  readonly masks: readonly Uint8Array[];
}

const SALIENCY_SAMPLES = 256;

/**
 * Trains a classifier in place while removing weights: those of least worth across all layers together, on the cubic schedule
 * of Zhu and Gupta 2017. What is removed is exactly 0 and never returns; biases stay.
 *
 * @throws as `fitClassifier`, and InvalidArgumentError for an impossible sparsity, ramp, interval or saliency. When cancelled, the model
 *   holds the weights of the last whole step.
 */
export async function pruneGradually(
  tf: Tensorflow,
  model: LayersModel,
  data: ClassificationData,
  options: PruningOptions,
): Promise<PruningResult> {
  const { sparsity, rampFraction, intervalSteps, saliency } = options;
  const period = { begin: 0, end: rampFraction, intervalSteps };
  const ramp: SparsitySchedule = { kind: 'polynomial', initial: 0, final: sparsity, power: 3, ...period };
  scheduledSparsity(ramp, 0);
  if (saliency !== 'magnitude' && saliency !== 'activation') {
    throw new InvalidArgumentError('Unknown saliency', {
      expected: 'magnitude, activation',
      actual: String(saliency),
    });
  }
  const network = readDenseNetwork(model);
  let masks: readonly Uint8Array[] = network.map(({ kernel }) => new Uint8Array(kernel.length).fill(1));
  const prune = (wanted: number) => {
    const kernels = byLayer(network.map(({ kernel }) => kernel));
    const scores =
      saliency === 'activation'
        ? activationScores(kernels, byLayer(inputRms(tf, network, data)))
        : magnitudeScores(kernels);
    const chosen = maskBySparsity(scores, { sparsity: wanted, scope: 'global', previous: byLayer(masks) });
    masks = [...chosen.values()];
    applyMasks(network, masks);
  };
  let reached = 0;
  const history = await trainInPlace(tf, model, network, async () => {
    const trained = await trainNetwork(tf, network, data, options, {
      phase: 'pruning',
      masks: () => masks,
      beforeStep(step, progress) {
        const due = progress >= rampFraction || step % intervalSteps === 0;
        if (reached === sparsity || !due) return;
        reached = scheduledSparsity(ramp, progress);
        prune(reached);
      },
      measure: (samples) =>
        measureAccuracy(networkLogits(tf, network, samples.features, samples.count), samples),
    });
    // Without a step past the end of the ramp (no epochs, or a ramp as long as training) the rest is removed now.
    if (reached !== sparsity) prune(sparsity);
    return trained;
  });
  return { history, masks };
}

function byLayer<Value>(values: readonly Value[]): Map<string, Value> {
  return new Map(values.map((value, at) => [String(at), value]));
}

/** Root mean square of what each layer is fed, per input, over training samples spread evenly through the data. */
function inputRms(tf: Tensorflow, network: DenseNetwork, data: ClassificationData): Float32Array[] {
  const { features, count } = takeEvenly(data, SALIENCY_SAMPLES);
  const rms: Float32Array[] = [];
  tf.tidy(() => {
    const input = tf.tensor2d(features, [count, network[0].inputSize]);
    forwardPass(tf, network, uploadNetwork(tf, network), input, undefined, (layer, x) => {
      rms[layer] = tf.sqrt(tf.mean(tf.square(x), 0)).dataSync<'float32'>();
    });
  });
  return rms;
}
