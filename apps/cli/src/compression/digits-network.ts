import { type ClassificationData, makeShiftAugmenter } from '@qedge/compression';
import {
  type CompressionEstimate,
  type CompressionRecipe,
  estimateCompression,
} from '@qedge/compression/compress';
import { createDenseClassifier, trainModel } from '@qedge/compression/tfjs';
import type { Random } from '@qedge/core';
import type { Tensorflow } from '@qedge/kernels/tfjs';
import type { CommandContext } from '../command.ts';
import type { Layers } from './read-layers-model.ts';

/** The guide's network for digits of 28 x 28 pixels: layers, and how it is trained before it is compressed. */
const NETWORK = { inputSize: 784, hiddenUnits: [256, 128], classes: 10 } as const;
const MAX_SHIFT_PIXELS = 1;
const TRAINING = {
  epochs: 25,
  batchSize: 64,
  learningRate: { kind: 'cosine', initial: 2e-3, final: 1e-5 },
  weightDecay: 0.01,
} as const;
/** With `--quick`. */
const QUICK_EPOCHS = 4;
const STAGE = 'training the float32 network';

/** What the network learns from. */
interface DigitsData {
  readonly train: ClassificationData;
  readonly validation: ClassificationData;
}

/** The network that is compressed where no model is named, untrained. The caller disposes it. */
export function makeDigitsNetwork(tf: Tensorflow, seed: number): Layers {
  return createDenseClassifier(tf, { ...NETWORK, seed });
}

/** Trains it in place. */
export async function trainDigitsNetwork(
  tf: Tensorflow,
  model: Layers,
  { train, validation }: DigitsData,
  {
    seed,
    quick,
    context,
  }: { readonly seed: number; readonly quick: boolean; readonly context: CommandContext },
): Promise<void> {
  await trainModel(tf, model, train, {
    ...trainingOf(quick),
    phase: STAGE,
    augment: (random: Random) => makeShiftAugmenter([28, 28], MAX_SHIFT_PIXELS, random),
    validation,
    seed,
    signal: context.signal,
    onProgress: context.onProgress,
  });
}

/** What {@link trainDigitsNetwork} will take, from its first steps on a copy of the network. */
export async function estimateDigitsTraining(
  tf: Tensorflow,
  model: Layers,
  data: DigitsData,
  quick: boolean,
  { signal }: CommandContext,
): Promise<CompressionEstimate> {
  const recipe: CompressionRecipe = {
    name: STAGE,
    training: {
      ...trainingOf(quick),
      optimizer: { kind: 'adam' },
      maxShiftPixels: MAX_SHIFT_PIXELS,
      distillation: null,
    },
    ...{ structuredPruning: null, pruning: null, quantization: null },
    file: { floats: 'float32', entropyCoding: false },
    denseControl: { weightDecay: 0 },
  };
  const estimate = await estimateCompression(tf, model, data, { recipe, denseControl: false, signal });
  const stages = estimate.stages.map((each) =>
    each.stage === 'training' ? { ...each, stage: STAGE } : each,
  );
  return { ...estimate, stages };
}

function trainingOf(quick: boolean) {
  return { ...TRAINING, ...(quick ? { epochs: QUICK_EPOCHS } : {}) };
}
