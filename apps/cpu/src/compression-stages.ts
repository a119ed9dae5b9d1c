import {
  activationScores,
  type ClassificationData,
  type CompressionLedger,
  createCompressionLedger,
  makeShiftAugmenter,
  type TrainingHistory,
  takeEvenly,
} from '@qedge/compression';
import {
  buildModel,
  type CompressedModel,
  calibrateQuantizationAware,
  convertQuantizationAware,
  type ExportedModel,
  exportFloatModel,
  exportQuantizedModel,
  type GradualPruningSettings,
  gradualPruning,
  measureInputRms,
  prepareForQuantizationAwareTraining,
  readTopology,
  readWeights,
  type TrainingResult,
  type TrainModelOptions,
  trainModel,
  type WeightMasks,
  writeWeights,
} from '@qedge/compression/tfjs';
import { type ProgressListener, Random } from '@qedge/core';
import type { Tensorflow } from '@qedge/kernels/tfjs';
import { extraEpochs, type MainJobRecipe, type RecipeStage } from './main-job-recipe.ts';

type LayersModel = InstanceType<Tensorflow['LayersModel']>;

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

/** What {@link compressClassifier} made: plain data. Without the topologies of `compressed` it can cross threads. */
export interface CompressedClassifier {
  /** Float32 with zeros. */
  readonly pruned: ExportedModel;
  readonly int8: ExportedModel & { readonly compressed: CompressedModel };
  readonly int4: ExportedModel & { readonly compressed: CompressedModel };
  /** The noise ratios compare with the float32 weights at the end of each quantisation-aware stage. */
  readonly ledgers: {
    readonly pruned: CompressionLedger;
    readonly int8: CompressionLedger;
    readonly int4: CompressionLedger;
  };
  readonly history: readonly TrainingHistory[];
}

/** Samples that activations are measured on. */
const SALIENCY_SAMPLES = 256;
const CALIBRATION_SAMPLES = 512;
/** Fraction of the steps after which the activation ranges stay as they are, so that the weights can settle on them. */
const RANGE_FREEZE = 0.5;

/**
 * Trains a new classifier by the recipe's first stage, in place.
 * @throws as `trainModel`.
 */
export async function trainClassifier(
  tf: Tensorflow,
  model: LayersModel,
  training: ClassificationData,
  validation: ClassificationData | undefined,
  recipe: MainJobRecipe,
  run: RecipeRunOptions,
): Promise<TrainingHistory> {
  const runner = new StageRunner(tf, training, validation, run);
  return (await runner.train(model, 'training', recipe.training)).history;
}

/**
 * Prunes a trained classifier, then trains it on in 8-bit and from there in 4-bit arithmetic. The given model is not changed.
 *
 * @param model a chain of dense layers.
 * @param validation measured after every epoch, never trained on; may be undefined.
 * @throws as `trainModel`, UnsupportedError for other models. Nothing is left behind when it fails or is cancelled.
 */
