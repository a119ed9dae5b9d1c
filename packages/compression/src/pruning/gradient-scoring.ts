import type { LayersModel } from '@tensorflow/tfjs';
import { nameWeights } from '../model/read-topology.ts';
import { isKernelRole } from '../training/model-weights.ts';
import type { TrainingHook } from '../training/training-options.ts';
import { GradientScores } from './gradient-scores.ts';

/** A hook of `trainModel` with what it has summed up so far. */
export interface GradientScoring extends TrainingHook {
  readonly scores: GradientScores;
}

/**
 * Sums up `weight * gradient` of the kernels while `trainModel` trains a model: for movement pruning, beside a hook that asks for the scores.
 * Elements that are masked stay 0 and score 0. The sums are part of checkpoints.
 *
 * @param model the one that is trained.
 * @example
 * const scoring = gradientScoring(model);
 * const pruning = gradualPruning(model, { schedule, scope: 'global', scores: () => scoring.scores.movement() });
 * await trainModel(tf, model, data, { ...options, hooks: [scoring, pruning] });
 */
export function gradientScoring(model: LayersModel): GradientScoring {
  const names = nameWeights(model)
    .filter(({ role, trainable }) => trainable && isKernelRole(role))
    .map(({ name }) => name);
  const scores = new GradientScores();
  return {
    name: 'gradient scoring',
    scores,
    afterGradients({ weights }, gradients) {
      const values = new Map(names.map((name) => [name, weights.get(name)!]));
      const known = new Map(
        Array.from(values, ([name, { length }]) => [name, gradients.get(name) ?? new Float32Array(length)]),
      );
      scores.add(values, known);
    },
    saveState: () => scores.save(),
    restoreState: (state) => scores.restore(state as ReturnType<GradientScores['save']>),
  };
}
