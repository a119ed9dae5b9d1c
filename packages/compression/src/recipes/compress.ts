import { type Clock, type ProgressListener, systemClock } from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import { exportContainer } from '../export/export-container.ts';
import type { ModelExport } from '../export/export-report.ts';
import { removeDeadHiddenUnits, sortHiddenUnits } from '../export/hidden-units.ts';
import type { CompressedModel } from '../model/compressed-model.ts';
import type { ModelTopology } from '../model/model-topology.ts';
import { gradePredictions, type Outcomes } from '../report/compare-paired.ts';
import type { CompressionReport } from '../report/compression-report.ts';
import { createCompressionReport } from '../report/create-compression-report.ts';
import { evaluateClassifier } from '../tfjs/evaluate-classifier.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import type { ClassificationData } from '../training/classification-data.ts';
import type { CheckpointStore } from '../training/training-checkpoint.ts';
import type { TrainingHistory } from '../training/training-history.ts';
import { checkpointNames } from './checkpoint-names.ts';
import type { CompressionRecipe, FileSettings } from './compression-recipe.ts';
import { trainDenseControl } from './dense-control.ts';
import type { RecipeName } from './named-recipes.ts';
import { planCompression } from './plan-compression.ts';
import { roundFloats } from './round-floats.ts';
import { type RecipeRun, runDenseStages, runSparseStages, uncoded } from './run-recipe.ts';
import { type CompressionAttempt, searchSparsity } from './search-sparsity.ts';
import type { StageContext, StageState } from './stage-context.ts';
import { type CompressionTargets, withSparsity } from './targets.ts';

/** What {@link compress} learns from. The test data stay with the caller: see {@link reportCompression}. */
export interface CompressionData {
  readonly train: ClassificationData;
  /** Decides between attempts; never trained on. */
  readonly validation: ClassificationData;
}

/** Options of {@link compress}. */
export interface CompressOptions {
  /** How; a name or plain data. Default: what the targets ask for, or `int4`. */
  readonly recipe?: RecipeName | CompressionRecipe;
  /**
   * What the result is to be like. With a limit of accuracy or bytes the sparsity is searched, in up to four runs of the recipe; a sparsity that
   * is given as well is run alone, and has to meet the limits; so is 0 at 1 bit, which has no code for removed weights.
   */
  readonly targets?: CompressionTargets;
  /** Whether to train the uncompressed model for as many epochs as the longest attempt, to compare with; default true. */
  readonly denseControl?: boolean;
  /** Default 0. */
  readonly seed?: number;
  /** Where checkpoints lie, by a name that is fit for a file; a run that was interrupted goes on from them with the same bits. */
  readonly checkpoints?: (name: string) => CheckpointStore;
  readonly signal?: AbortSignal;
  /** `done` and `total` count the steps of the stage that is named. */
  readonly onProgress?: ProgressListener;
  readonly clock?: Clock;
}

/** A compressed model with its file, and how it came about. */
export interface Compression {
  /** What was run in the end. */
  readonly recipe: CompressionRecipe;
  readonly seed: number;
  readonly original: ModelTopology;
  readonly compressed: CompressedModel;
  /** The float32 weights right before they were coded. */
  readonly reference: ModelTopology;
  /** The uncompressed rival with the same extra epochs; null where none was asked for. */
  readonly denseControl: ModelTopology | null;
  /** What the file holds: the same function, its hidden units in an order that suits the entropy coder, without dead ones. */
  readonly stored: CompressedModel;
  /** The packed container of it, read back and compared. */
  readonly file: ModelExport;
  /** Accuracies on the validation data. */
  readonly validation: {
    readonly original: number;
    readonly denseControl: number | null;
    readonly compressed: number;
  };
  /** Every sparsity that was tried; empty without limits of accuracy and bytes. */
  readonly attempts: readonly CompressionAttempt[];
  readonly history: readonly TrainingHistory[];
  /** Those of earlier runs that were interrupted included, as far as their checkpoints know. */
  readonly seconds: number;
}

/**
 * Compresses a classifier in one call: prunes, quantises and trains it as a recipe says, trains the dense control beside it, and writes the packed
 * file, which is read back and compared. The given model is not changed. Equal seeds give equal bits on one backend of one machine.
 *
 * @param model a classifier with one input of a fixed size and one output `[classes]`, logits or the probabilities of a softmax. Borrowed.
 * @throws before any work InvalidArgumentError for a recipe, a target or samples that cannot be, UnsupportedError for a model that is no such
 *   classifier, ShapeMismatchError and NonFiniteValueError for samples that do not fit, what reading the model throws, and what a stage of the recipe or the
 *   file cannot hold, such as a shared layer that is to be coded after training; ConvergenceError when no sparsity meets the targets, CancelledError, and
 *   what training throws.
 * @example
 * const { compressed, file, validation } = await compress(tf, model, { train, validation }, { recipe: 'int4' });
 * await writeFile('small.qez', file.bytes);
 */
