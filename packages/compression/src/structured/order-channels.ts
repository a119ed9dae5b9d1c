import type { ModelTopology, TopologyLayer, TopologyWeight } from '../model/model-topology.ts';
import type { ChannelSlice } from './channel-tracer.ts';
import { buildDependencyGraph, type DependencyGraph } from './dependency-graph.ts';
import { countNonZeros } from './remove-unread-channels.ts';

/**
 * Puts the channels of pruned layers in the order of how many weights make them, most first, so that an entropy coder meets weights of like density
 * together. Layers, shapes and outputs of the model stay the same (sums come in another order); inputs and outputs of the model keep their order.
 *
 * @returns a new topology; weights that keep their order are shared.
 * @throws as `buildDependencyGraph`.
 */
export function orderChannels(topology: ModelTopology): ModelTopology {
  const graph = buildDependencyGraph(topology);
  const takenFrom = chooseOrder(topology, graph);
  const slices = new Map<string, ChannelSlice[]>();
  for (const slice of graph.slices) slices.set(slice.weight, [...(slices.get(slice.weight) ?? []), slice]);
  const layers = topology.layers.map(
    (layer): TopologyLayer => ({
      ...layer,
      weights: layer.weights.map((weight) =>
        (slices.get(weight.name) ?? []).reduce((moved, slice) => reorder(moved, slice, takenFrom), weight),
      ),
    }),
  );
  return { ...topology, layers };
}

/** Per channel, the one whose weights take its place. */
function chooseOrder(topology: ModelTopology, graph: DependencyGraph): Int32Array {
  const counts = countNonZeros(topology, graph, 'output');
  const takenFrom = Int32Array.from({ length: graph.channelCount }, (_, channel) => channel);
  for (const { channels } of graph.groups) {
    if (!isWholeEverywhere(channels, graph)) continue;
    const sorted = [...channels].sort((a, b) => counts[b]! - counts[a]! || a - b);
    sorted.forEach((channel, at) => {
      takenFrom[channels[at]!] = channel;
    });
  }
  return takenFrom;
}

/** Whether every axis that has a channel of a group has each of them equally often, so that they can change places. */
function isWholeEverywhere(group: Int32Array, { slices, tensors }: DependencyGraph): boolean {
  const members = new Set(group);
  const axes = [...slices.map(({ channels }) => channels), ...tensors.values()];
  return axes.every((channels) => {
    const found = channels.filter((channel) => members.has(channel));
    if (found.length === 0) return true;
    // Blocks of the whole group, each in the group's order: one per pixel after a flattening.
    return (
      found.length % group.length === 0 && found.every((channel, at) => channel === group[at % group.length])
    );
  });
}

/** Moves the positions of one axis. */
function reorder(
  weight: TopologyWeight,
  { axis, channels }: ChannelSlice,
  takenFrom: Int32Array,
): TopologyWeight {
  if (channels.every((channel) => takenFrom[channel] === channel)) return weight;
  const places = new Map<number, number[]>();
  channels.forEach((channel, position) => {
    places.set(channel, [...(places.get(channel) ?? []), position]);
  });
  const seen = new Map<number, number>();
  const sources = Array.from(channels, (channel) => {
    const nth = seen.get(channel) ?? 0;
    seen.set(channel, nth + 1);
    return places.get(takenFrom[channel]!)![nth]!;
  });
  return { ...weight, data: takePositions(weight, axis, sources) };
}

function takePositions(
  { shape, data }: TopologyWeight,
  axis: number,
  sources: readonly number[],
): Float32Array {
  const inner = shape.slice(axis + 1).reduce((size, each) => size * each, 1);
  const outer = data.length / (inner * sources.length);
  const result = new Float32Array(data.length);
  for (let row = 0, at = 0; row < outer; row++) {
    for (const source of sources) {
      const from = (row * sources.length + source) * inner;
      result.set(data.subarray(from, from + inner), at);
      at += inner;
    }
  }
  return result;
}