export async function compressClassifier(
  tf: Tensorflow,
  model: LayersModel,
  training: ClassificationData,
  validation: ClassificationData | undefined,
  recipe: MainJobRecipe,
  run: CompressOptions,
): Promise<CompressedClassifier> {
  const naming = { name: run.name ?? 'classifier', ...(run.labels ? { labels: run.labels } : {}) };
  exportFloatModel(model, naming);
  const runner = new StageRunner(tf, training, validation, run);
  const work = buildModel(tf, readTopology(model));
  try {
    const pruning = await runner.prune(work, recipe.pruning);
    const pruned = exportFloatModel(work, naming);
    const quantize = async (bits: 8 | 4) => {
      const stage = bits === 8 ? recipe.int8 : recipe.int4;
      const { compressed, history } = await runner.quantize(work, bits, stage, pruning.masks);
      const exported = exportQuantizedModel(compressed, naming);
      const ledger = createCompressionLedger(exported.tensors, exportFloatModel(work, naming).tensors);
      return { model: { ...exported, compressed }, history, ledger };
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
 * @throws as `trainModel`.
 */
export async function trainDenseControl(
  tf: Tensorflow,
  model: LayersModel,
  training: ClassificationData,
  validation: ClassificationData | undefined,
  recipe: MainJobRecipe,
  run: RecipeRunOptions,
): Promise<TrainingHistory> {
  const runner = new StageRunner(tf, training, validation, run);
  const stage = {
    ...recipe.pruning,
    learningRate: { initial: recipe.pruning.learningRate.initial, final: recipe.int4.learningRate.final },
    epochs: extraEpochs(recipe),
  };
  return (await runner.train(model, 'pruning', stage, { phase: 'training' })).history;
}

/** Runs the stages of a recipe on the same data. */
class StageRunner {
  readonly #tf: Tensorflow;
  readonly #training: ClassificationData;
  readonly #validation: ClassificationData | undefined;
  readonly #run: RecipeRunOptions;

  constructor(
    tf: Tensorflow,
    training: ClassificationData,
    validation: ClassificationData | undefined,
    run: RecipeRunOptions,
  ) {
    this.#tf = tf;
    this.#training = training;
    this.#validation = validation;
    this.#run = run;
  }

  /** Each stage draws from its own stream, so that a change in one leaves the others as they were. */
  train(
    model: LayersModel,
    stage: string,
    { epochs, batchSize, learningRate, weightDecay, maxShiftPixels }: RecipeStage,
    method: Partial<TrainModelOptions> = {},
  ): Promise<TrainingResult> {
    const { seed, signal, onProgress } = this.#run;
    const { imageShape } = this.#training;
    const shifts = imageShape && maxShiftPixels > 0;
    return trainModel(this.#tf, model, this.#training, {
      phase: stage,
      ...{ epochs, batchSize, learningRate, weightDecay },
      ...(shifts ? { augment: (random) => makeShiftAugmenter(imageShape, maxShiftPixels, random) } : {}),
      ...(this.#validation ? { validation: this.#validation } : {}),
      seed: new Random(seed).fork(stage).uint32(),
      ...(signal ? { signal } : {}),
      ...(onProgress ? { onProgress } : {}),
      ...method,
    });
  }

  prune(model: LayersModel, stage: MainJobRecipe['pruning']): Promise<TrainingResult> {
    const { sparsity, rampFraction, intervalSteps, saliency } = stage;
    const settings: GradualPruningSettings = {
      schedule: {
        ...{ kind: 'polynomial', initial: 0, final: sparsity, power: 3 },
        ...{ begin: 0, end: rampFraction, intervalSteps },
      },
      scope: 'global',
      ...(saliency === 'activation'
        ? { scores: (kernels) => activationScores(kernels, this.#inputRms(model)) }
        : {}),
    };
    return this.train(model, 'pruning', stage, { hooks: [gradualPruning(model, settings)] });
  }

  /** Trains a prepared copy, and takes its weights over. */
  async quantize(
    model: LayersModel,
    bits: 8 | 4,
    stage: RecipeStage,
    masks: WeightMasks,
  ): Promise<{ readonly compressed: CompressedModel; readonly history: TrainingHistory }> {
    const steps = stage.epochs * Math.ceil(this.#training.count / stage.batchSize);
    const prepared = prepareForQuantizationAwareTraining(this.#tf, model, {
      bits,
      masks,
      // The calibration is a call too.
      freezeAfter: 1 + Math.round(RANGE_FREEZE * steps),
    });
    try {
      this.#withSamples(prepared, CALIBRATION_SAMPLES, (samples) =>
        calibrateQuantizationAware(this.#tf, prepared, [samples]),
      );
      const phase = `quantising to ${bits} bits`;
      const { history } = await this.train(prepared, `int${bits}`, stage, { masks, phase });
      const trained = readWeights(prepared);
      const names = readWeights(model).keys();
      writeWeights(this.#tf, model, new Map(Array.from(names, (name) => [name, trained.get(name)!])));
      return { compressed: convertQuantizationAware(this.#tf, prepared), history };
    } finally {
      prepared.dispose();
    }
  }

  #inputRms(model: LayersModel): ReadonlyMap<string, Float32Array> {
    return this.#withSamples(model, SALIENCY_SAMPLES, (samples) => measureInputRms(this.#tf, model, samples));
  }

  #withSamples<Result>(
    model: LayersModel,
    limit: number,
    work: (samples: ReturnType<Tensorflow['tensor']>) => Result,
  ): Result {
    const inputShape = model.inputs[0]!.shape.slice(1) as number[];
    const { features, count } = takeEvenly(this.#training, limit);
    const samples = this.#tf.tensor(features, [count, ...inputShape]);
    try {
      return work(samples);
    } finally {
      samples.dispose();
    }
  }
}
