import { toOperatorModel } from '../export/operator-model.ts';
import { buildModel } from '../model/build-model.ts';
import type { CompressedModel } from '../model/compressed-model.ts';
import type { ClassificationData } from '../training/classification-data.ts';
import type { CompressionRecipe, PruningStage, QuantizationStage } from './compression-recipe.ts';
import { measureRows, removeStageChannels } from './prune-structure-stage.ts';
import { checkQuantization, codeAware, quantizeAfter } from './quantize-stage.ts';
import { roundFloats } from './round-floats.ts';
import { uncoded } from './run-recipe.ts';
import type { StageContext, StageState } from './stage-context.ts';

/**
 * Goes through the stages of a recipe on one sample and without training, so that what any of them would refuse, or the writer of the file, is
 * refused before work that takes long: layers, settings, and channels that cannot be removed.
 *
 * @returns what the recipe makes of the untrained model: of the same layers and codings as the result, of no use as a model.
 * @throws what the stages throw, and what `toOperatorModel` throws.
 */
export async function rehearseRecipe(
  context: StageContext,
  recipe: CompressionRecipe,
): Promise<CompressedModel> {
  const { structuredPruning, pruning, quantization, file } = recipe;
  const quiet: StageContext = {
    ...context,
    train: firstSample(context.train),
    onProgress: undefined,
    checkpoints: undefined,
  };
  let state: StageState = { topology: context.original, masks: new Map(), history: [] };
  if (structuredPruning) {
    state = { ...state, topology: removeStageChannels(quiet, state, structuredPruning).topology };
  }
  if (pruning) rehearsePruning(quiet, state, pruning);
  const coded = quantization
    ? await rehearseQuantization(quiet, state, quantization)
    : uncoded(state.topology);
  const compressed = roundFloats(coded, file);
  toOperatorModel(compressed, { batch: 1, weightOnly: 'decoded' });
  return compressed;
}

function firstSample(data: ClassificationData): ClassificationData {
  const size = data.features.length / data.count;
  return { ...data, features: data.features.slice(0, size), labels: data.labels.slice(0, 1), count: 1 };
}

function rehearsePruning(context: StageContext, { topology }: StageState, { scores }: PruningStage): void {
  if (scores !== 'activation') return;
  const model = buildModel(context.tf, topology);
  try {
    measureRows(context, model);
  } finally {
    model.dispose();
  }
}

/** The quickest ways to choose ranges and to round make codes of the same form. */
async function rehearseQuantization(
  context: StageContext,
  state: StageState,
  stage: QuantizationStage,
): Promise<CompressedModel> {
  const { training } = stage;
  if (training) return codeAware(context, state, stage, { ...training, scale: 'observed' });
  checkQuantization(context, state, stage);
  const quick: QuantizationStage = { ...stage, weightRange: 'min-max', rounding: 'nearest' };
  return (await quantizeAfter(context, state, quick)).compressed;
}
