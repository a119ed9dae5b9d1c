import { type ProgressListener, Random } from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import { type CompressionLedger, createCompressionLedger } from '../report/compression-ledger.ts';
import { type CompressionRecipe, extraEpochs } from '../compression-recipe.ts';
import type { QuantizedClassifier } from '../quantized-classifier.ts';
import type { ClassificationData } from '../training/classification-data.ts';
import type { TrainingHistory } from '../training/training-history.ts';
import { readDenseNetwork, writeDenseNetwork } from './dense-classifier.ts';
import { type ExportedModel, exportFloatModel, exportQuantizedModel } from './export-model.ts';
import { fitClassifier } from './fit-classifier.ts';
import { pruneGradually } from './prune-gradually.ts';
import type { Tensorflow } from './tensorflow.ts';
import { trainQuantizationAware } from './train-quantization-aware.ts';

/** How {@link trainClassifier}, {@link compressClassifier} and {@link trainDenseControl} run. */
export interface RecipeRunOptions {
  readonly seed: number;
  readonly signal?: AbortSignal;
  /** `done` and `total` count the steps of the phase that is named. */
  readonly onProgress?: ProgressListener;
}

/** Options of {@link compressClassifier}. */
export interface CompressOptions extends RecipeRunOptions {
  /** Name of the exported graphs; default `classifier`. */
  readonly name?: string;
  /** One per class. */
  readonly labels?: readonly string[];
}

/** What {@link compressClassifier} made: plain data that can cross threads. */
export interface CompressedClassifier {
  /** Float32 with zeros. */
  readonly pruned: ExportedModel;
  readonly int8: ExportedModel & { readonly quantized: QuantizedClassifier };
  readonly int4: ExportedModel & { readonly quantized: QuantizedClassifier };
  /** The noise ratios compare with the float32 weights at the end of each quantisation-aware stage. */
  readonly ledgers: {
    readonly pruned: CompressionLedger;
    readonly int8: CompressionLedger;
    readonly int4: CompressionLedger;
  };
  readonly history: readonly TrainingHistory[];
}

/**
 * Trains a new classifier by the recipe's first stage, in place.
 * @throws as `fitClassifier`.
 */
export function trainClassifier(
  tf: Tensorflow,
  model: LayersModel,
  training: ClassificationData,
  validation: ClassificationData | undefined,
  recipe: CompressionRecipe,
  run: RecipeRunOptions,
): Promise<TrainingHistory> {
  return fitClassifier(tf, model, training, {
    ...recipe.training,
    ...stageOptions(run, 'training', validation),
  });
}

/**
 * Prunes a trained classifier, then trains it on in 8-bit and from there in 4-bit arithmetic. The given model is not changed.
 *
 * @param validation measured after every epoch, never trained on; may be undefined.
 * @throws as `fitClassifier`. Nothing is left behind when it fails or is cancelled.
 */
export async function compressClassifier(
  tf: Tensorflow,
  model: LayersModel,
  training: ClassificationData,
  validation: ClassificationData | undefined,
  recipe: CompressionRecipe,
  run: CompressOptions,
): Promise<CompressedClassifier> {
  const work = copyClassifier(tf, model);
  const naming = { name: run.name ?? 'classifier', ...(run.labels ? { labels: run.labels } : {}) };
  try {
    const pruning = await pruneGradually(tf, work, training, {
      ...recipe.pruning,
      ...stageOptions(run, 'pruning', validation),
    });
    const pruned = exportFloatModel(work, naming);
    const quantize = async (bits: 8 | 4) => {
      const { quantized, history } = await trainQuantizationAware(tf, work, training, {
        ...(bits === 8 ? recipe.int8 : recipe.int4),
        ...stageOptions(run, `int${bits}`, validation),
        bits,
        masks: pruning.masks,
      });
      const exported = exportQuantizedModel(quantized, naming);
      const ledger = createCompressionLedger(exported.tensors, exportFloatModel(work, naming).tensors);
      return { model: { ...exported, quantized }, history, ledger };
    };
    const int8 = await quantize(8);
    const int4 = await quantize(4);
    return {
      pruned,
      int8: int8.model,
      int4: int4.model,
      ledgers: { pruned: createCompressionLedger(pruned.tensors), int8: int8.ledger, int4: int4.ledger },
      history: [pruning.history, int8.history, int4.history],
    };
  } finally {
    work.dispose();
  }
}

/**
 * Trains the uncompressed classifier in place for as many epochs as compression took, with the same batches, shifts, weight
 * decay and first learning rate, falling to the lowest that compression used: the honest rival of the compressed model.
 *
 * @throws as `fitClassifier`.
 */
export function trainDenseControl(
  tf: Tensorflow,
  model: LayersModel,
  training: ClassificationData,
  validation: ClassificationData | undefined,
  recipe: CompressionRecipe,
  run: RecipeRunOptions,
): Promise<TrainingHistory> {
  return fitClassifier(tf, model, training, {
    ...recipe.pruning,
    learningRate: { initial: recipe.pruning.learningRate.initial, final: recipe.int4.learningRate.final },
    epochs: extraEpochs(recipe),
    ...stageOptions(run, 'pruning', validation),
  });
}

/** Each stage draws from its own stream, so that a change in one leaves the others as they were. */
function stageOptions(
  { seed, signal, onProgress }: RecipeRunOptions,
  stage: string,
  validation: ClassificationData | undefined,
) {
  return {
    seed: new Random(seed).fork(stage).uint32(),
    ...(validation ? { validation } : {}),
    ...(signal ? { signal } : {}),
    ...(onProgress ? { onProgress } : {}),
  };
}

function copyClassifier(tf: Tensorflow, model: LayersModel): LayersModel {
  const network = readDenseNetwork(model);
  const copy = tf.sequential();
  for (const { name, inputSize, units, activation, bias } of network) {
    copy.add(
      tf.layers.dense({
        name,
        units,
        inputShape: [inputSize],
        activation,
        useBias: bias !== null,
        kernelInitializer: 'zeros',
      }),
    );
  }
  writeDenseNetwork(tf, copy, network);
  return copy;
}
