import { InvalidArgumentError } from '@qedge/core';
import type { CompressionRecipe } from './compression-recipe.ts';
import { formatPercent } from './format-percent.ts';
import { int4Recipe, smallestRecipe, structuredRecipe } from './named-recipes.ts';

/** What a compressed model is to be like. All that are given hold at the same time. */
export interface CompressionTargets {
  /** Most that the accuracy on the validation data may fall below that of the dense control, a fraction in 0..1: 0.005 is half a point. */
  readonly maxAccuracyDrop?: number;
  /** Most bytes of the file. */
  readonly maxBytes?: number;
  /** Bits per weight, an integer in 1..8. */
  readonly bits?: number;
  /** Fraction of the kernel weights that are removed, 0 up to but not including 1. */
  readonly sparsity?: number;
  /** Fraction of the multiply-accumulates that are saved by removing channels, 0 up to but not including 1. */
  readonly structured?: number;
}

/**
 * The recipe with the bits, the sparsity and the structure that are asked for.
 *
 * @param base where to start; default: `structured` where only structure is asked for, `int4` where bits are (for 1 bit, which has no code for
 *   0, without its pruning), else `smallest`.
 * @throws InvalidArgumentError for a target out of range.
 */
export function recipeForTargets(targets: CompressionTargets, base?: CompressionRecipe): CompressionRecipe {
  checkTargets(targets);
  const recipe = base ?? chooseBase(targets);
  const { bits, sparsity, structured } = targets;
  const name = [recipe.name, ...describeTargets(targets)].join(', ');
  return {
    ...recipe,
    name,
    ...(structured === undefined ? {} : { structuredPruning: structuredPruningTo(recipe, 1 - structured) }),
    ...(sparsity === undefined ? {} : { pruning: pruningTo(recipe, sparsity) }),
    ...(bits === undefined ? {} : { quantization: quantizationTo(recipe, bits) }),
  };
}

/** The same recipe with another final sparsity, pruning as the `int4` recipe does where it does not prune yet; 0 prunes nothing. */
export function withSparsity(recipe: CompressionRecipe, sparsity: number): CompressionRecipe {
  return { ...recipe, pruning: pruningTo(recipe, sparsity) };
}

function chooseBase({ bits, structured, maxAccuracyDrop, maxBytes, sparsity }: CompressionTargets) {
  const onlyStructure = [bits, maxAccuracyDrop, maxBytes, sparsity].every((target) => target === undefined);
  if (structured !== undefined && onlyStructure) return structuredRecipe;
  if (bits === 1) return { ...int4Recipe, pruning: null };
  return bits === undefined ? smallestRecipe : int4Recipe;
}

function structuredPruningTo(recipe: CompressionRecipe, macs: number) {
  if (macs === 1) return null;
  return { ...(recipe.structuredPruning ?? structuredRecipe.structuredPruning!), target: { macs } };
}

function pruningTo(recipe: CompressionRecipe, sparsity: number) {
  if (sparsity === 0) return null;
  const pruning = recipe.pruning ?? int4Recipe.pruning!;
  const { schedule } = pruning;
  return {
    ...pruning,
    schedule: schedule.kind === 'constant' ? { ...schedule, sparsity } : { ...schedule, final: sparsity },
  };
}

function quantizationTo(recipe: CompressionRecipe, weightBits: number) {
  return { ...(recipe.quantization ?? int4Recipe.quantization!), weightBits };
}

function describeTargets({ bits, sparsity, structured }: CompressionTargets): string[] {
  return [
    ...(structured === undefined ? [] : [`${formatPercent(structured)} fewer multiply-accumulates`]),
    ...(sparsity === undefined ? [] : [`${formatPercent(sparsity)} zeros`]),
    ...(bits === undefined ? [] : [`${bits} bits`]),
  ];
}

function checkTargets({ maxAccuracyDrop, maxBytes, bits, sparsity, structured }: CompressionTargets): void {
  const isFraction = (value: number | undefined) => value === undefined || (value >= 0 && value < 1);
  const isWhole = (value: number | undefined, most: number) =>
    value === undefined || (Number.isSafeInteger(value) && value >= 1 && value <= most);
  const wrong = Object.entries({
    maxAccuracyDrop: isFraction(maxAccuracyDrop),
    sparsity: isFraction(sparsity),
    structured: isFraction(structured),
    maxBytes: isWhole(maxBytes, Number.MAX_SAFE_INTEGER),
    bits: isWhole(bits, 8),
  }).find(([, fits]) => !fits);
  if (!wrong) return;
  throw new InvalidArgumentError(`The target "${wrong[0]}" is out of range`, {
    expected: 'fractions in 0..1 (1 excluded), bits in 1..8, bytes >= 1',
    actual: JSON.stringify({ maxAccuracyDrop, maxBytes, bits, sparsity, structured }),
  });
}
