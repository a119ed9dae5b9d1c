import { InvalidArgumentError, systemClock, throwIfCancelled, UnsupportedError } from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import type { CompressedModel } from '../model/compressed-model.ts';
import type { ModelTopology } from '../model/model-topology.ts';
import { readTopology } from '../model/read-topology.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import { type ClassificationData, validateClassificationData } from '../training/classification-data.ts';
import type { CompressionData, CompressOptions } from './compress.ts';
import { type CompressionRecipe, recipeEpochs } from './compression-recipe.ts';
import { findRecipe } from './named-recipes.ts';
import { parseRecipe } from './parse-recipe.ts';
import { rehearseRecipe } from './rehearse-recipe.ts';
import { SPARSITY_LADDER } from './search-sparsity.ts';
import type { StageContext } from './stage-context.ts';
import { type CompressionTargets, recipeForTargets, withSparsity } from './targets.ts';

/** What a compression will do, checked. */
export interface CompressionPlan {
  readonly recipe: CompressionRecipe;
  /** Sparsities to choose from, ascending; null where there are no limits to meet. */
  readonly ladder: readonly number[] | null;
  /** The attempt that trains for longest: what a dense control is given as well. */
  readonly longest: CompressionRecipe;
  readonly context: StageContext;
  /** What the longest attempt makes of the untrained model; see {@link rehearseCompression}. */
  readonly rehearsed: CompressedModel;
}

/**
 * Chooses the recipe and checks it, the model and the samples, and goes through all stages on one sample, before any work that takes long.
 *
 * @throws InvalidArgumentError for a recipe, a target or samples that cannot be, UnsupportedError for a model that is no classifier with one input
 *   and one output, ShapeMismatchError and NonFiniteValueError for samples that do not fit, what reading the model throws, and what a stage or the
 *   writer of the file would refuse: see `rehearseRecipe`; CancelledError.
 */
export async function planCompression(
  tf: Tensorflow,
  model: LayersModel,
  { train, validation }: CompressionData,
  options: CompressOptions,
): Promise<CompressionPlan> {
  const { targets = {}, seed = 0, clock = systemClock, signal, onProgress, checkpoints } = options;
  throwIfCancelled(signal, 'Compression');
  const recipe = chooseRecipe(options);
  const ladder = ladderOf(targets, recipe);
  const longest = ladder ? parseRecipe(withSparsity(recipe, ladder.at(-1)!)) : recipe;
  const original = readTopology(model);
  const { inputSize, classes } = classifierShape(original);
  validateClassificationData(train, inputSize, classes, 'The training data');
  validateClassificationData(validation, inputSize, classes, 'The validation data');
  if (recipeEpochs(longest) > 0) {
    requireTrainable(original, longest);
    requireClasses(train);
  }
  const context = { tf, train, validation, original, seed, clock, signal, onProgress, checkpoints };
  return { recipe, ladder, longest, context, rehearsed: await rehearseRecipe(context, longest) };
}

/**
 * Refuses what `compress` with the same arguments would refuse, and makes the kind of model that it would make, untrained: of the same layers and
 * codings, of no use but to try whether it can be written in some format. Takes a moment; the model is not changed.
 *
 * @throws before any work as `compress`.
 * @example
 * exportOnnx(await rehearseCompression(tf, model, { train, validation }, { recipe: 'int8' }));
 */
export async function rehearseCompression(
  tf: Tensorflow,
  model: LayersModel,
  data: CompressionData,
  options: CompressOptions = {},
): Promise<CompressedModel> {
  return (await planCompression(tf, model, data, options)).rehearsed;
}

/**
 * The numbers per sample and the outputs of a classifier.
 * @throws UnsupportedError for a model with several inputs or outputs, of open size, or whose output is not `[classes]` with two at least.
 */
