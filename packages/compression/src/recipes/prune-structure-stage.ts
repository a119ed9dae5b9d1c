import { InvalidArgumentError } from '@qedge/core';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { buildModel } from '../model/build-model.ts';
import type { ModelTopology } from '../model/model-topology.ts';
import { measureInputRms } from '../pruning/measure-input-rms.ts';
import type { ImportanceCriterion } from '../structured/channel-importance.ts';
import { type ChannelPruningResult, pruneChannels } from '../structured/prune-channels.ts';
import { reconstructOutputs } from '../structured/reconstruct-outputs.ts';
import { takeEvenly } from '../training/classification-data.ts';
import type { StructuredPruningStage } from './compression-recipe.ts';
import { formatPercent } from './format-percent.ts';
import { type StageContext, type StageState, trainStage, withModel } from './stage-context.ts';

/** Samples that activations are measured on. */
const MEASURED_SAMPLES = 512;

/**
 * Removes channels, then trains what is left; without any training, kernels make up for what they no longer read instead. Comes before single weights are removed: their masks would no longer fit.
 * @throws as `pruneChannels` and `trainModel`.
 */
export async function pruneStructure(
  context: StageContext,
  state: StageState,
  stage: StructuredPruningStage,
): Promise<StageState> {
  const removal = removeStageChannels(context, state, stage);
  const topology = stage.training.epochs > 0 ? removal.topology : await makeUp(context, state, removal);
  return withModel(context, { ...state, topology }, (model) =>
    trainStage(context, 'pruning channels', model, stage.training),
  );
}

/** Training makes it needless: see the measurements in the README. */
function makeUp(
  { tf, train, signal }: StageContext,
  { topology }: StageState,
  { removal }: ChannelPruningResult,
): Promise<ModelTopology> {
  return reconstructOutputs(tf, topology, removal, takeEvenly(train, MEASURED_SAMPLES), {
    ...(signal ? { signal } : {}),
  });
}

/**
 * What is left without the channels that matter least.
 * @throws as `pruneChannels`.
 */
export function removeStageChannels(
  context: StageContext,
  state: StageState,
  { target, scope, roundTo, importance }: StructuredPruningStage,
): ChannelPruningResult {
  const criterion = criterionOf(context, state, importance);
  try {
    return pruneChannels(state.topology, { target, scope, roundTo, criterion });
  } catch (error) {
    throw 'macs' in target ? explainUnreached(error, target.macs) : error;
  }
}

/** In shares of the model, as the target was given, what `pruneChannels` says in operations. */
function explainUnreached(error: unknown, target: number): unknown {
  const { reached, limit } = (error instanceof InvalidArgumentError ? error.facts : {}) as {
    readonly reached?: number;
    readonly limit?: number;
  };
  if (reached === undefined || limit === undefined) return error;
  const least = (reached / limit) * target;
  return new InvalidArgumentError('Removing channels cannot save so many multiply-accumulates', {
    expected: `at most ${formatPercent(1 - least)} saved: channels of inputs, outputs and layers that are left alone have to stay`,
    actual: `${formatPercent(1 - target)} asked for`,
    remedy: 'Save less, or remove single weights instead.',
    facts: { most: 1 - least, asked: 1 - target },
    cause: error,
  });
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
export function measureRows(context: StageContext, model: LayersModel): Map<string, Float32Array> {
  return withSamples(context, model, (samples) => measureInputRms(context.tf, model, samples));
}

/** An even part of the training data as input of a model. */
export function withSamples<Result>(
  { tf, train }: StageContext,
  model: LayersModel,
  work: (samples: Tensor) => Result,
): Result {
  const { features, count } = takeEvenly(train, MEASURED_SAMPLES);
  const samples = tf.tensor(features, [count, ...(model.inputs[0]!.shape.slice(1) as number[])]);
  try {
    return work(samples);
  } finally {
    samples.dispose();
  }
}
