import { activationScores } from '../pruning/weight-scores.ts';
import { gradualPruning } from '../training/gradual-pruning.ts';
import type { PruningStage } from './compression-recipe.ts';
import { measureRows } from './prune-structure-stage.ts';
import { type StageContext, type StageState, trainStage, withModel } from './stage-context.ts';

/**
 * Removes single weights of the kernels while the model trains; what is removed stays 0 in the stages after it.
 * @throws as `gradualPruning` and `trainModel`.
 */
export function pruneWeights(
  context: StageContext,
  state: StageState,
  { schedule, scores, scope, training }: PruningStage,
): Promise<StageState> {
  return withModel(context, state, (model) => {
    const hook = gradualPruning(model, {
      schedule,
      scope,
      ...(scores === 'activation'
        ? { scores: (kernels) => activationScores(kernels, measureRows(context, model)) }
        : {}),
    });
    return trainStage(context, 'pruning', model, training, { hooks: [hook], masks: state.masks });
  });
}
