import type { RangeMethod } from '../quantization/create-range-observer.ts';
import type { DataSplit } from '../training/classification-data.ts';
import type { LearningRateSchedule } from '../training/learning-rate.ts';

/** How a stage trains. */
export interface StageTraining {
  /** Passes over the training data, an integer >= 0. */
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: LearningRateSchedule;
  /** Decoupled weight decay of the kernels, per unit of learning rate. */
  readonly weightDecay: number;
  /** Random moves of each image by up to this many pixels; ignored for data that is not images. */
  readonly maxShiftPixels: number;
  /** Learns from the model as it was before compression as well. */
  readonly distillation?: { readonly temperature: number; readonly weight: number };
}

/** Removes single weights, step by step while the model trains; what is left trains on. */
export interface PruneWeightsStage {
  readonly kind: 'prune-weights';
  /** Fraction of the kernel weights that are removed in the end, 0..1. */
  readonly sparsity: number;
  /** What decides: `|w|`, or `|w| * rms(input)`. */
  readonly score: 'magnitude' | 'activation';
  /** Whether the weights of all layers compete, or each layer reaches the sparsity on its own. */
  readonly scope: 'global' | 'layer';
  /** Fraction of the stage's steps after which the sparsity is reached, 0..1. */
  readonly rampFraction: number;
  /** Steps between two choices. */
  readonly intervalSteps: number;
  readonly training: StageTraining;
}

/** Removes whole channels, so that layers get smaller, in rounds with training after each. */
export interface PruneChannelsStage {
  readonly kind: 'prune-channels';
  /** Fraction of the model's multiply-accumulates that is left in the end, above 0 and below 1. */
  readonly macs: number;
  /** In how many rounds, an integer >= 1. */
  readonly rounds: number;
  /** The channels that are kept are a multiple of this, where a layer has more. */
  readonly roundTo: number;
  /** After each round. */
  readonly training: StageTraining;
}

/** How weights and inputs of layers become integers. */
export interface CodingRecipe {
  /** Bits per weight: 8, 6, 4, 3, 2 (ternary) or 1 (binary). */
  readonly weightBits: number;
  /** One scale for a kernel, one per output channel, or one per group of so many rows and output channel. */
  readonly weightScales: 'tensor' | 'channel' | { readonly groupSize: number };
  /** How ranges of weights are chosen. */
  readonly weightRange: RangeMethod;
  /** 8: inputs of layers are coded as well; null: only weights are. */
  readonly activationBits: 8 | null;
}

/** Codes the model without training, from a few samples. */
export interface QuantizeAfterTrainingStage {
  readonly kind: 'quantize-after-training';
  readonly coding: CodingRecipe;
  /** Evens out the ranges of neighbouring layers first. */
  readonly equalize: boolean;
  /** How weights are rounded: to the nearest code, with corrected biases, or adaptively (AdaRound). */
  readonly rounding: 'nearest' | 'bias-corrected' | 'adaptive';
  /** Samples of the training data that are looked at. */
  readonly calibrationSamples: number;
}

/** Trains the model with the arithmetic of its codes. */
export interface QuantizeAwareStage {
  readonly kind: 'quantize-aware';
  readonly coding: CodingRecipe;
  /** Whether the steps of the weights' codes are learned with the weights (LSQ), or follow their range. */
  readonly learnedSteps: boolean;
  /** Whether weights that pruning kept may become 0. */
  readonly keepSurvivors: boolean;
  readonly training: StageTraining;
}

/** Trains on as the model is, such as between other stages. */
export interface TrainStage {
  readonly kind: 'train';
  readonly training: StageTraining;
}

/** One step of a recipe. */
export type CompressionStage =
  | TrainStage
  | PruneWeightsStage
  | PruneChannelsStage
  | QuantizeAfterTrainingStage
  | QuantizeAwareStage;

/** How the compressed model is written to our own container. */
export interface FileRecipe {
  /** How scales of codes are kept. Rounded before training ends, so that the file holds what was trained. */
  readonly scales: 'float32' | 'float16';
  readonly biases: 'float32' | 'float16' | 'int8';
  /** Whether hidden units may change places, and dead ones go, where that makes the file smaller and the results stay the same. */
  readonly arrangeUnits: boolean;
}

/** Every constant of compressing a model. Plain, JSON-able data. */
export interface CompressionRecipe {
  readonly name: string;
  /** At least one; at most one quantises, and nothing comes after it. */
  readonly stages: readonly CompressionStage[];
  readonly file: FileRecipe;
}

/** How the guide's network is made, where no model is given. Plain, JSON-able data. */
export interface TrainingRecipe {
  readonly split: DataSplit;
  readonly hiddenUnits: readonly number[];
  readonly training: StageTraining;
}

/** Epochs of all stages: what a dense control must be given as well. */
export function extraEpochs({ stages }: CompressionRecipe): number {
  return stages.reduce((sum, stage) => sum + epochsOf(stage), 0);
}

function epochsOf(stage: CompressionStage): number {
  if (!('training' in stage)) return 0;
  return stage.training.epochs * (stage.kind === 'prune-channels' ? stage.rounds : 1);
}
