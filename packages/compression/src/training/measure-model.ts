import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import { makeSampleBatches } from './sample-batches.ts';
import { makeStreamBatches } from './stream-batches.ts';
import { type BatchSource, oneOrAll } from './training-batch.ts';
import { hasLabels, isStream, type TrainingData } from './training-data.ts';
import { checkLoss, isClassification, lossFunction, type TrainingLoss } from './training-loss.ts';

/** How good a model is on some data. */
export interface ModelMeasurement {
  /** Mean over the samples. */
  readonly loss: number;
  readonly count: number;
  /** Samples whose largest output is their class; null where there are no classes. */
  readonly correct: number | null;
  /** `correct / count`, or null. */
  readonly accuracy: number | null;
}

/** Samples per forward pass; enough to keep the products busy, few enough for the cache of small models. */
const MEASURE_BATCH = 250;

/**
 * Measures a model as it predicts (dropout off, moving statistics in use), without changing it. No tensor is left behind.
 *
 * @param data samples in memory, or a stream whose first epoch is measured.
 * @param loss default `cross-entropy of logits`.
 * @throws as `trainModel` for data and losses that do not fit.
 */
export async function measureModel(
  tf: Tensorflow,
  model: LayersModel,
  data: TrainingData,
  loss: TrainingLoss = 'cross-entropy of logits',
): Promise<ModelMeasurement> {
  return prepareMeasurement(tf, model, data, loss, 'The data')();
}

/** Checks everything now, so that measuring later cannot fail for a reason known before. @throws as {@link measureModel}. */
export function prepareMeasurement(
  tf: Tensorflow,
  model: LayersModel,
  data: TrainingData,
  loss: TrainingLoss,
  what: string,
): () => Promise<ModelMeasurement> {
  checkLoss(loss, model);
  const source = isStream(data)
    ? makeStreamBatches(tf, model, data, what)
    : makeSampleBatches(tf, model, data, { batchSize: MEASURE_BATCH, random: null }, what);
  const hasClasses = isClassification(loss) || hasLabels(data);
  return () => measureBatches(tf, model, source, loss, hasClasses);
}

async function measureBatches(
  tf: Tensorflow,
  model: LayersModel,
  source: BatchSource,
  loss: TrainingLoss,
  hasClasses: boolean,
): Promise<ModelMeasurement> {
  const lossOf = lossFunction(tf, loss);
  let [lossSum, count, correct] = [0, 0, 0];
  const cursor = await source.open(0, 0);
  try {
    for (let step = 0; step < source.stepsPerEpoch; step++) {
      const batch = await cursor.next();
      const results = tf.tidy(() => {
        const outputs = model.apply(oneOrAll(batch.inputs), { training: false }) as Tensor | Tensor[];
        const labels = oneOrAll(batch.labels);
        const value = lossOf(labels, outputs);
        return hasClasses ? [value, countHits(tf, outputs as Tensor, labels as Tensor)] : [value];
      });
      try {
        const [value, hits] = await Promise.all(results.map((tensor) => tensor.data()));
        lossSum += value![0]! * batch.count;
        correct += hits?.[0] ?? 0;
        count += batch.count;
      } finally {
        tf.dispose([...results, ...batch.inputs, ...batch.labels]);
      }
    }
  } finally {
    await cursor.close();
  }
  const counted = hasClasses ? correct : null;
  return {
    loss: lossSum / count,
    count,
    correct: counted,
    accuracy: counted === null ? null : counted / count,
  };
}

function countHits(tf: Tensorflow, outputs: Tensor, labels: Tensor): Tensor {
  return tf.sum(tf.cast(tf.equal(tf.argMax(outputs, -1), tf.argMax(labels, -1)), 'float32'));
}
