import type { CosineLearningRate, DataSplit } from '@qedge/compression';
import { DIGIT_SPLIT } from './digits.ts';

/** One stage of training. */
export interface RecipeStage {
  readonly epochs: number;
  readonly batchSize: number;
  readonly learningRate: CosineLearningRate;
  /** Decoupled weight decay of the kernels, per unit of learning rate. */
  readonly weightDecay: number;
  /** Random moves of each image by up to this many pixels; 0 for data that is not images. */
  readonly maxShiftPixels: number;
}

/** Every constant of training and compressing the main job's classifier. Plain, JSON-able data. */
export interface MainJobRecipe {
  readonly name: string;
  readonly split: DataSplit;
  readonly hiddenUnits: readonly number[];
  readonly training: RecipeStage;
  readonly pruning: RecipeStage & {
    /** Fraction of all kernel weights removed, 0..1. */
    readonly sparsity: number;
    /** Fraction of the stage's steps after which the sparsity is reached. */
    readonly rampFraction: number;
    readonly intervalSteps: number;
    readonly saliency: 'magnitude' | 'activation';
  };
  /** Quantisation-aware training to 8 bits, from the pruned weights; without epochs it is post-training quantisation. */
  readonly int8: RecipeStage;
  /** Quantisation-aware training to 4 bits, from the weights that the 8-bit stage left. */
  readonly int4: RecipeStage;
}

/** Epochs of the stages after training: what a dense control must be given as well. */
export function extraEpochs({ pruning, int8, int4 }: MainJobRecipe): number {
  return pruning.epochs + int8.epochs + int4.epochs;
}

const stage = { batchSize: 64, weightDecay: 0.01, maxShiftPixels: 1 } as const;

/**
 * The recipe for the network 784-256-128-10 on 10,000 digits of 28 x 28 pixels. Chosen on the 1,000 validation digits; the
 * package's README has the accuracies on the 2,000 test digits and the time it takes.
 */
export const defaultRecipe: MainJobRecipe = {
  name: 'default',
  split: DIGIT_SPLIT,
  hiddenUnits: [256, 128],
  training: { ...stage, epochs: 25, learningRate: { initial: 2e-3, final: 1e-5 } },
  pruning: {
    ...stage,
    epochs: 14,
    learningRate: { initial: 2e-3, final: 3e-4 },
    sparsity: 0.9,
    rampFraction: 0.7,
    intervalSteps: 15,
    saliency: 'magnitude',
  },
  int8: { ...stage, epochs: 1, learningRate: { initial: 3e-4, final: 1e-4 }, weightDecay: 0 },
  int4: { ...stage, epochs: 5, learningRate: { initial: 1e-3, final: 1e-5 }, weightDecay: 0 },
};

/**
 * The same network and data in about ten seconds of one core, at a lower accuracy: for trying things out. The 8-bit stage has no
 * epochs and so is post-training quantisation of the pruned weights.
 */
export const quickRecipe: MainJobRecipe = {
  ...defaultRecipe,
  name: 'quick',
  training: { ...defaultRecipe.training, epochs: 4 },
  pruning: { ...defaultRecipe.pruning, epochs: 4 },
  int8: { ...defaultRecipe.int8, epochs: 0 },
  int4: { ...defaultRecipe.int4, epochs: 2 },
};
