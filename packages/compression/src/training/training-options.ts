import type { Clock, ProgressListener } from '@qedge/core';
import type { DistillationSettings } from './distillation.ts';
import type { EarlyStoppingSettings } from './early-stopping.ts';
import type { LearningRateSchedule } from './learning-rate.ts';
import type { OptimizerSettings } from './make-optimizer.ts';
import type { WeightArrays } from './model-weights.ts';
import type { Augmentation } from './sample-batches.ts';
import type { CheckpointStore } from './training-checkpoint.ts';
import type { TrainingData } from './training-data.ts';
import type { TrainingEpoch, TrainingHistory } from './training-history.ts';
import type { TrainingLoss } from './training-loss.ts';

/** By weight name, 1 where a weight is trained and 0 where it stays 0. Weights that are not named are trained. */
export type WeightMasks = ReadonlyMap<string, Uint8Array>;

/** What a step did. */
export interface StepReport {
  /** Steps done, this one included. */
  readonly step: number;
  readonly total: number;
  /** From 1. */
  readonly epoch: number;
  /** Mean over the batch, before the step. */
  readonly loss: number;
  readonly learningRate: number;
}

/** Where training stands when a hook is called. */
export interface TrainingMoment {
  /** Steps done. */
  readonly step: number;
  readonly total: number;
  /** `step / total`; 1 when there are none. */
  readonly progress: number;
  /** Arrays of the trained weights; read only. To change weights, write the model's variables. */
  readonly weights: WeightArrays;
  readonly masks: WeightMasks;
  /**
   * Replaces all masks: weights and what the optimiser remembers of them become 0 where a mask is 0. Early stopping starts over.
   * @throws InvalidArgumentError for a name or length that is none of a trained weight.
   */
  setMasks(masks: WeightMasks): void;
}

/** A method that works while a model is trained: pruning, quantisation. Its calls are awaited. */
export interface TrainingHook {
  /** Unique among the hooks of a run; what its state is saved under. */
  readonly name: string;
  /** Called before each step, outside of any gradient. */
  beforeStep?(moment: TrainingMoment): void | Promise<void>;
  /**
   * Called in each step with the gradients of the batch, before the optimiser uses them: by weight name, of the mean loss, for masked elements too.
   * A weight that the loss does not depend on is missing. Borrowed.
   */
  afterGradients?(moment: TrainingMoment, gradients: WeightArrays): void | Promise<void>;
  /** Called once after the last step, before the best weights are restored. Not when training fails or is cancelled. */
  finish?(moment: TrainingMoment): void | Promise<void>;
  /** What is not in the model's weights, for checkpoints: numbers, strings, booleans, null, typed arrays, lists, maps, records of them. */
  saveState?(): unknown;
  /** Takes over what {@link saveState} gave, before the first step of a resumed training. */
  restoreState?(state: unknown): void;
}

/** Options of `trainModel`. */
export interface TrainModelOptions {
  /** What the history and the progress call it; default `training`. */
  readonly phase?: string;
  /** Passes over the data; an integer >= 0. */
  readonly epochs: number;
  /** Samples per step, an integer >= 1; the last step of an epoch may have fewer. For data in memory; streams have batches already. */
  readonly batchSize?: number;
  /** Default `cross-entropy of logits`. The losses of the model's regularisers are added. */
  readonly loss?: TrainingLoss;
  /** Default Adam. */
  readonly optimizer?: OptimizerSettings;
  readonly learningRate: LearningRateSchedule;
  /** Decoupled weight decay of the kernels, per unit of learning rate; default 0. */
  readonly weightDecay?: number;
  /** What stays exactly 0, through the optimiser's memory too. */
  readonly masks?: WeightMasks;
  /** Learns from a teacher as well. */
  readonly distillation?: DistillationSettings;
  /** Changes each sample at random, anew in every epoch. For data in memory. */
  readonly augment?: Augmentation;
  /** Measured after every epoch, never trained on. */
  readonly validation?: TrainingData;
  /** Needs validation data. */
  readonly earlyStopping?: EarlyStoppingSettings;
  readonly hooks?: readonly TrainingHook[];
  /** Called after every step, and awaited. Training stops when it answers `'stop'`. */
  readonly onStep?: (report: StepReport) => unknown;
  /** Called after every epoch, and awaited. Training stops when it answers `'stop'`. */
  readonly onEpoch?: (epoch: TrainingEpoch) => unknown;
  /** Saves now and then, on cancellation and at the end, and goes on from what the store holds. */
  readonly checkpoint?: {
    readonly store: CheckpointStore;
    /** Steps between two saves, an integer >= 1; default: once per epoch. */
    readonly everySteps?: number;
  };
  /** Seed of the order of the samples, the augmentation and the noise of dropout. */
  readonly seed: number;
  readonly signal?: AbortSignal;
  /** `done` and `total` count steps. */
  readonly onProgress?: ProgressListener;
  /** For the durations in the history; default: the machine's. */
  readonly clock?: Clock;
}

/** Why training ended. */
export type TrainingEnd = 'all epochs' | 'early stopping' | 'callback';

/** What `trainModel` did. */
export interface TrainingResult {
  readonly history: TrainingHistory;
  /** Steps in all, those before a resumption included. */
  readonly steps: number;
  readonly ended: TrainingEnd;
  /** From 1: the best epoch by early stopping, whose weights the model holds if they were to be restored; null without. */
  readonly bestEpoch: number | null;
  /** As they were at the end. */
  readonly masks: WeightMasks;
}
