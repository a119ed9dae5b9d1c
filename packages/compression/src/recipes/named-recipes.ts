import { InvalidArgumentError } from '@qedge/core';
import type { CompressionRecipe, RecipeTraining } from './compression-recipe.ts';

const training: Omit<RecipeTraining, 'epochs' | 'learningRate'> = {
  batchSize: 64,
  optimizer: { kind: 'adam' },
  weightDecay: 0.01,
  maxShiftPixels: 1,
  distillation: null,
};

/** Removes weights of all kernels together, soon many and in the end few at a time (Zhu and Gupta 2017, arXiv:1710.01878). */
const cubicPruning = { kind: 'polynomial', begin: 0, initial: 0, power: 3 } as const;

/** Codes that training itself finds the ranges of; the other settings have no effect then. */
const trainedQuantization = {
  weightRange: 'mse',
  equalizeLayers: false,
  rounding: 'nearest',
  correctBiases: false,
  calibrationSamples: 1024,
} as const;

/**
 * The smallest file: nearly all weights removed, the rest in 3 bits with one trained scale per kernel, through the entropy coder. The weights
 * compute in float32 (weight-only). Chosen on the validation digits for the network 784-256-128-10; the package's README has what was tried.
 */
export const smallestRecipe: CompressionRecipe = {
  name: 'smallest',
  training: null,
  structuredPruning: null,
  pruning: {
    schedule: { ...cubicPruning, end: 0.8, final: 0.97, intervalSteps: 50 },
    scores: 'activation',
    scope: 'global',
    training: { ...training, epochs: 160, learningRate: { initial: 2e-3, final: 3e-4 }, weightDecay: 0.2 },
  },
  quantization: {
    ...trainedQuantization,
    weightBits: 3,
    weightScale: 'tensor',
    activations: null,
    training: {
      ...training,
      epochs: 50,
      learningRate: { initial: 1.5e-3, final: 1e-5 },
      weightDecay: 0,
      scale: 'learned',
      keptWeightsMayBeZero: false,
    },
  },
  file: { floats: 'float16-int8', entropyCoding: true },
  denseControl: { weightDecay: training.weightDecay },
};

/** 8-bit weights and inputs of layers after training, which takes seconds and needs no labels. */
export const int8Recipe: CompressionRecipe = {
  name: 'int8',
  training: null,
  structuredPruning: null,
  pruning: null,
  quantization: {
    weightBits: 8,
    weightScale: 'channel',
    weightRange: 'mse',
    activations: { bits: 8, range: 'histogram-l2' },
    equalizeLayers: true,
    rounding: 'nearest',
    correctBiases: true,
    calibrationSamples: 512,
    training: null,
  },
  file: { floats: 'float32', entropyCoding: false },
  denseControl: { weightDecay: training.weightDecay },
};

/** Gradual pruning, then 4-bit weights and 8-bit inputs of layers by quantisation-aware training: small, and fast on integer kernels. */
export const int4Recipe: CompressionRecipe = {
  name: 'int4',
  training: null,
  structuredPruning: null,
  pruning: {
    schedule: { ...cubicPruning, end: 0.7, final: 0.9, intervalSteps: 15 },
    scores: 'magnitude',
    scope: 'global',
    training: { ...training, epochs: 14, learningRate: { initial: 2e-3, final: 3e-4 } },
  },
  quantization: {
    ...trainedQuantization,
    weightBits: 4,
    weightScale: 'channel',
    activations: { bits: 8, range: 'histogram-l2' },
    training: {
      ...training,
      epochs: 6,
      learningRate: { initial: 1e-3, final: 1e-5 },
      weightDecay: 0,
      scale: 'observed',
      keptWeightsMayBeZero: true,
    },
  },
  file: { floats: 'float32', entropyCoding: true },
  denseControl: { weightDecay: training.weightDecay },
};

/** Whole channels removed until half of the multiply-accumulates remain, then trained on: a smaller float32 model for any runtime. */
export const structuredRecipe: CompressionRecipe = {
  name: 'structured',
  training: null,
  structuredPruning: {
    target: { macs: 0.5 },
    scope: 'global',
    roundTo: 4,
    importance: 'activation',
    training: { ...training, epochs: 20, learningRate: { initial: 5e-3, final: 5e-5 } },
  },
  pruning: null,
  quantization: null,
  file: { floats: 'float32', entropyCoding: false },
  denseControl: { weightDecay: training.weightDecay },
};

/** The recipes that compression knows by name. */
export const namedRecipes: Readonly<Record<'smallest' | 'int8' | 'int4' | 'structured', CompressionRecipe>> =
  {
    smallest: smallestRecipe,
    int8: int8Recipe,
    int4: int4Recipe,
    structured: structuredRecipe,
  };

/** The name of a recipe in {@link namedRecipes}. */
export type RecipeName = keyof typeof namedRecipes;

/** @throws InvalidArgumentError for a name that is not known. */
export function findRecipe(name: string): CompressionRecipe {
  if (Object.hasOwn(namedRecipes, name)) return namedRecipes[name as RecipeName];
  throw new InvalidArgumentError('Unknown recipe', {
    expected: Object.keys(namedRecipes).join(', '),
    actual: name,
  });
}
