import {
  type CompressionRecipe,
  type CompressionTargets,
  type CompressOptions as CompressSettings,
  namedRecipes,
  parseRecipe,
  recipeForTargets,
} from '@qedge/compression/compress';
import { readJsonFile } from '../data-input.ts';

/** The options of `qedge compress`. */
export interface CompressOptions {
  readonly output?: string;
  readonly data?: string;
  readonly recipe?: string;
  readonly maxDrop?: number;
  readonly maxBytes?: number;
  readonly bits?: number;
  readonly sparsity?: number;
  readonly structured?: number;
  readonly seed: number;
  readonly checkpoints?: string;
  readonly svg?: string;
  readonly quick?: boolean;
}

/** What {@link compress} is asked for. `--quick` shortens the stages that targets add, too. */
export async function readSettings(
  options: CompressOptions,
): Promise<Pick<CompressSettings, 'recipe' | 'targets'>> {
  const { recipe: named, quick } = options;
  const targets = targetsOf(options);
  const recipe = named === undefined ? undefined : await readRecipe(named);
  if (!quick) return { ...(recipe ? { recipe } : {}), targets };
  const isFree = Object.keys(targets).length === 0;
  const whole = isFree ? (recipe ?? namedRecipes.int4) : recipeForTargets(targets, recipe);
  const { maxAccuracyDrop, maxBytes, sparsity } = targets;
  const isLimited = maxAccuracyDrop !== undefined || maxBytes !== undefined;
  return {
    recipe: shortenRecipe(whole),
    targets: isLimited ? definedOf({ maxAccuracyDrop, maxBytes, sparsity }) : {},
  };
}

async function readRecipe(named: string): Promise<CompressionRecipe> {
  return Object.hasOwn(namedRecipes, named)
    ? namedRecipes[named as keyof typeof namedRecipes]
    : parseRecipe(await readJsonFile(named));
}

/** A tenth of the epochs of each stage, one at least. */
function shortenRecipe(recipe: CompressionRecipe): CompressionRecipe {
  const shortenTraining = <Training extends { readonly epochs: number }>(training: Training) => ({
    ...training,
    epochs: Math.ceil(training.epochs / 10),
  });
  const shorten = <Stage extends { readonly training: { readonly epochs: number } | null }>(
    stage: Stage | null,
  ) => (stage?.training ? { ...stage, training: shortenTraining(stage.training) } : stage);
  return {
    ...recipe,
    name: `${recipe.name}, quick`,
    training: recipe.training && shortenTraining(recipe.training),
    structuredPruning: shorten(recipe.structuredPruning),
    pruning: shorten(recipe.pruning),
    quantization: shorten(recipe.quantization),
  };
}

function targetsOf({ maxDrop, maxBytes, bits, sparsity, structured }: CompressOptions): CompressionTargets {
  const maxAccuracyDrop = maxDrop === undefined ? undefined : maxDrop / 100;
  return definedOf({ maxAccuracyDrop, maxBytes, bits, sparsity, structured });
}

/** Without what was not asked for. */
function definedOf(targets: { readonly [Name in keyof CompressionTargets]: number | undefined }) {
  const given = Object.entries(targets).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as CompressionTargets;
}
