import type { ClassificationData, TrainingHistory } from '@qedge/compression';
import { createDenseClassifier, getDenseWeights, setDenseWeights } from '@qedge/compression/tfjs';
import type { TaskContext } from '@qedge/core';
import { accelerate, loadTensorflow } from '@qedge/kernels/node';
import type { Tensorflow } from '@qedge/kernels/tfjs';
import { trainDenseControl } from './compression-stages.ts';
import type { MainJobRecipe } from './main-job-recipe.ts';

/** Input of {@link trainDenseControlTask}: plain data, so that it can cross threads and machines. */
export interface DenseControlInput {
  readonly weights: readonly Float32Array[];
  readonly train: ClassificationData;
  readonly validation: ClassificationData;
  readonly recipe: MainJobRecipe;
  readonly seed: number;
}

/** What the task gives back. */
export interface DenseControlOutput {
  readonly weights: readonly Float32Array[];
  readonly history: TrainingHistory;
}

/** Trains the dense rival of the compressed model; runs in a worker thread beside the compression. */
export async function trainDenseControlTask(
  input: DenseControlInput,
  context: TaskContext,
): Promise<DenseControlOutput> {
  const { tf, backend } = await loadTensorflow<Tensorflow>();
  using _acceleration = backend === 'wasm' ? await accelerate(tf) : null;
  const inputSize = input.train.features.length / input.train.count;
  const model = createDenseClassifier(tf, {
    inputSize,
    hiddenUnits: input.recipe.hiddenUnits,
    classes: 10,
    seed: input.seed,
  });
  try {
    setDenseWeights(tf, model, input.weights);
    const history = await trainDenseControl(tf, model, input.train, input.validation, input.recipe, {
      seed: input.seed,
      signal: context.signal,
      onProgress: (progress) => context.progress(progress),
    });
    return { weights: getDenseWeights(model), history };
  } finally {
    model.dispose();
  }
}