export async function compress(
  tf: Tensorflow,
  model: LayersModel,
  data: CompressionData,
  options: CompressOptions = {},
): Promise<Compression> {
  const { targets = {}, denseControl = true, seed = 0, clock = systemClock } = options;
  const startMs = clock.nowMs();
  let earlierMs = 0;
  const { recipe, ladder, longest, ...plan } = await planCompression(tf, model, data, options);
  const context: StageContext = {
    ...plan.context,
    onEarlierWork: (milliseconds) => {
      earlierMs += milliseconds;
    },
  };
  const { original } = context;
  const control = denseControl ? await trainDenseControl(named(context, longest), longest) : null;
  const rival = control?.topology ?? original;
  const originalAccuracy = accuracyOf(context, uncoded(original));
  const rivalAccuracy = control ? accuracyOf(context, uncoded(rival)) : originalAccuracy;
  // Named by what they depend on: the attempts of a search share them.
  const denseNames = named(context, { ...recipe, pruning: null, quantization: null });
  const dense = await runDenseStages(denseNames, recipe);
  const attempt = (tried: CompressionRecipe, sparsity: number) =>
    tryRecipe(named(context, tried), tried, dense, sparsity, rivalAccuracy);
  const { best, attempts } = ladder
    ? await searchSparsity(targets, (sparsity) => attempt(withSparsity(recipe, sparsity), sparsity), ladder)
    : { best: await attempt(recipe, sparsityOf(recipe)), attempts: [] };
  return {
    recipe: best.recipe,
    seed,
    original,
    compressed: best.run.compressed,
    reference: best.run.reference,
    denseControl: control?.topology ?? null,
    stored: best.stored,
    file: best.file,
    validation: {
      original: originalAccuracy,
      denseControl: control && rivalAccuracy,
      compressed: best.attempt.accuracy,
    },
    attempts,
    history: [...(control?.history ?? []), ...best.run.history],
    seconds: (clock.nowMs() - startMs + earlierMs) / 1000,
  };
}

/**
 * Measures a compression on test data, which neither training nor any choice has seen, and reports on it layer by layer.
 * @throws InvalidArgumentError for no samples or a label that the model has no output for, ShapeMismatchError when the samples do not fit the
 *   model, NonFiniteValueError for NaN or infinity.
 */
export function reportCompression(
  tf: Tensorflow,
  compression: Compression,
  test: ClassificationData,
): CompressionReport {
  const { original, compressed, stored, reference, denseControl, file, recipe, seed, seconds } = compression;
  const grade = (model: CompressedModel): Outcomes =>
    gradePredictions(evaluateClassifier(tf, model, test).predictions, test.labels);
  return createCompressionReport({
    name: original.name,
    ...{ original, compressed, reference, recipe, seed, seconds },
    files: [{ format: file.report.format, bytes: file.bytes.byteLength }],
    outcomes: {
      original: grade(uncoded(original)),
      ...(denseControl ? { denseControl: grade(uncoded(denseControl)) } : {}),
      compressed: grade(stored),
    },
  });
}

interface Attempt {
  readonly recipe: CompressionRecipe;
  readonly run: RecipeRun;
  readonly stored: CompressedModel;
  readonly file: ModelExport;
  readonly attempt: CompressionAttempt;
}

async function tryRecipe(
  context: StageContext,
  recipe: CompressionRecipe,
  dense: StageState,
  sparsity: number,
  rivalAccuracy: number,
): Promise<Attempt> {
  const run = await runSparseStages(context, recipe, dense);
  const stored = arrange(run.compressed, recipe.file);
  const file = exportContainer(stored, { coding: recipe.file.entropyCoding ? 'smallest' : 'fast' });
  const accuracy = accuracyOf(context, stored);
  const bytes = file.bytes.byteLength;
  const attempt = { sparsity, bytes, accuracy, accuracyDrop: rivalAccuracy - accuracy };
  return { recipe, run, stored, file, attempt };
}

function arrange(compressed: CompressedModel, settings: FileSettings): CompressedModel {
  if (!settings.entropyCoding) return compressed;
  const sorted = sortHiddenUnits(removeDeadHiddenUnits(compressed).model);
  // What dead units added to biases may need rounding again.
  return roundFloats(sorted, settings);
}

function sparsityOf({ pruning }: CompressionRecipe): number {
  if (!pruning) return 0;
  return pruning.schedule.kind === 'constant' ? pruning.schedule.sparsity : pruning.schedule.final;
}

/** Gives each recipe, model, seed and training set checkpoints of its own. */
function named(context: StageContext, recipe: CompressionRecipe): StageContext {
  const { checkpoints, original, seed, train } = context;
  if (!checkpoints) return context;
  const nameOf = checkpointNames(recipe, original, seed, train);
  return { ...context, checkpoints: (stage) => checkpoints(nameOf(stage)) };
}

function accuracyOf({ tf, validation }: StageContext, model: CompressedModel): number {
  return evaluateClassifier(tf, model, validation).accuracy;
}
