import { type Clock, InvalidArgumentError, type ProgressListener, systemClock } from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import { exportContainer } from '../export/export-container.ts';
import type { ModelExport } from '../export/export-report.ts';
import { removeDeadHiddenUnits, sortHiddenUnits } from '../export/hidden-units.ts';
import { buildModel } from '../model/build-model.ts';
import type { CompressedModel } from '../model/compressed-model.ts';
import type { ModelTopology } from '../model/model-topology.ts';
import { readTopology } from '../model/read-topology.ts';
import type { CompressionReport } from '../report/compression-report.ts';
import { createCompressionReport } from '../report/create-compression-report.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import type { ClassificationData } from '../training/classification-data.ts';
import type { CheckpointStore } from '../training/training-checkpoint.ts';
import type { TrainingHistory } from '../training/training-history.ts';
import { checkpointNames } from './checkpoint-names.ts';
import type { CompressionRecipe, FileSettings } from './compression-recipe.ts';
import { trainDenseControl } from './dense-control.ts';
import { accuracyOf, gradeCompressed, gradeModel } from './grade-model.ts';
import { findRecipe, type RecipeName } from './named-recipes.ts';
import { parseRecipe } from './parse-recipe.ts';
import { roundToHalfPrecision } from './round-floats.ts';
import { type RecipeRun, runRecipe } from './run-recipe.ts';
import { type CompressionAttempt, searchSparsity } from './search-sparsity.ts';
import type { StageContext } from './stage-context.ts';
import { type CompressionTargets, recipeForTargets, withSparsity } from './targets.ts';

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
  /** What the result is to be like. With a limit of accuracy or bytes the sparsity is searched, in up to four runs of the recipe. */
  readonly targets?: CompressionTargets;
  /** Whether to train the uncompressed model for as many epochs, to compare with; default true. */
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
  /** Every sparsity that was tried; empty where none was searched. */
  readonly attempts: readonly CompressionAttempt[];
  readonly history: readonly TrainingHistory[];
  readonly seconds: number;
}

/**
 * Compresses a classifier in one call: prunes, quantises and trains it as a recipe says, trains the dense control beside it, and writes the packed
 * file, which is read back and compared. The given model is not changed. Equal seeds give equal bits on one backend of one machine.
 *
 * @throws before any work InvalidArgumentError for a recipe or target that cannot be, and what reading the model throws; ConvergenceError when no
 *   sparsity meets the targets, CancelledError, and what the stages throw.
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
  const recipe = chooseRecipe(options);
  const original = readTopology(model);
  const context = contextOf(tf, data, original, options);
  const control = denseControl ? await trainDenseControl(named(context, recipe), recipe) : null;
  const rival = control?.topology ?? original;
  const originalAccuracy = accuracyOfTopology(context, original);
  const rivalAccuracy = control ? accuracyOfTopology(context, rival) : originalAccuracy;
  const attempt = (tried: CompressionRecipe, sparsity: number) =>
    tryRecipe(named(context, tried), tried, sparsity, rivalAccuracy);
  const searches = targets.maxAccuracyDrop !== undefined || targets.maxBytes !== undefined;
  const { best, attempts } =
    searches && targets.sparsity === undefined
      ? await searchSparsity(targets, (sparsity) => attempt(withSparsity(recipe, sparsity), sparsity))
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
    seconds: (clock.nowMs() - startMs) / 1000,
  };
}

/**
 * Measures a compression on test data, which neither training nor any choice has seen, and reports on it layer by layer.
 * @throws ShapeMismatchError when the samples do not fit the model.
 */
export function reportCompression(
  tf: Tensorflow,
  compression: Compression,
  test: ClassificationData,
): CompressionReport {
  const { original, compressed, stored, reference, denseControl, file, recipe, seed, seconds } = compression;
  const grade = (topology: ModelTopology) => withBuilt(tf, topology, (model) => gradeModel(tf, model, test));
  return createCompressionReport({
    name: original.name,
    ...{ original, compressed, reference, recipe, seed, seconds },
    files: [{ format: file.report.format, bytes: file.bytes.byteLength }],
    outcomes: {
      original: grade(original),
      ...(denseControl ? { denseControl: grade(denseControl) } : {}),
      compressed: gradeCompressed(tf, stored, test),
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
  sparsity: number,
  rivalAccuracy: number,
): Promise<Attempt> {
  const run = await runRecipe(context, recipe);
  const stored = arrange(run.compressed, recipe.file);
  const file = exportContainer(stored, { coding: recipe.file.entropyCoding ? 'smallest' : 'fast' });
  const accuracy = accuracyOf(gradeCompressed(context.tf, stored, context.validation));
  const bytes = file.bytes.byteLength;
  const attempt = { sparsity, bytes, accuracy, accuracyDrop: rivalAccuracy - accuracy };
  return { recipe, run, stored, file, attempt };
}

function arrange(compressed: CompressedModel, { floats, entropyCoding }: FileSettings): CompressedModel {
  if (!entropyCoding) return compressed;
  const sorted = sortHiddenUnits(removeDeadHiddenUnits(compressed).model);
  // What dead units added to biases may need rounding again.
  return floats === 'float16' ? roundToHalfPrecision(sorted) : sorted;
}

function chooseRecipe({ recipe, targets }: CompressOptions): CompressionRecipe {
  const base = typeof recipe === 'string' ? findRecipe(recipe) : recipe && parseRecipe(recipe);
  if (targets && Object.values(targets).some((target) => target !== undefined)) {
    return recipeForTargets(targets, base);
  }
  return base ?? findRecipe('int4');
}

function sparsityOf({ pruning }: CompressionRecipe): number {
  if (!pruning) return 0;
  return pruning.schedule.kind === 'constant' ? pruning.schedule.sparsity : pruning.schedule.final;
}

function contextOf(
  tf: Tensorflow,
  { train, validation }: CompressionData,
  original: ModelTopology,
  { seed = 0, signal, onProgress, checkpoints }: CompressOptions,
): StageContext {
  const [output] = original.outputs;
  if (original.inputs.length !== 1 || original.outputs.length !== 1 || !output) {
    throw new InvalidArgumentError(
      'Only classifiers with one input and one output can be compressed in one call',
      {
        expected: 'one input, one output of logits',
        actual: { inputs: original.inputs.length, outputs: original.outputs.length },
        remedy: 'Run the stages one by one: trainModel, gradualPruning, prepareForQuantizationAwareTraining.',
      },
    );
  }
  return { tf, train, validation, original, seed, signal, onProgress, checkpoints };
}

/** Gives each recipe, model and seed checkpoints of its own. */
function named(context: StageContext, recipe: CompressionRecipe): StageContext {
  const { checkpoints, original, seed } = context;
  if (!checkpoints) return context;
  const nameOf = checkpointNames(recipe, original, seed);
  return { ...context, checkpoints: (stage) => checkpoints(nameOf(stage)) };
}

function accuracyOfTopology({ tf, validation }: StageContext, topology: ModelTopology): number {
  return withBuilt(tf, topology, (model) => accuracyOf(gradeModel(tf, model, validation)));
}

function withBuilt<Result>(
  tf: Tensorflow,
  topology: ModelTopology,
  use: (model: LayersModel) => Result,
): Result {
  const model = buildModel(tf, topology);
  try {
    return use(model);
  } finally {
    model.dispose();
  }
}
