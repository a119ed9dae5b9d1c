import { InvalidArgumentError } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recipeEpochs } from '../../src/recipes/compression-recipe.ts';
import { findRecipe, namedRecipes } from '../../src/recipes/named-recipes.ts';
import { parseRecipe } from '../../src/recipes/parse-recipe.ts';

type Path = readonly (string | number)[];

/** Every place in plain data that holds something. */
function pathsOf(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, inner]) => pathsOf(inner, [...path, name]))];
}

function replaceAt(value: unknown, path: Path, replacement: unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return replacement;
  return {
    ...(value as object),
    [name]: replaceAt((value as Record<string, unknown>)[name], rest, replacement),
  };
}

describe('recipes', () => {
  it('are plain data: what was written as JSON and read again is the same recipe', () => {
    for (const recipe of Object.values(namedRecipes)) {
      expect(parseRecipe(JSON.parse(JSON.stringify(recipe)))).toEqual(recipe);
    }
  });

  it('are found under their own names, and under no other', () => {
    for (const name of Object.keys(namedRecipes)) expect(findRecipe(name).name).toBe(name);
    for (const name of ['', 'tiny', 'constructor', '__proto__']) {
      expect(() => findRecipe(name)).toThrow(InvalidArgumentError);
    }
  });

  it('state how long they train, so that a control can be given as long', () => {
    const { smallest, int8 } = namedRecipes;
    expect(recipeEpochs(int8)).toBe(0);
    expect(recipeEpochs(smallest)).toBe(
      smallest.pruning!.training.epochs + smallest.quantization!.training!.epochs,
    );
  });
});

describe('parseRecipe', () => {
  it('refuses a value of another kind in any place, and names the place', () => {
    const places = Object.values(namedRecipes).flatMap((recipe) =>
      pathsOf(recipe).map((path) => ({ recipe, path })),
    );
    const wrong = fc.constantFrom<unknown>(undefined, Number.NaN, -1, {}, [], () => 0, Symbol.iterator);
    fc.assert(
      fc.property(fc.constantFrom(...places), wrong, ({ recipe, path }, value) => {
        expect(() => parseRecipe(replaceAt(recipe, path, value))).toThrow(InvalidArgumentError);
      }),
      { seed: 20260, numRuns: 400 },
    );
    const { int8 } = namedRecipes;
    expect(() => parseRecipe(replaceAt(int8, ['quantization', 'weightBits'], 9))).toThrow(
      /recipe\.quantization\.weightBits/,
    );
  });

  it('refuses fields that it does not know, and recipes that lack one', () => {
    const { smallest } = namedRecipes;
    expect(() => parseRecipe({ ...smallest, prunning: null })).toThrow(/prunning/);
    for (const name of Object.keys(smallest)) {
      expect(() => parseRecipe({ ...smallest, [name]: undefined })).toThrow(new RegExp(`recipe\\.${name}`));
    }
  });

  it('refuses settings that exclude one another', () => {
    const { int8, int4, structured } = namedRecipes;
    const adaptive = { ...int8.quantization!, rounding: 'adaptive' as const };
    expect(() => parseRecipe({ ...int8, quantization: adaptive })).toThrow(/correctBiases/);
    expect(parseRecipe({ ...int8, quantization: { ...adaptive, correctBiases: false } }).name).toBe('int8');
    const signs = { ...int4.quantization!, weightBits: 1 };
    expect(() => parseRecipe({ ...int4, quantization: signs })).toThrow(/weightBits.*2\.\.8 with pruning/);
    expect(parseRecipe({ ...int4, pruning: null, quantization: signs }).quantization?.weightBits).toBe(1);
    const narrow = { ...int8.quantization!, activations: { bits: 4, range: 'mse' } };
    expect(() => parseRecipe({ ...int8, quantization: narrow })).toThrow(/activations\.bits/);
    const trained = { ...int4.quantization!, rounding: 'adaptive' as const };
    expect(() => parseRecipe({ ...int4, quantization: trained })).toThrow(/rounding/);
    expect(() => parseRecipe({ ...structured, file: { floats: 'float32', entropyCoding: true } })).toThrow(
      /entropyCoding/,
    );
  });
});
