import * as tf from '@tensorflow/tfjs';
import { beforeAll, expect, test } from 'vitest';
import { compress } from '../../src/recipes/compress.ts';
import type { CompressionRecipe } from '../../src/recipes/compression-recipe.ts';
import { int4Recipe, int8Recipe, structuredRecipe } from '../../src/recipes/named-recipes.ts';
import { makeShapes } from '../tensorflow.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const data = { train: makeShapes(90, 1), validation: makeShapes(30, 2) };

/** One epoch in each stage. */
function shortened(recipe: CompressionRecipe): CompressionRecipe {
  const shorten = <T extends { readonly training: object | null } | null>(stage: T): T =>
    stage?.training ? { ...stage, training: { ...stage.training, epochs: 1, maxShiftPixels: 0 } } : stage;
  const { structuredPruning, pruning, quantization } = recipe;
  return {
    ...recipe,
    structuredPruning: shorten(structuredPruning),
    pruning: shorten(pruning),
    quantization: shorten(quantization),
  };
}

test.each([int4Recipe, int8Recipe])(
  'the recipe $name codes a Conv1D as the Conv2D that it is',
  async (recipe) => {
    const { layers } = tf;
    const model = tf.sequential({
      layers: [
        layers.conv1d({ inputShape: [16, 4], filters: 8, kernelSize: 3, activation: 'relu' }),
        layers.flatten(),
        layers.dense({ units: 3 }),
      ],
    });
    const tensors = tf.memory().numTensors;
    const { compressed } = await compress(tf, model, data, {
      recipe: shortened(recipe),
      denseControl: false,
    });
    expect(tf.memory().numTensors).toBe(tensors);
    const kernels = compressed.topology.layers.flatMap(({ weights }) =>
      weights.filter(({ role }) => role === 'kernel'),
    );
    expect(kernels.map(({ name }) => compressed.codes.has(name))).toEqual([true, true]);
    const zeros = kernels.flatMap(({ data: values }) => [...values]).filter((value) => value === 0).length;
    if (recipe.pruning) expect(zeros).toBeGreaterThanOrEqual(Math.round(0.9 * (96 + 336)));
    model.dispose();
  },
);

test('channels that a separable convolution reads are left, those of other layers go by their activations', async () => {
  const { layers } = tf;
  const model = tf.sequential({
    layers: [
      layers.separableConv2d({ inputShape: [8, 8, 1], filters: 8, kernelSize: 3, activation: 'relu' }),
      layers.conv2d({ filters: 8, kernelSize: 3, activation: 'relu' }),
      layers.separableConv2d({ filters: 8, kernelSize: 3, activation: 'relu' }),
      layers.flatten(),
      layers.dense({ units: 3 }),
    ],
  });
  const { structuredPruning } = shortened(structuredRecipe);
  const recipe = {
    ...structuredRecipe,
    structuredPruning: { ...structuredPruning!, target: { macs: 0.7 } },
  };
  const { compressed } = await compress(tf, model, data, { recipe, denseControl: false });
  const widths = compressed.topology.layers.slice(1, 4).map(({ config }) => config.filters);
  expect(widths[0]).toBeLessThan(8);
  expect(widths[1]).toBe(8);
  model.dispose();
});
