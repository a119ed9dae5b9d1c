import { type Clock, systemClock } from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import { buildModel } from '../model/build-model.ts';
import { evaluateClassifier } from '../tfjs/evaluate-classifier.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import type { StepReport } from '../training/training-options.ts';
import type { CompressionData, CompressOptions } from './compress.ts';
import { type CompressionRecipe, recipeEpochs } from './compression-recipe.ts';
import { trainDenseControl } from './dense-control.ts';
import { planCompression } from './plan-compression.ts';
import { runDenseStages, runSparseStages } from './run-recipe.ts';
import { mostAttempts } from './search-sparsity.ts';
import type { StageContext, StageState } from './stage-context.ts';
import { withSparsity } from './targets.ts';

/** What one part of a compression takes. Plain, JSON-able data. */
export interface StageEstimate {
  /** As the progress names it: `dense control`, `pruning`; `validation` for the passes over the validation data after each epoch. */
  readonly stage: string;
  /** Steps, or passes, of one run of the stage. */
  readonly steps: number;
  /** How often the stage runs at most: more than once where a sparsity is searched. */
  readonly runs: number;
  readonly secondsPerStep: number;
  /** `steps * runs * secondsPerStep`. */
  readonly seconds: number;
}

/** What a compression takes, before it begins. Plain, JSON-able data. */
export interface CompressionEstimate {
  /** In the order in which they run; none for a recipe that does not train. */
  readonly stages: readonly StageEstimate[];
  /** Steps of training in all. */
  readonly steps: number;
  /** Of all stages. */
  readonly seconds: number;
}

/** Steps that are measured per stage: up to so many, fewer once they have taken so long. The first ones are slow: code and kernels are compiled. */
const MOST_STEPS = 60;
const LEAST_STEPS = 4;
const MEASURED_MS = 500;

/**
 * Estimates what {@link compress} with the same arguments would take, from the start: runs the first steps of each of its stages on copies of the
 * model and measures them. That takes half a second or four steps per stage, whichever is longer, and one pass over the validation data. Not counted are the preparation of stages,
 * quantisation after training, and writing the file.
 *
 * @throws before any work as `compress`; CancelledError, and what the first steps of the stages throw.
 * @example
 * const { seconds, stages } = await estimateCompression(tf, model, { train, validation }, { recipe: 'smallest' });
 */
export async function estimateCompression(
  tf: Tensorflow,
  model: LayersModel,
  data: CompressionData,
  options: CompressOptions = {},
): Promise<CompressionEstimate> {
  const { denseControl = true, clock = systemClock } = options;
  const { recipe, ladder, longest, context } = await planCompression(tf, model, data, options);
  if (recipeEpochs(longest) === 0) return { stages: [], steps: 0, seconds: 0 };
  const runs = ladder ? mostAttempts(ladder) : 1;
  const control = denseControl
    ? await measureSteps(context, clock, (watched) => trainDenseControl(watched, longest))
    : [];
  const typical = ladder ? withSparsity(recipe, ladder[ladder.length >> 1]!) : recipe;
  let state: StageState | null = null;
  const dense = await measureSteps(context, clock, async (watched) => {
    state = await runDenseStages(watched, recipe);
  });
  const sparse = await measureSteps(context, clock, (watched) =>
    runSparseStages(watched, trainedPart(typical), state!),
  );
  const training = [
    ...[...control, ...dense].map((stage) => estimateStage(stage, 1)),
    ...sparse.map((stage) => estimateStage(stage, runs)),
  ];
  const sparsePasses = recipeEpochs({ ...typical, training: null, structuredPruning: null });
  const densePasses =
    recipeEpochs(recipe) - recipeEpochs({ ...recipe, training: null, structuredPruning: null });
  const passes = densePasses + sparsePasses * runs + (denseControl ? recipeEpochs(longest) : 0);
  const secondsPerStep = measureValidation(context, clock);
  const all = [...training, estimateStage({ stage: 'validation', steps: passes, secondsPerStep }, 1)];
  return {
    stages: all,
    steps: training.reduce((sum, { steps, runs: times }) => sum + steps * times, 0),
    seconds: all.reduce((sum, { seconds }) => sum + seconds, 0),
  };
}

type MeasuredStage = Pick<StageEstimate, 'stage' | 'steps' | 'secondsPerStep'>;

function estimateStage(measured: MeasuredStage, runs: number): StageEstimate {
  const { steps, secondsPerStep } = measured;
  return { ...measured, runs, seconds: steps * runs * secondsPerStep };
}

function trainedPart(recipe: CompressionRecipe): CompressionRecipe {
  return recipe.quantization?.training ? recipe : { ...recipe, quantization: null };
}

/** Runs stages, each of which ends after its first steps. */
async function measureSteps(
  context: StageContext,
  clock: Clock,
  run: (watched: StageContext) => Promise<unknown>,
): Promise<MeasuredStage[]> {
  const totals = new Map<string, number>();
  const times = new Map<string, number[]>();
  const startMs = clock.nowMs();
  const onStep = (stage: string, { total }: StepReport) => {
    const known = times.get(stage) ?? [];
    const nowMs = clock.nowMs();
    known.push(nowMs);
    times.set(stage, known);
    totals.set(stage, total);
    const isLong = known.length >= LEAST_STEPS && nowMs - known[0]! > MEASURED_MS;
    return known.length >= MOST_STEPS || isLong ? 'stop' : undefined;
  };
  await run({ ...context, clock: systemClock, checkpoints: undefined, onProgress: undefined, onStep });
  return [...times].map(([stage, ends]) => ({
    stage,
    steps: totals.get(stage)!,
    secondsPerStep: medianDifference(ends, startMs) / 1000,
  }));
}

/** Of the second half of the steps: those before warm up. A single step counts from the start. */
function medianDifference(ends: readonly number[], startMs: number): number {
  if (ends.length === 1) return ends[0]! - startMs;
  const differences = ends
    .slice(1)
    .map((end, at) => end - ends[at]!)
    .slice((ends.length - 1) >> 1);
  return differences.sort((a, b) => a - b)[differences.length >> 1]!;
}

function measureValidation({ tf, original, validation }: StageContext, clock: Clock): number {
  const model = buildModel(tf, original);
  try {
    const startMs = clock.nowMs();
    evaluateClassifier(tf, model, validation);
    return (clock.nowMs() - startMs) / 1000;
  } finally {
    model.dispose();
  }
}
