import { InvalidArgumentError, UnsupportedError } from '@qedge/core';
import type { ModelTopology } from '../model/model-topology.ts';
import { countMacs } from '../report/count-macs.ts';
import { type ImportanceCriterion, scoreChannels } from './channel-importance.ts';
import { buildDependencyGraph, type ChannelGroup } from './dependency-graph.ts';
import { type ChannelRemoval, removeChannels } from './remove-channels.ts';
import { type ChannelSelection, selectChannels } from './select-channels.ts';

/** What to remove, and by which measure. */
export interface ChannelPruningOptions extends ChannelSelection {
  /** Default `{ kind: 'l2' }`. */
  readonly criterion?: ImportanceCriterion;
  /** Layers whose output keeps all of its channels; those that they read may still go. */
  readonly leaveOut?: readonly string[];
}

/** A group of channels that was looked at. */
export interface PrunedGroup {
  readonly group: string;
  /** Layers whose weights depend on the group. */
  readonly layers: readonly string[];
  readonly channelsBefore: number;
  readonly channelsAfter: number;
}

/** A group of channels that stayed whole. */
export interface KeptGroup {
  readonly group: string;
  readonly layers: readonly string[];
  readonly channels: number;
  readonly reason: string;
}

/** What a model costs. */
export interface ModelCost {
  /** Multiply-accumulates per sample; null for models in which they cannot be counted (see `countMacs`). */
  readonly macs: number | null;
  /** Numbers in all weights, moving statistics included. */
  readonly parameters: number;
}

/** What pruning did; survives `JSON.stringify`. */
export interface ChannelPruningReport {
  readonly before: ModelCost;
  readonly after: ModelCost;
  readonly groups: readonly PrunedGroup[];
  readonly refused: readonly KeptGroup[];
}

/** A smaller model, and what was done. */
export interface ChannelPruningResult {
  readonly topology: ModelTopology;
  /** What went, for `reconstructOutputs`. */
  readonly removal: ChannelRemoval;
  readonly report: ChannelPruningReport;
}

/**
 * Removes the channels that matter least, so that layers get smaller. Inputs and outputs of the model stay as they are. Groups whose removal is
 * not proved safe are left alone and reported with the reason.
 *
 * @throws InvalidArgumentError for impossible options, a layer to leave out that does not exist, and a target that cannot be reached;
 * NonFiniteValueError for weights or statistics that are not finite.
 * @example
 * const { topology, report } = pruneChannels(readTopology(model), { target: { macs: 0.5 } });
 * const smaller = buildModel(tf, topology); // then train it on
 */
export function pruneChannels(topology: ModelTopology, options: ChannelPruningOptions): ChannelPruningResult {
  const { criterion = { kind: 'l2' }, leaveOut = [] } = options;
  const graph = buildDependencyGraph(topology, { leaveOut });
  const { scores, unscored } = scoreChannels(topology, graph, criterion);
  const groups = graph.groups.filter(({ name }) => !unscored.some((group) => group.name === name));
  const kept = selectChannels(topology, graph, groups, scores, options);
  const smaller = removeChannels(topology, graph, kept);
  const refused = [...graph.refused, ...unscored].map(({ name, layers, channels, reason }) => ({
    group: name,
    layers,
    channels: channels.length,
    reason,
  }));
  const report = {
    before: costOfModel(topology),
    after: costOfModel(smaller),
    groups: groups.map((group) => describeGroup(group, kept)),
    refused,
  };
  return { topology: smaller, removal: { graph, kept }, report };
}

function costOfModel(topology: ModelTopology): ModelCost {
  const weights = topology.layers.flatMap((layer) => layer.weights);
  return {
    macs: countMacsOrNull(topology),
    parameters: weights.reduce((sum, { data }) => sum + data.length, 0),
  };
}

function countMacsOrNull(topology: ModelTopology): number | null {
  try {
    return countMacs(topology).total;
  } catch (error) {
    if (error instanceof UnsupportedError || error instanceof InvalidArgumentError) return null;
    throw error;
  }
}

function describeGroup({ name, layers, channels }: ChannelGroup, kept: Uint8Array): PrunedGroup {
  const channelsAfter = channels.reduce((count, channel) => count + kept[channel]!, 0);
  return { group: name, layers, channelsBefore: channels.length, channelsAfter };
}
