import { buildModel } from '../model/build-model.ts';
import type { CompressedModel } from '../model/compressed-model.ts';
import { type KernelWeight, listKernels } from '../model/kernel-weight.ts';
import { quantizeAfterTraining } from '../post-training/quantize-after-training.ts';
import { convertQuantizationAware } from '../quantization-aware/convert-quantization-aware.ts';
import { prepareForQuantizationAwareTraining } from '../quantization-aware/prepare-quantization-aware.ts';
import { kernelKindOf } from '../quantization-aware/tensorflow-layers.ts';
import { takeEvenly } from '../training/classification-data.ts';
import type { TrainingHistory } from '../training/training-history.ts';
import type { QuantizationStage, QuantizationTraining } from './compression-recipe.ts';
import { type StageContext, type StageState, stageSeed, trainStage } from './stage-context.ts';

/** Fraction of the steps after which ranges of inputs stay as they are, so that the weights can settle on them. */
const RANGE_FREEZE = 0.5;

/** Codes, and how the training went that found them. */
export interface QuantizedState {
  readonly compressed: CompressedModel;
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
  const { tf, train } = context;
  const { weightBits, weightScale, activations } = stage;
  const steps = training.epochs * Math.ceil(train.count / training.batchSize);
  // Pruning reaches kernels that stay float32 too, such as those of recurrent layers.
  const coded = new Set(
    listKernels(state.topology)
      .filter(isCodable)
      .map(({ weight }) => weight.name),
  );
  const model = buildModel(tf, state.topology);
  try {
    const prepared = prepareForQuantizationAwareTraining(tf, model, {
      bits: weightBits,
      granularity: weightScale,
      step: training.scale === 'observed' ? 'range' : 'learned-logarithm',
      keepSurvivors: !training.keptWeightsMayBeZero,
      activationBits: activations ? 8 : null,
      freezeAfter: Math.max(1, Math.round(RANGE_FREEZE * steps)),
      masks: new Map([...state.masks].filter(([name]) => coded.has(name))),
    });
    try {
      const { history } = await trainStage(context, `quantising to ${weightBits} bits`, prepared, training, {
        masks: state.masks,
      });
      return {
        compressed: convertQuantizationAware(tf, prepared),
        history: [...state.history, history],
      };
    } finally {
      prepared.dispose();
    }
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
  { tf, train, seed, signal, onProgress }: StageContext,
  state: StageState,
  stage: QuantizationStage,
): Promise<QuantizedState> {
  const { weightBits, weightScale, weightRange, activations, rounding } = stage;
  const uncoded = listKernels(state.topology).filter((kernel) => !isCodable(kernel));
  const { compressed } = await quantizeAfterTraining(
    tf,
    state.topology,
    takeEvenly(train, stage.calibrationSamples),
    {
      weights: { bits: weightBits, granularity: weightScale, method: weightRange, rounding },
      layers: Object.fromEntries(uncoded.map(({ layer }) => [layer.name, null])),
      activations: activations?.range ?? null,
      equalization: stage.equalizeLayers ? 'keep-relu6' : 'none',
      correctsBias: stage.correctBiases,
      seed: stageSeed(seed, 'quantising'),
      ...(signal ? { signal } : {}),
      ...(onProgress ? { onProgress } : {}),
    },
  );
  return { compressed, history: state.history };
}

/** Whether a model can be evaluated with codes of this kernel: those of Dense, Conv2D and DepthwiseConv2D. */
function isCodable({ layer }: KernelWeight): boolean {
  return kernelKindOf(layer.className) !== null;
}
