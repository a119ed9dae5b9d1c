import { type Clock, type ProgressListener, Random } from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import { buildModel } from '../model/build-model.ts';
import type { ModelTopology } from '../model/model-topology.ts';
import { readTopology } from '../model/read-topology.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import type { ClassificationData } from '../training/classification-data.ts';
import { makeShiftAugmenter } from '../training/shift-augmenter.ts';
import { trainModel } from '../training/train-model.ts';
import type { CheckpointStore } from '../training/training-checkpoint.ts';
import type { TrainingHistory } from '../training/training-history.ts';
import { endsInSoftmax } from '../training/training-loss.ts';
import type { StepReport, TrainingHook, WeightMasks } from '../training/training-options.ts';
import type { RecipeTraining } from './compression-recipe.ts';

/** What the stages of a run share. */
export interface StageContext {
  readonly tf: Tensorflow;
  readonly train: ClassificationData;
  readonly validation: ClassificationData;
  /** The model as it was before compression: the teacher of stages that distil. */
  readonly original: ModelTopology;
  readonly seed: number;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ProgressListener | undefined;
  /** Where the checkpoints of a stage lie; undefined for nowhere. */
  readonly checkpoints: ((stage: string) => CheckpointStore) | undefined;
  /** Called after every step of every stage; `'stop'` ends the stage. */
  readonly onStep?: (stage: string, report: StepReport) => 'stop' | undefined;
  /** Told of the milliseconds that a stage has trained for in a run that was interrupted. */
  readonly onEarlierWork?: (milliseconds: number) => void;
}

/** The model between two stages. */
export interface StageState {
  readonly topology: ModelTopology;
  /** What has been removed for good, by weight name. */
  readonly masks: WeightMasks;
  readonly history: readonly TrainingHistory[];
}

/** How a stage differs from plain training. */
export interface StageMethod {
  readonly hooks?: readonly TrainingHook[];
  readonly masks?: WeightMasks;
}

/** The seed of a stage: each draws from its own stream, so that a change in one leaves the others as they were. */
export function stageSeed(seed: number, stage: string): number {
  return new Random(seed).fork(stage).uint32();
}

/**
 * Trains a living model as a stage says, by the cross-entropy of its logits, or of its probabilities where it ends in a softmax.
 * @throws as `trainModel`.
 */
export async function trainStage(
  context: StageContext,
  stage: string,
  model: LayersModel,
  training: RecipeTraining,
  method: StageMethod = {},
): Promise<{ readonly history: TrainingHistory; readonly masks: WeightMasks }> {
  const { tf, train, validation, original, seed, clock, signal, onProgress, checkpoints, onStep } = context;
  const { epochs, batchSize, optimizer, learningRate, weightDecay, maxShiftPixels, distillation } = training;
  const { imageShape } = train;
  const teacher = distillation ? buildModel(tf, original) : null;
  const startMs = clock.nowMs();
  try {
    const { history, masks } = await trainModel(tf, model, train, {
      phase: stage,
      loss: endsInSoftmax(model) ? 'cross-entropy of probabilities' : 'cross-entropy of logits',
      epochs,
      batchSize,
      optimizer,
      learningRate,
      weightDecay,
      ...method,
      ...(distillation && teacher ? { distillation: { ...distillation, teacher } } : {}),
      ...(imageShape && maxShiftPixels > 0
        ? { augment: (random: Random) => makeShiftAugmenter(imageShape, maxShiftPixels, random) }
        : {}),
      validation,
      seed: stageSeed(seed, stage),
      clock,
      ...(checkpoints ? { checkpoint: { store: checkpoints(stage) } } : {}),
      ...(signal ? { signal } : {}),
      ...(onProgress ? { onProgress } : {}),
      ...(onStep ? { onStep: (report: StepReport) => onStep(stage, report) } : {}),
    });
    reportEarlierWork(context, history, clock.nowMs() - startMs);
    return { history, masks };
  } finally {
    teacher?.dispose();
  }
}

/** The durations of epochs are part of checkpoints: what exceeds the time of this run was spent in earlier ones. */
function reportEarlierWork(
  { onEarlierWork }: StageContext,
  { epochs }: TrainingHistory,
  spentMs: number,
): void {
  const trainedMs = epochs.reduce((sum, { durationMs }) => sum + durationMs, 0);
  if (trainedMs > spentMs) onEarlierWork?.(trainedMs - spentMs);
}

/** Builds the model of a state, lets `work` change it, and reads it again. */
export async function withModel(
  context: StageContext,
  state: StageState,
  work: (model: LayersModel) => Promise<{ readonly history: TrainingHistory; readonly masks: WeightMasks }>,
): Promise<StageState> {
  const model = buildModel(context.tf, state.topology);
  try {
    const { history, masks } = await work(model);
    return { topology: readTopology(model), masks, history: [...state.history, history] };
  } finally {
    model.dispose();
  }
}
