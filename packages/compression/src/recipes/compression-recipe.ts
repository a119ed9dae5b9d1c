import type { SparsitySchedule } from '../pruning/sparsity-schedule.ts';
import type { RangeMethod } from '../quantization/create-range-observer.ts';
import type { ChannelTarget } from '../structured/select-channels.ts';
import type { LearningRateSchedule } from '../training/learning-rate.ts';
import type { OptimizerSettings } from '../training/make-optimizer.ts';

/** How a stage trains the model, from the weights that the stage before it left. */
export interface RecipeTraining {
  /** Passes over the training data, an integer >= 0. */
  readonly epochs: number;
  /** Samples per step, an integer >= 1. */
  readonly batchSize: number;
  readonly optimizer: OptimizerSettings;
  readonly learningRate: LearningRateSchedule;
  /** Decoupled weight decay of the kernels, per unit of learning rate; >= 0. */
  readonly weightDecay: number;
  /** Random moves of each image by up to this many pixels, an integer >= 0; 0 for data that is not images. */
  readonly maxShiftPixels: number;
  /** Learns from the logits of the model that compression was given as well; null for labels alone. */
  readonly distillation: { readonly temperature: number; readonly weight: number } | null;
}

/** Removes whole channels, so that layers get smaller; then trains on. */
export interface StructuredPruningStage {
  readonly target: ChannelTarget;
  /** Whether all channels compete, or each group loses the same share. */
  readonly scope: 'global' | 'layer';
  /** Groups keep multiples of so many channels, an integer >= 1. */
  readonly roundTo: number;
  /** What a channel is worth. */
  readonly importance: 'l1' | 'l2' | 'batch-norm' | 'activation';
  readonly training: RecipeTraining;
}

/** Removes single weights of the kernels while the model trains. */
export interface PruningStage {
  readonly schedule: SparsitySchedule;
  /** What a weight is worth: `|w|`, or `|w| * rms(input)` measured anew at each choice. */
  readonly scores: 'magnitude' | 'activation';
  readonly scope: 'global' | 'layer';
  readonly training: RecipeTraining;
}

/**
 * Gives kernels, and the inputs of their layers, integer codes.
 *
 * With {@link QuantizationStage.training}, ranges come from training itself: learned steps start from the least squared error, observed ones follow the
 * weights, inputs have a moving average. `weightRange`, `activations.range`, `equalizeLayers`, `correctBiases` and `calibrationSamples` then have no effect.
 */
export interface QuantizationStage {
  /** Of the kernels' symmetric codes, an integer in 1..8; 1 bit is -1 and +1. */
  readonly weightBits: number;
  /** What shares a scale: a kernel, or each output channel of it. */
  readonly weightScale: 'tensor' | 'channel';
  /** How the range of a kernel is chosen from its weights. */
  readonly weightRange: RangeMethod;
  /** How the inputs of layers are coded, by observation of training samples; null leaves them float32 (weight-only). */
  readonly activations: { readonly bits: 8; readonly range: RangeMethod } | null;
  /** Scales channels so that the ranges within each kernel are alike, before anything is coded. */
  readonly equalizeLayers: boolean;
  /** `adaptive`, which is not for training, chooses between the two nearest codes by the error of the layer's output. */
  readonly rounding: 'nearest' | 'adaptive';
  /** Moves biases by the mean error that coding makes; not with adaptive rounding. */
  readonly correctBiases: boolean;
  /** Training samples that are looked at, an integer >= 1. */
  readonly calibrationSamples: number;
  /** Quantisation-aware training; null for post-training quantisation. */
  readonly training: QuantizationTraining | null;
}

/** Trains weights through the rounding to codes. */
export interface QuantizationTraining extends RecipeTraining {
  /** `learned`: scales are trained too (LSQ, Esser et al. 2020, arXiv:1902.08153); `observed`: they follow the weights. */
  readonly scale: 'learned' | 'observed';
  /** Whether weights that pruning kept may become the code 0; if not, they keep a code of at least 1 in size. */
  readonly keptWeightsMayBeZero: boolean;
}

/** How the compressed file is written. */
export interface FileSettings {
  /**
   * Precision of scales and of what has no codes: biases, factors of normalisations. `float16-int8`: half floats, but in chains of dense layers the
   * biases of layers of 32 units and more as 8-bit codes with a half-float scale each. The compressed model computes with the stored values.
   */
  readonly floats: 'float32' | 'float16' | 'float16-int8';
  /** Whether codes go through the entropy coder; if not they are packed to their bits. */
  readonly entropyCoding: boolean;
}

/**
 * Every constant of a compression, as plain JSON-able data. Stages that are not null run in the order of the fields, each on the model that the
 * one before it made.
 */
export interface CompressionRecipe {
  readonly name: string;
  /** Trains the given weights on, uncompressed. */
  readonly training: RecipeTraining | null;
  readonly structuredPruning: StructuredPruningStage | null;
  readonly pruning: PruningStage | null;
  readonly quantization: QuantizationStage | null;
  readonly file: FileSettings;
  /** How the uncompressed rival differs from the first stage that trains: what helps a sparse model may hurt a dense one. */
  readonly denseControl: { readonly weightDecay: number };
}

/** The epochs that a recipe trains for in all: what a dense control must be given as well. */
export function recipeEpochs({
  training,
  structuredPruning,
  pruning,
  quantization,
}: CompressionRecipe): number {
  const trainings = [training, structuredPruning?.training, pruning?.training, quantization?.training];
  return trainings.reduce((sum, stage) => sum + (stage?.epochs ?? 0), 0);
}
