import { InvalidArgumentError, type ProgressListener, shapesEqual, throwIfCancelled } from '@qedge/core';
import type { ModelTopology, TopologyWeight } from '../model/model-topology.ts';
import type { ImportanceCriterion } from './channel-importance.ts';
import {
  type ChannelPruningOptions,
  type ChannelPruningReport,
  type ChannelPruningResult,
  pruneChannels,
} from './prune-channels.ts';
import type { ChannelRemoval } from './remove-channels.ts';
import { type ChannelTarget, validateSelection } from './select-channels.ts';

/** One step of gradual pruning. */
export interface ChannelPruningStep {
  /** From 1. */
  readonly step: number;
  readonly steps: number;
  /** The model before this step, and what the step removed from it: with these, `reconstructOutputs` gives a better start than the bare rest. */
  readonly before: ModelTopology;
  readonly removal: ChannelRemoval;
  /** What this step removed. */
  readonly report: ChannelPruningReport;
}

/** How to prune with training in between. */
export interface GradualChannelPruningOptions extends Omit<ChannelPruningOptions, 'criterion'> {
  /** An integer >= 1. What is kept shrinks by the same factor in each step. */
  readonly steps: number;
  /** Measures what a model's channels are worth, anew before each step; default `{ kind: 'l2' }`. */
  readonly measure?: (topology: ModelTopology) => ImportanceCriterion | Promise<ImportanceCriterion>;
  /** Trains the smaller model and returns it with new weights; its layers, shapes and settings stay. */
  readonly fineTune: (
    topology: ModelTopology,
    step: ChannelPruningStep,
  ) => ModelTopology | Promise<ModelTopology>;
  readonly signal?: AbortSignal;
  /** `done` and `total` count steps. */
  readonly onProgress?: ProgressListener;
}

/**
 * Removes channels in several steps with training after each (Molchanov et al. 2017, arXiv:1611.06440): the scores of a step see how the model
 * has recovered from the ones before.
 *
 * @returns the last fine-tuned model; `report.before` and the channels before are those of the given one.
 * @throws as {@link pruneChannels}; InvalidArgumentError when fine-tuning returns another model than it was given; CancelledError between two
 * steps; what `measure` and `fineTune` throw.
 * @example
 * const { topology } = await pruneChannelsGradually(readTopology(model), {
 *   target: { macs: 0.5 },
 *   steps: 3,
 *   fineTune: async (smaller) => {
 *     const student = buildModel(tf, smaller);
 *     const learningRate = { initial: 1e-3, final: 1e-5 };
 *     await trainModel(tf, student, digits, { epochs: 2, batchSize: 64, learningRate, seed: 0 });
 *     const trained = readTopology(student);
 *     student.dispose();
 *     return trained;
 *   },
 * });
 */
export async function pruneChannelsGradually(
  topology: ModelTopology,
  options: GradualChannelPruningOptions,
): Promise<Omit<ChannelPruningResult, 'removal'>> {
  const { steps, measure, fineTune, signal, onProgress, ...pruning } = options;
  validateSelection(pruning);
  if (!Number.isSafeInteger(steps) || steps < 1) {
    throw new InvalidArgumentError('Channels cannot be pruned in that many steps', {
      expected: 'an integer from 1',
      actual: steps,
    });
  }
  let current = topology;
  const reports: ChannelPruningReport[] = [];
  for (let step = 1; step <= steps; step++) {
    throwIfCancelled(signal, 'Pruning channels');
    const criterion = (await measure?.(current)) ?? { kind: 'l2' };
    const target = targetOfStep(pruning.target, step / steps, reports);
    const { topology: smaller, ...done } = pruneChannels(current, { ...pruning, criterion, target });
    reports.push(done.report);
    const trained = await fineTune(smaller, { step, steps, before: current, ...done });
    assertSameModel(smaller, trained);
    current = trained;
    onProgress?.({ phase: 'pruning channels', done: step, total: steps });
  }
  return { topology: current, report: joinReports(reports) };
}

/** The target of a step for the model that the steps before have left. */
function targetOfStep(
  target: ChannelTarget,
  progress: number,
  reports: readonly ChannelPruningReport[],
): ChannelTarget {
  const [first, last] = [reports[0], reports.at(-1)];
  if ('macs' in target) {
    const reached = first && last ? last.after.macs! / first.before.macs! : 1;
    return { macs: Math.min(1, target.macs ** progress / reached) };
  }
  const keep = (1 - target.sparsity) ** progress;
  const reached =
    first && last ? countChannels(last, 'channelsAfter') / countChannels(first, 'channelsBefore') : 1;
  return { sparsity: Math.max(0, 1 - keep / reached) };
}

function countChannels({ groups }: ChannelPruningReport, when: 'channelsBefore' | 'channelsAfter'): number {
  return groups.reduce((sum, group) => sum + group[when], 0);
}

/**
 * Removing channels changes no dependency, with one exception: when a tensor is down to one channel, what was broadcast against it is tied to it.
 * Groups that a later step does not list are such groups of one channel.
 */
function joinReports(reports: readonly ChannelPruningReport[]): ChannelPruningReport {
  const [first, last] = [reports[0]!, reports.at(-1)!];
  const groups = first.groups.map((group) => ({
    ...group,
    channelsAfter: last.groups.find((each) => each.group === group.group)?.channelsAfter ?? 1,
  }));
  return { before: first.before, after: last.after, groups, refused: first.refused };
}

function assertSameModel(given: ModelTopology, trained: ModelTopology): void {
  const weightsOf = ({ layers }: ModelTopology) => layers.flatMap(({ weights }) => weights);
  const [expected, actual] = [weightsOf(given), weightsOf(trained)];
  const isSame = (weight: TopologyWeight, at: number) =>
    weight.name === actual[at]!.name && shapesEqual(weight.shape, actual[at]!.shape);
  if (expected.length === actual.length && expected.every(isSame)) return;
  const describe = (weights: readonly TopologyWeight[]) =>
    weights.map(({ name, shape }) => `${name} [${shape.join(', ')}]`);
  throw new InvalidArgumentError('Fine-tuning returned another model than it was given', {
    expected: describe(expected),
    actual: describe(actual),
  });
}
