import type { LayersModel } from '@tensorflow/tfjs';
import { buildModel } from '../model/build-model.ts';
import { measureInputRms } from '../pruning/measure-input-rms.ts';
import type { ImportanceCriterion } from '../structured/channel-importance.ts';
import { pruneChannels } from '../structured/prune-channels.ts';
import { takeEvenly } from '../training/classification-data.ts';
import type { StructuredPruningStage } from './compression-recipe.ts';
import { type StageContext, type StageState, trainStage, withModel } from './stage-context.ts';

/** Samples that activations are measured on. */
const MEASURED_SAMPLES = 512;

/**
 * Removes channels, then trains what is left. Comes before single weights are removed: their masks would no longer fit.
 * @throws as `pruneChannels` and `trainModel`.
 */
export async function pruneStructure(
  context: StageContext,
  state: StageState,
  stage: StructuredPruningStage,
): Promise<StageState> {
  const { target, scope, roundTo, importance, training } = stage;
  const criterion = criterionOf(context, state, importance);
  const { topology } = pruneChannels(state.topology, { target, scope, roundTo, criterion });
  return withModel(context, { ...state, topology }, (model) =>
    trainStage(context, 'pruning channels', model, training),
  );
}

function criterionOf(
  context: StageContext,
  { topology }: StageState,
  importance: StructuredPruningStage['importance'],
): ImportanceCriterion {
  if (importance !== 'activation') return { kind: importance };
  const model = buildModel(context.tf, topology);
  try {
    return { kind: 'activation', inputRms: measureRows(context, model) };
  } finally {
    model.dispose();
  }
}

/** What the kernels of a living model multiply, on an even part of the training data. */
export function measureRows({ tf, train }: StageContext, model: LayersModel): Map<string, Float32Array> {
  const { features, count } = takeEvenly(train, MEASURED_SAMPLES);
  const shape = model.inputs[0]!.shape.slice(1) as number[];
  const samples = tf.tensor(features, [count, ...shape]);
  try {
    return measureInputRms(tf, model, samples);
  } finally {
    samples.dispose();
  }
}
