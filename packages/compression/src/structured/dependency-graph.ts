import { InvalidArgumentError } from '@qedge/core';
import type { ModelTopology } from '../model/model-topology.ts';
import { type ChannelSlice, type TracedChannels, tensorKey, traceChannels } from './channel-tracer.ts';

/** Channels that touch the same axes of the same weights, each of which can be removed alone. */
export interface ChannelGroup {
  /** The first layer that makes these channels. */
  readonly name: string;
  /** The layers whose weights get smaller with them, in the order of the model. */
  readonly layers: readonly string[];
  /** Numbers of channels in the graph, ascending. */
  readonly channels: Int32Array;
}

/** Channels that cannot be removed. */
export interface RefusedGroup extends ChannelGroup {
  readonly reason: string;
}

/**
 * Which positions of which weights have to be removed together (DepGraph, Fang et al. 2023): positions that depend on each other carry the same
 * channel number, through additions, concatenations, reshapes and shared layers.
 */
export interface DependencyGraph {
  /** Channels are numbered from 0. */
  readonly channelCount: number;
  readonly slices: readonly ChannelSlice[];
  /** By {@link tensorKey}: the channel at each position of the last axis of a tensor; empty when its size is open. */
  readonly tensors: ReadonlyMap<string, Int32Array>;
  readonly groups: readonly ChannelGroup[];
  readonly refused: readonly RefusedGroup[];
}

/** What to leave alone. */
export interface DependencyGraphOptions {
  /** Layers whose output keeps all of its channels; those that they read may still go. */
  readonly leaveOut?: readonly string[];
}

/**
 * Finds the channels of a model that depend on each other.
 *
 * Everything is kept whose removal is not proved to leave the rest of the model as it is: inputs and outputs of the model, what layers
 * of unknown classes read and make, what a softmax or a layer normalisation sums over, and what a reshape mixes with positions.
 *
 * @throws InvalidArgumentError for a layer to leave out that does not exist, and for a topology that refers to nothing;
 * ShapeMismatchError for weights that do not fit their layer.
 * @example
 * const { groups, refused } = buildDependencyGraph(readTopology(model));
 */
export function buildDependencyGraph(
  topology: ModelTopology,
  { leaveOut = [] }: DependencyGraphOptions = {},
): DependencyGraph {
  requireLayers(topology, leaveOut);
  const traced = traceChannels(topology);
  const { numbers, renumber } = numberChannels(traced);
  const slices = traced.slices.map((slice) => ({ ...slice, channels: renumber(slice.channels) }));
  const tensors = new Map([...traced.tensors].map(([key, channels]) => [key, renumber(channels)]));
  const reasons = collectReasons(numbers.size, [
    ...traced.kept.map(({ channel, reason }) => ({ channels: renumber([channel]), reason })),
    ...outputsOf(topology, leaveOut).map(({ key, layer }) => ({
      channels: tensors.get(key)!,
      reason: `"${layer}" is left out`,
    })),
  ]);
  const all = groupChannels(numbers.size, slices, reasons);
  const groups = all.filter(({ reason }) => reason === '').map(({ reason: _, ...group }) => group);
  return {
    channelCount: numbers.size,
    slices,
    tensors,
    groups,
    refused: all.filter(({ reason }) => reason !== ''),
  };
}

function requireLayers({ layers }: ModelTopology, names: readonly string[]): void {
  const unknown = names.find((name) => !layers.some((layer) => layer.name === name));
  if (unknown === undefined) return;
  throw new InvalidArgumentError('A layer to leave out does not exist', {
    expected: layers.map(({ name }) => name),
    actual: unknown,
  });
}

function outputsOf({ layers }: ModelTopology, names: readonly string[]) {
  return layers
    .filter(({ name }) => names.includes(name))
    .flatMap(({ name, calls }) =>
      calls.flatMap(({ outputShapes }, call) =>
        outputShapes.map((_, output) => ({ key: tensorKey({ layer: name, call, output }), layer: name })),
      ),
    );
}

/** Gives the disjoint sets numbers from 0 in the order in which the model makes them. */
function numberChannels({ partition, tensors, slices }: TracedChannels) {
  const numbers = new Map<number, number>();
  const renumber = (channels: ArrayLike<number>) =>
    Int32Array.from(channels, (channel) => {
      const root = partition.find(channel);
      const number = numbers.get(root) ?? numbers.size;
      numbers.set(root, number);
      return number;
    });
  for (const channels of tensors.values()) renumber(channels);
  for (const { channels } of slices) renumber(channels);
  return { numbers, renumber };
}

interface Restriction {
  readonly channels: Int32Array;
  readonly reason: string;
}

/** Per channel, why it must stay; empty when it may go. */
function collectReasons(
  channelCount: number,
  restrictions: readonly Restriction[],
): readonly ReadonlySet<string>[] {
  const reasons = Array.from({ length: channelCount }, () => new Set<string>());
  for (const { channels, reason } of restrictions)
    for (const channel of channels) reasons[channel]!.add(reason);
  return reasons;
}

/** Channels that no layer makes (those of the model's inputs, and of layers of unknown classes) are in no group. */
function groupChannels(
  channelCount: number,
  slices: readonly ChannelSlice[],
  reasons: readonly ReadonlySet<string>[],
): readonly RefusedGroup[] {
  const uses: number[][] = Array.from({ length: channelCount }, () => []);
  slices.forEach(({ channels }, at) => {
    for (const channel of channels) uses[channel]!.push(at);
  });
  const groups = new Map<string, { uses: readonly number[]; reason: string; channels: number[] }>();
  uses.forEach((used, channel) => {
    if (!used.some((at) => slices[at]!.side === 'output')) return;
    const reason = [...reasons[channel]!].join('; ');
    const key = `${used.join()} ${reason}`;
    const group = groups.get(key) ?? { uses: used, reason, channels: [] };
    groups.set(key, group);
    group.channels.push(channel);
  });
  const taken = new Map<string, number>();
  return [...groups.values()].map((group) => nameGroup(group, slices, taken));
}

function nameGroup(
  { uses, reason, channels }: { uses: readonly number[]; reason: string; channels: readonly number[] },
  slices: readonly ChannelSlice[],
  taken: Map<string, number>,
): RefusedGroup {
  const maker = uses.map((at) => slices[at]!).find(({ side }) => side === 'output')!.layer;
  const repeat = (taken.get(maker) ?? 0) + 1;
  taken.set(maker, repeat);
  return {
    name: repeat === 1 ? maker : `${maker} (${repeat})`,
    layers: [...new Set(uses.map((at) => slices[at]!.layer))],
    channels: Int32Array.from(channels),
    reason,
  };
}
