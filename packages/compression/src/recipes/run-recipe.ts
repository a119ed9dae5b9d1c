import type { CompressedModel } from '../model/compressed-model.ts';
import type { ModelTopology } from '../model/model-topology.ts';
import type { TrainingHistory } from '../training/training-history.ts';
import type { CompressionRecipe, RecipeTraining } from './compression-recipe.ts';
import { pruneStructure } from './prune-structure-stage.ts';
import { pruneWeights } from './prune-weights-stage.ts';
import { quantizeAfter, quantizeAware } from './quantize-stage.ts';
import { roundFloats } from './round-floats.ts';
import { type StageContext, type StageState, trainStage, withModel } from './stage-context.ts';

/** What the stages of a recipe made. */
export interface RecipeRun {
  readonly compressed: CompressedModel;
  /** The float32 weights right before they were coded, or before training through the rounding began; for models without codes, the last trained ones. */
  readonly reference: ModelTopology;
  readonly history: readonly TrainingHistory[];
}

/**
 * Runs the stages of a recipe that come before weights are removed, each on the model that the one before it made: they are the same whatever the
 * sparsity. Equal contexts and recipes give equal bits on one backend.
 * @throws what the stages throw; nothing is left behind when one fails or is cancelled, but the checkpoints.
 */
export async function runDenseStages(
  context: StageContext,
  { training, structuredPruning }: CompressionRecipe,
): Promise<StageState> {
  let state: StageState = { topology: context.original, masks: new Map(), history: [] };
  if (training) state = await train(context, state, training);
  if (structuredPruning) state = await pruneStructure(context, state, structuredPruning);
  return state;
}

/**
 * Runs the other stages on what {@link runDenseStages} made.
 * @throws as that.
 */
export async function runSparseStages(
  context: StageContext,
  { pruning, quantization, file }: CompressionRecipe,
  dense: StageState,
): Promise<RecipeRun> {
  const state = pruning ? await pruneWeights(context, dense, pruning) : dense;
  const quantized = !quantization
    ? { compressed: uncoded(state.topology), reference: state.topology, history: state.history }
    : quantization.training
      ? await quantizeAware(context, state, quantization, quantization.training)
      : await quantizeAfter(context, state, quantization);
  const { compressed, reference, history } = quantized;
  return {
    compressed: roundFloats(compressed, file),
    reference,
    history,
  };
}

function train(context: StageContext, state: StageState, training: RecipeTraining): Promise<StageState> {
  return withModel(context, state, (model) => trainStage(context, 'training', model, training));
}

/** A float32 model in the form of compressed ones. */
export function uncoded(topology: ModelTopology): CompressedModel {
  return { topology, codes: new Map(), inputs: new Map() };
}
