import type { ClassificationData } from '@qedge/compression';
import { makeShiftAugmenter } from '@qedge/compression';
import { createDenseClassifier, trainModel } from '@qedge/compression/tfjs';
import type { Random } from '@qedge/core';
import type { Tensorflow } from '@qedge/kernels/tfjs';
import type { CommandContext } from '../command.ts';
import type { Layers } from './read-layers-model.ts';

/** The guide's network for digits of 28 x 28 pixels: layers, and how it is trained before it is compressed. */
const NETWORK = { inputSize: 784, hiddenUnits: [256, 128], classes: 10 } as const;
const TRAINING = {
  epochs: 25,
  batchSize: 64,
  learningRate: { kind: 'cosine', initial: 2e-3, final: 1e-5 },
  weightDecay: 0.01,
} as const;
/** With `--quick`. */
const QUICK_EPOCHS = 4;

/** Trains the network that is compressed where no model is named. The caller disposes it. */
export async function trainDigitsNetwork(
  tf: Tensorflow,
  train: ClassificationData,
  validation: ClassificationData,
  {
    seed,
    quick,
    context,
  }: { readonly seed: number; readonly quick: boolean; readonly context: CommandContext },
): Promise<Layers> {
  const model = createDenseClassifier(tf, { ...NETWORK, seed });
  try {
    await trainModel(tf, model, train, {
      ...TRAINING,
      ...(quick ? { epochs: QUICK_EPOCHS } : {}),
      phase: 'training the float32 network',
      augment: (random: Random) => makeShiftAugmenter([28, 28], 1, random),
      validation,
      seed,
      signal: context.signal,
      onProgress: context.onProgress,
    });
    return model;
  } catch (error) {
    model.dispose();
    throw error;
  }
}
