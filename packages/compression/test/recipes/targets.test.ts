import { ConvergenceError, InvalidArgumentError } from '@qedge/core';
import { describe, expect, test } from 'vitest';
import {
  int4Recipe,
  namedRecipes,
  smallestRecipe,
  structuredRecipe,
} from '../../src/recipes/named-recipes.ts';
import { parseRecipe } from '../../src/recipes/parse-recipe.ts';
import { SPARSITY_LADDER, searchSparsity } from '../../src/recipes/search-sparsity.ts';
import { recipeForTargets, withSparsity } from '../../src/recipes/targets.ts';

describe('a recipe for targets', () => {
  test('starts from the standard recipe that is nearest', () => {
    expect(recipeForTargets({ structured: 0.5 }).quantization).toBe(structuredRecipe.quantization);
    expect(recipeForTargets({ bits: 4 }).pruning).toBe(int4Recipe.pruning);
    expect(recipeForTargets({ maxBytes: 9000 }).quantization).toBe(smallestRecipe.quantization);
  });

  test('has the bits, zeros and channels that were asked for, and is a recipe', () => {
    const recipe = recipeForTargets({ bits: 3, sparsity: 0.75, structured: 0.4 });
    expect(recipe.quantization?.weightBits).toBe(3);
    expect(recipe.pruning?.schedule).toMatchObject({ final: 0.75 });
    expect(recipe.structuredPruning?.target).toEqual({ macs: 0.6 });
    expect(recipe.name).toBe('int4, 40 % fewer multiply-accumulates, 75 % zeros, 3 bits');
    expect(parseRecipe(JSON.parse(JSON.stringify(recipe)))).toEqual(recipe);
  });

  test('does not prune weights of 1 bit, which have no code for 0', () => {
    const recipe = recipeForTargets({ bits: 1 });
    expect(recipe.pruning).toBeNull();
    expect(parseRecipe(recipe).quantization?.weightBits).toBe(1);
    expect(() => parseRecipe(recipeForTargets({ bits: 1, sparsity: 0.5 }))).toThrow('weightBits');
  });

  test('prunes nothing where 0 is asked for', () => {
    expect(withSparsity(smallestRecipe, 0).pruning).toBeNull();
    expect(recipeForTargets({ structured: 0 }).structuredPruning).toBeNull();
  });

  test.each([{ bits: 9 }, { bits: 2.5 }, { sparsity: 1 }, { maxAccuracyDrop: -0.1 }, { maxBytes: 0 }])(
    '%j is refused by name',
    (targets) => {
      expect(() => recipeForTargets(targets)).toThrow(InvalidArgumentError);
      expect(() => recipeForTargets(targets)).toThrow(Object.keys(targets)[0]);
    },
  );

  test('every named recipe survives JSON and its own check', () => {
    for (const recipe of Object.values(namedRecipes)) {
      expect(parseRecipe(JSON.parse(JSON.stringify(recipe)))).toEqual(recipe);
    }
  });
});

describe('a search for a sparsity', () => {
  /** More zeros, fewer bytes and less accuracy. */
  const model = (sparsity: number) => ({
    attempt: {
      sparsity,
      bytes: Math.round(10_000 * (1.02 - sparsity)),
      accuracy: 1 - sparsity ** 30,
      accuracyDrop: sparsity ** 30,
    },
  });
  const search = async (targets: Parameters<typeof searchSparsity>[0]) => {
    const tried: number[] = [];
    const found = await searchSparsity(targets, async (sparsity) => {
      tried.push(sparsity);
      return model(sparsity);
    });
    return { sparsity: found.best.attempt.sparsity, tried };
  };

  test.each(SPARSITY_LADDER)('finds the most zeros with the drop that %d has', async (sparsity) => {
    const found = await search({ maxAccuracyDrop: sparsity ** 30 });
    expect(found.sparsity).toBe(sparsity);
    expect(found.tried.length).toBeLessThanOrEqual(4);
  });

  test.each(SPARSITY_LADDER)('finds the fewest zeros with the bytes that %d has', async (sparsity) => {
    expect((await search({ maxBytes: model(sparsity).attempt.bytes })).sparsity).toBe(sparsity);
  });

  test('runs a sparsity that is given alone, and refuses it where it misses a limit', async () => {
    const run = async (sparsity: number) => model(sparsity);
    const { attempts } = await searchSparsity({ maxAccuracyDrop: 0.5 }, run, [0.96]);
    expect(attempts.map(({ sparsity }) => sparsity)).toEqual([0.96]);
    await expect(searchSparsity({ maxBytes: 500 }, run, [0.96])).rejects.toThrow(ConvergenceError);
  });

  test('tells what was reached when nothing meets the targets', async () => {
    await expect(search({ maxBytes: 10 })).rejects.toThrow(ConvergenceError);
    await expect(search({ maxAccuracyDrop: 0.1, maxBytes: 500 })).rejects.toThrow('No sparsity');
  });

  test('says what was reached in sentences, and as facts for programs', async () => {
    const run = async (sparsity: number) => model(sparsity);
    const targets = { maxBytes: 500, maxAccuracyDrop: 0.002 };
    const failure = await searchSparsity(targets, run, [0.96]).catch((error: unknown) => error);
    expect((failure as Error).message).toBe(
      'No sparsity meets the targets: expected at most 500 bytes and 0.20 points of accuracy lost, ' +
        'got 600 bytes and 29.39 points of accuracy lost with 96 % zeros. ' +
        'Allow more bytes or a larger loss of accuracy, or ask for other bits.',
    );
    expect((failure as ConvergenceError).facts).toMatchObject({ targets, attempts: [{ sparsity: 0.96 }] });
  });
});
