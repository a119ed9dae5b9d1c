import type { ModelTopology } from '../model/model-topology.ts';
import type { TrainingHistory } from '../training/training-history.ts';
import { type CompressionRecipe, type RecipeTraining, recipeEpochs } from './compression-recipe.ts';
import { type StageContext, trainStage, withModel } from './stage-context.ts';

/** The uncompressed rival of a compressed model. */
export interface DenseControl {
  readonly topology: ModelTopology;
  readonly history: readonly TrainingHistory[];
}

/**
 * Trains the model as it was given for as many epochs as the recipe does, without compression: with the batches and shifts of the first stage that
 * trains, its first learning rate, the lowest last one of all stages, and a weight decay of its own. Extra training alone makes most models better, so that
 * this is what a compressed model has to be compared with.
 *
 * @returns the model as it was where the recipe does not train.
 * @throws as `trainModel`.
 */
export async function trainDenseControl(
  context: StageContext,
  recipe: CompressionRecipe,
): Promise<DenseControl> {
  const { training, structuredPruning, pruning, quantization } = recipe;
  const stages = [training, structuredPruning?.training, pruning?.training, quantization?.training].filter(
    (stage): stage is RecipeTraining => stage !== null && stage !== undefined,
  );
  const [first] = stages;
  const start = { topology: context.original, masks: new Map(), history: [] };
  if (!first) return start;
  const { initial } = first.learningRate;
  const final = Math.min(initial, ...stages.map(lastLearningRate));
  const { topology, history } = await withModel(context, start, (model) =>
    trainStage(context, 'dense control', model, {
      ...first,
      epochs: recipeEpochs(recipe),
      weightDecay: recipe.denseControl.weightDecay,
      learningRate: { kind: 'cosine', initial, final },
      distillation: null,
    }),
  );
  return { topology, history };
}

function lastLearningRate({ learningRate }: RecipeTraining): number {
  if (learningRate.kind === 'constant') return learningRate.initial;
  if (learningRate.kind === 'step') {
    return learningRate.initial * learningRate.factor ** learningRate.drops.length;
  }
  return learningRate.final;
}
