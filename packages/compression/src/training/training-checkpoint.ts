import { FileFormatError, InvalidArgumentError } from '@qedge/core';
import type { EarlyStoppingState } from './early-stopping.ts';
import type { WeightArrays } from './model-weights.ts';
import type { OptimizerState } from './optimizer.ts';
import type { TrainingEpoch } from './training-history.ts';
import type { TrainingEnd, WeightMasks } from './training-options.ts';

/** What a training was started with; one that goes on must be started with the same. */
export interface TrainingSetup {
  readonly phase: string;
  readonly seed: number;
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  /** Null for a stream. */
  readonly batchSize: number | null;
  /** Names of the hooks. */
  readonly hooks: readonly string[];
}

/**
 * All that decides how a training goes on, as plain data that owns its arrays and survives `structuredClone`. The streams of random numbers are
 * functions of seed, epoch and step, so that these stand for them. A training that goes on from here ends with the bits of one that was never
 * interrupted, on the same backend.
 */
export interface TrainingCheckpoint {
  readonly format: 'qedge-training-checkpoint';
  readonly version: 1;
  readonly setup: TrainingSetup;
  /** Steps done. */
  readonly step: number;
  /** Null while training is under way. */
  readonly ended: TrainingEnd | null;
  /** All weights of the model, moving statistics too. */
  readonly weights: WeightArrays;
  readonly optimizer: OptimizerState;
  readonly masks: WeightMasks;
  /** Of the epoch that is under way: the loss summed over samples (over steps for a stream), and the time. */
  readonly epoch: { readonly lossSum: number; readonly count: number; readonly durationMs: number };
  readonly history: readonly TrainingEpoch[];
  readonly earlyStopping: EarlyStoppingState | null;
  /** By name of the hook. */
  readonly hooks: ReadonlyMap<string, unknown>;
}

/** Where a checkpoint lies between runs. It holds one, the latest. */
export interface CheckpointStore {
  /** The latest checkpoint, or null. What it returns is not kept by the training. */
  load(): Promise<TrainingCheckpoint | null>;
  /** Replaces the checkpoint, whole or not at all. The store may keep what it is given. */
  save(checkpoint: TrainingCheckpoint): Promise<void>;
}

/** A store in memory, for one process. */
export function memoryCheckpointStore(): CheckpointStore {
  let latest: TrainingCheckpoint | null = null;
  return {
    load: async () => latest,
    save: async (checkpoint) => {
      latest = checkpoint;
    },
  };
}

/**
 * Checks that a checkpoint is one and belongs to this training.
 * @throws FileFormatError for something else, InvalidArgumentError for a training with another setup.
 */
export function requireSameSetup(checkpoint: TrainingCheckpoint, setup: TrainingSetup): void {
  if (checkpoint.format !== 'qedge-training-checkpoint' || checkpoint.version !== 1) {
    throw new FileFormatError('The store does not hold a checkpoint of a training', {
      expected: 'qedge-training-checkpoint, version 1',
      actual: `${String(checkpoint.format)}, version ${String(checkpoint.version)}`,
    });
  }
  const [stored, wanted] = [JSON.stringify(sorted(checkpoint.setup)), JSON.stringify(sorted(setup))];
  if (stored !== wanted) {
    throw new InvalidArgumentError('The checkpoint is that of another training', {
      expected: wanted,
      actual: stored,
      remedy: 'Start with the options of the interrupted training, or with an empty store.',
    });
  }
}

function sorted(setup: TrainingSetup) {
  const { phase, seed, epochs, stepsPerEpoch, batchSize, hooks } = setup;
  return { phase, seed, epochs, stepsPerEpoch, batchSize, hooks };
}
