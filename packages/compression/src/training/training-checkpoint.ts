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
  /** Optimiser, rates, decay and loss (`function` for one that is not named), as JSON. */
  readonly settings: string;
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
 * Checks that something that was stored is a checkpoint; whether it fits a model is found when it is restored.
 * @throws FileFormatError naming the first part that is wrong.
 */
export function requireCheckpoint(value: unknown): TrainingCheckpoint {
  const stored = (typeof value === 'object' && value !== null ? value : {}) as Partial<TrainingCheckpoint>;
  const { setup, optimizer, epoch, earlyStopping } = stored;
  const parts: Record<string, boolean> = {
    format: stored.format === 'qedge-training-checkpoint' && stored.version === 1,
    setup: isRecord(setup) && Array.isArray(setup.hooks),
    step: isCount(stored.step),
    ended: stored.ended === null || typeof stored.ended === 'string',
    weights: isMapOf(stored.weights, Float32Array),
    optimizer:
      isRecord(optimizer) &&
      isCount(optimizer.step) &&
      Array.isArray(optimizer.moments) &&
      optimizer.moments.every((moments) => isListOf(moments, Float32Array)),
    masks: isMapOf(stored.masks, Uint8Array),
    epoch: isRecord(epoch) && [epoch.lossSum, epoch.count, epoch.durationMs].every(Number.isFinite),
    history: Array.isArray(stored.history) && stored.history.every(isRecord),
    earlyStopping:
      earlyStopping === null ||
      (isRecord(earlyStopping) &&
        (earlyStopping.weights === null || isMapOf(earlyStopping.weights, Float32Array))),
    hooks: stored.hooks instanceof Map,
  };
  const wrong = Object.keys(parts).find((part) => !parts[part]);
  if (wrong === undefined) return stored as TrainingCheckpoint;
  throw new FileFormatError('This is not a checkpoint of a training', {
    expected: 'qedge-training-checkpoint, version 1',
    actual: `another "${wrong}"`,
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isListOf(list: unknown, type: typeof Float32Array | typeof Uint8Array): boolean {
  return Array.isArray(list) && list.every((element) => element instanceof type);
}

function isMapOf(map: unknown, type: typeof Float32Array | typeof Uint8Array): boolean {
  return map instanceof Map && isListOf([...map.values()], type);
}

/**
 * Checks that a checkpoint is one and belongs to this training.
 * @throws FileFormatError for something else, InvalidArgumentError for a training with another setup.
 */
export function requireSameSetup(checkpoint: TrainingCheckpoint, setup: TrainingSetup): void {
  const [stored, wanted] = [requireCheckpoint(checkpoint).setup, setup].map(describeSetup);
  if (stored !== wanted) {
    throw new InvalidArgumentError('The checkpoint is that of another training', {
      expected: wanted,
      actual: stored,
      remedy: 'Start with the options of the interrupted training, or with an empty store.',
    });
  }
}

/** The same text for equal setups, whatever the order of the fields. */
function describeSetup({ phase, seed, epochs, stepsPerEpoch, batchSize, hooks, settings }: TrainingSetup) {
  return JSON.stringify({ phase, seed, epochs, stepsPerEpoch, batchSize, hooks, settings });
}
