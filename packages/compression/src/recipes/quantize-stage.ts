import type { LayersModel } from '@tensorflow/tfjs';
import { buildModel } from '../model/build-model.ts';
import type { CompressedModel } from '../model/compressed-model.ts';
import { type KernelWeight, listKernels } from '../model/kernel-weight.ts';
import type { ModelTopology } from '../model/model-topology.ts';
import { isWidenable, widenConvolutions } from '../model/widen-convolutions.ts';
import type { PostTrainingOptions } from '../post-training/post-training-options.ts';
import { checkPostTraining, quantizeAfterTraining } from '../post-training/quantize-after-training.ts';
import { calibrateQuantizationAware } from '../quantization-aware/calibrate-quantization-aware.ts';
import { convertQuantizationAware } from '../quantization-aware/convert-quantization-aware.ts';
import { prepareForQuantizationAwareTraining } from '../quantization-aware/prepare-quantization-aware.ts';
import { kernelKindOf } from '../quantization-aware/tensorflow-layers.ts';
import { takeEvenly } from '../training/classification-data.ts';
import type { TrainingHistory } from '../training/training-history.ts';
import type { QuantizationStage, QuantizationTraining } from './compression-recipe.ts';
import { withSamples } from './prune-structure-stage.ts';
import { type StageContext, type StageState, stageSeed, trainStage } from './stage-context.ts';

/** Fraction of the steps after which ranges of inputs stay as they are, so that the weights can settle on them. */
const RANGE_FREEZE = 0.5;

/** Codes, and how the training went that found them. */
export interface QuantizedState {
  readonly compressed: CompressedModel;
  /** The float32 model whose kernels were coded. */
  readonly reference: ModelTopology;
  readonly history: readonly TrainingHistory[];
}

/**
 * Trains through the rounding to codes, and takes the codes out.
 * @throws as `prepareForQuantizationAwareTraining`, `trainModel` and `convertQuantizationAware`.
 */
export async function quantizeAware(
  context: StageContext,
  state: StageState,
  stage: QuantizationStage,
  training: QuantizationTraining,
): Promise<QuantizedState> {
  const prepared = prepareAware(context, state, stage, training);
  try {
    const { history } = await trainStage(
      context,
      `quantising to ${stage.weightBits} bits`,
      prepared,
      training,
      { masks: state.masks },
    );
    return {
      compressed: convertQuantizationAware(context.tf, prepared),
      reference: state.topology,
      history: [...state.history, history],
    };
  } finally {
    prepared.dispose();
  }
}

/** The same without training: ranges of inputs are those of the training samples, of which there should be few. */
export function codeAware(
  context: StageContext,
  state: StageState,
  stage: QuantizationStage,
  training: QuantizationTraining,
): CompressedModel {
  const prepared = prepareAware(context, state, stage, training);
  try {
    withSamples(context, prepared, (samples) => calibrateQuantizationAware(context.tf, prepared, [samples]));
    return convertQuantizationAware(context.tf, prepared);
  } finally {
    prepared.dispose();
  }
}

/** @returns owned by the caller, who disposes it. */
function prepareAware(
  { tf, train }: StageContext,
  state: StageState,
  { weightBits, weightScale, activations }: QuantizationStage,
  training: QuantizationTraining,
): LayersModel {
  const topology = widenConvolutions(tf, state.topology);
  const steps = training.epochs * Math.ceil(train.count / training.batchSize);
  // Pruning reaches kernels that stay float32 too, such as those of recurrent layers.
  const coded = new Set(
    listKernels(topology)
      .filter(isCodable)
      .map(({ weight }) => weight.name),
  );
  const model = buildModel(tf, topology);
  try {
    return prepareForQuantizationAwareTraining(tf, model, {
      bits: weightBits,
      granularity: weightScale,
      step: training.scale === 'observed' ? 'range' : 'learned-logarithm',
      keepSurvivors: !training.keptWeightsMayBeZero,
      activationBits: activations ? 8 : null,
      freezeAfter: Math.max(1, Math.round(RANGE_FREEZE * steps)),
      masks: new Map([...state.masks].filter(([name]) => coded.has(name))),
    });
  } finally {
    model.dispose();
  }
}

/**
 * Codes a trained model from what it does on a few samples of the training data. Weights that were removed keep code 0. The same layers as in
 * training get codes; others stay float32.
 * @throws as `quantizeAfterTraining`.
 */
export async function quantizeAfter(
  context: StageContext,
  state: StageState,
  stage: QuantizationStage,
): Promise<QuantizedState> {
  const { tf, train, signal, onProgress } = context;
  const samples = takeEvenly(train, stage.calibrationSamples);
  const { compressed, reference } = await quantizeAfterTraining(tf, state.topology, samples, {
    ...postTrainingOptions(context, state, stage),
    ...(signal ? { signal } : {}),
    ...(onProgress ? { onProgress } : {}),
  });
  return { compressed, reference, history: state.history };
}

/** @throws what {@link quantizeAfter} throws for the model and the settings. */
export function checkQuantization(context: StageContext, state: StageState, stage: QuantizationStage): void {
  checkPostTraining(context.tf, state.topology, postTrainingOptions(context, state, stage));
}

function postTrainingOptions(
  { seed }: StageContext,
  { topology }: StageState,
  { weightBits, weightScale, weightRange, activations, rounding, ...stage }: QuantizationStage,
): PostTrainingOptions {
  const uncoded = listKernels(topology).filter((kernel) => !isCodable(kernel) && !isWidenable(kernel.layer));
  return {
    weights: { bits: weightBits, granularity: weightScale, method: weightRange, rounding },
    layers: Object.fromEntries(uncoded.map(({ layer }) => [layer.name, null])),
    activations: activations?.range ?? null,
    equalization: stage.equalizeLayers ? 'keep-relu6' : 'none',
    correctsBias: stage.correctBiases,
    seed: stageSeed(seed, 'quantising'),
  };
}

/** Whether a model can be evaluated with codes of this kernel: those of Dense, Conv2D and DepthwiseConv2D. */
function isCodable({ layer }: KernelWeight): boolean {
  return kernelKindOf(layer.className) !== null;
}
