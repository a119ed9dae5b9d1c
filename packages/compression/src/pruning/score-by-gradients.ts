import { Random, throwIfCancelled } from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import { WorkTurns } from '../post-training/work-turns.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import { BatchNormalizationInTraining } from '../training/batch-normalization.ts';
import { GradientStep } from '../training/gradient-step.ts';
import { LayerNoise } from '../training/layer-noise.ts';
import { isKernelRole, ModelWeights } from '../training/model-weights.ts';
import { makeSampleBatches } from '../training/sample-batches.ts';
import type { SampleData } from '../training/training-data.ts';
import { checkLoss, type TrainingLoss } from '../training/training-loss.ts';
import { GradientScores } from './gradient-scores.ts';

/** Options of {@link scoreByGradients}. */
export interface GradientScoreOptions {
  /** Samples at once, an integer >= 1. */
  readonly batchSize: number;
  /** Default `cross-entropy of logits`. */
  readonly loss?: TrainingLoss;
  /** Of the noise of dropout. */
  readonly seed: number;
  readonly signal?: AbortSignal;
}

/**
 * Sums up `weight * gradient` of the kernels over some samples without training: SNIP prunes a model by it before its first step. The model is
 * as before in the end, its moving statistics too.
 *
 * @param data each sample is used once, in order; borrowed.
 * @throws as `trainModel` for data and losses that do not fit, CancelledError between batches.
 * @example
 * const gradients = await scoreByGradients(tf, model, samples, { batchSize: 128, seed: 0 });
 * const masks = maskBySparsity(gradients.sensitivity(), { sparsity: 0.9, scope: 'global' });
 */
export async function scoreByGradients(
  tf: Tensorflow,
  model: LayersModel,
  data: SampleData,
  { batchSize, loss = 'cross-entropy of logits', seed, signal }: GradientScoreOptions,
): Promise<GradientScores> {
  checkLoss(loss, model);
  const source = makeSampleBatches(tf, model, data, { batchSize, random: null }, 'The data');
  const random = new Random(seed);
  const noise = new LayerNoise(model);
  const weights = new ModelWeights(tf, model);
  const step = new GradientStep(tf, model, weights.trained, loss, null);
  const scores = new GradientScores();
  const original = weights.save();
  const turns = new WorkTurns('Scoring', signal);
  const normalizations = new BatchNormalizationInTraining(tf, model);
  try {
    const cursor = await source.open(0, 0);
    for (let batch = 0; batch < source.stepsPerEpoch; batch++) {
      throwIfCancelled(signal, 'Scoring');
      noise.seedStep(random, batch);
      const { gradients } = await step.compute(await cursor.next());
      addGradients(scores, weights, gradients);
      if (turns.isOver) await turns.next();
    }
    return scores;
  } finally {
    normalizations.restore();
    noise.restore();
    weights.restore(original);
  }
}

function addGradients(
  scores: GradientScores,
  { trained }: ModelWeights,
  gradients: readonly (Float32Array | null)[],
): void {
  const kernels = trained.filter(({ role }) => isKernelRole(role));
  const values = new Map(kernels.map((kernel) => [kernel.name, kernel.values]));
  const byName = new Map(
    trained.map(({ name, values: { length } }, at) => [name, gradients[at] ?? new Float32Array(length)]),
  );
  scores.add(values, byName);
}