export function classifierShape({ inputs, outputs, layers }: ModelTopology): {
  readonly inputSize: number;
  readonly classes: number;
} {
  const [inputShapes, outputShapes] = [inputs, outputs].map((references) =>
    references.map(({ layer, call, output }) => {
      const found = layers.find(({ name }) => name === layer)!;
      return found.calls[call]!.outputShapes[output]!;
    }),
  );
  const [input, output] = [inputShapes![0], outputShapes![0]];
  const isFixed = input?.every((size) => size !== null) && output?.every((size) => size !== null);
  const classes = output?.[0] ?? 0;
  if (inputs.length !== 1 || outputs.length !== 1 || !isFixed || output?.length !== 1 || classes < 2) {
    const show = (shapes: typeof inputShapes) =>
      shapes!.map((shape) => `[${shape.map((size) => size ?? 'open').join(', ')}]`).join(' and ');
    throw new UnsupportedError(
      'Only classifiers with one input and one output can be compressed in one call',
      {
        expected: 'one input of a fixed size, one output of [classes], two classes at least',
        actual: `inputs ${show(inputShapes)}, outputs ${show(outputShapes)}`,
        remedy:
          'Build the model with such an input and output, or run the stages one by one: trainModel, gradualPruning, prepareForQuantizationAwareTraining.',
      },
    );
  }
  return { inputSize: input!.reduce<number>((product, size) => product * size!, 1), classes };
}

function chooseRecipe({ recipe, targets }: CompressOptions): CompressionRecipe {
  const base = typeof recipe === 'string' ? findRecipe(recipe) : recipe && parseRecipe(recipe);
  if (targets && Object.values(targets).some((target) => target !== undefined)) {
    return parseRecipe(recipeForTargets(targets, base));
  }
  return base ?? findRecipe('int4');
}

/** A sparsity that is given is the only one that is tried; so is 0 at 1 bit, which has no code for removed weights. */
function ladderOf(
  { maxAccuracyDrop, maxBytes, sparsity }: CompressionTargets,
  { quantization }: CompressionRecipe,
): readonly number[] | null {
  if (maxAccuracyDrop === undefined && maxBytes === undefined) return null;
  if (sparsity !== undefined) return [sparsity];
  return quantization?.weightBits === 1 ? [0] : SPARSITY_LADDER;
}

/** Layers that are nothing but an activation that neither logits nor probabilities come out of. */
const BENT_LAYERS = ['ReLU', 'LeakyReLU', 'PReLU', 'ELU', 'ThresholdedReLU'];

/** The loss is the cross-entropy of logits or of probabilities: other last activations would train towards something else. */
function requireTrainable({ layers, outputs }: ModelTopology, recipe: CompressionRecipe): void {
  const last = layers.find(({ name }) => name === outputs[0]!.layer)!;
  const activation = BENT_LAYERS.includes(last.className) ? last.className : last.config.activation;
  const isSoftmax = last.className === 'Softmax' || activation === 'softmax';
  if (!isSoftmax && activation !== undefined && activation !== null && activation !== 'linear') {
    throw new UnsupportedError('The outputs of the model are neither logits nor probabilities', {
      expected: 'a last layer that is linear or softmax',
      actual: `layer "${last.name}" with ${String(activation)}`,
      remedy:
        'Leave the last activation out and train the model on, or take a recipe that does not train: int8.',
    });
  }
  const { training, structuredPruning, pruning, quantization } = recipe;
  const stages = [training, structuredPruning?.training, pruning?.training, quantization?.training];
  if (isSoftmax && stages.some((stage) => stage?.distillation)) {
    throw new UnsupportedError('A model that gives probabilities cannot teach', {
      expected: 'logits, for a recipe with distillation',
      actual: `layer "${last.name}" with softmax`,
      remedy: 'Leave the softmax out of the model, or set distillation to null.',
    });
  }
}

function requireClasses({ labels }: ClassificationData): void {
  if (labels.some((label) => label !== labels[0])) return;
  throw new InvalidArgumentError('The training data has only one class: there is nothing to tell apart', {
    expected: 'samples of two classes at least',
    actual: `${labels.length} samples of class ${labels[0]}`,
    remedy: 'Shuffle the samples before they are split, if they are sorted by class.',
  });
}
