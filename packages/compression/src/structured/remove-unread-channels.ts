import type { ModelTopology } from '../model/model-topology.ts';
import type { ChannelSlice } from './channel-tracer.ts';
import { buildDependencyGraph, type ChannelGroup, type DependencyGraph } from './dependency-graph.ts';
import { removeChannels } from './remove-channels.ts';

/**
 * Removes channels that nothing reads, because pruning has made every weight that multiplies them 0, so that layers get smaller; and then those
 * that only such channels had read. The outputs of the model are the same. A group keeps one channel at least.
 *
 * @returns the given topology itself when all channels are read.
 * @throws as `buildDependencyGraph`.
 * @example
 * const smaller = removeUnreadChannels(applyMasks(topology, masks));
 */
export function removeUnreadChannels(topology: ModelTopology): ModelTopology {
  let current = topology;
  for (;;) {
    const graph = buildDependencyGraph(current);
    const kept = findReadChannels(current, graph);
    if (kept.every((keep) => keep !== 0)) return current;
    current = removeChannels(current, graph, kept);
  }
}

/** By channel number, 0 for channels that can be removed and that no weight reads. */
function findReadChannels(topology: ModelTopology, graph: DependencyGraph): Uint8Array {
  const reads = countNonZeros(topology, graph, 'input');
  const kept = new Uint8Array(graph.channelCount).fill(1);
  for (const group of graph.groups) {
    if (!isReadByWeights(group, graph)) continue;
    const unread = group.channels.filter((channel) => reads[channel] === 0);
    // A layer without channels would be none.
    for (const channel of unread.length < group.channels.length ? unread : unread.subarray(1)) {
      kept[channel] = 0;
    }
  }
  return kept;
}

/** Whether rows of a kernel belong to the channels of a group: only then zeros show that nothing reads one. */
function isReadByWeights({ channels }: ChannelGroup, { slices }: DependencyGraph): boolean {
  const [first] = channels;
  return slices.some((slice) => slice.side === 'input' && slice.channels.includes(first!));
}

/** Per channel, how many weights of kernels, other than 0, are in the slices of one side. */
export function countNonZeros(
  topology: ModelTopology,
  { channelCount, slices }: DependencyGraph,
  side: ChannelSlice['side'],
): Uint32Array {
  const weights = new Map(
    topology.layers.flatMap((layer) => layer.weights.map((weight) => [weight.name, weight])),
  );
  const counts = new Uint32Array(channelCount);
  for (const slice of slices) {
    if (slice.side !== side) continue;
    const { shape, data } = weights.get(slice.weight)!;
    const isBias = shape.length < 2;
    if (isBias) continue;
    const inner = shape.slice(slice.axis + 1).reduce((size, each) => size * each, 1);
    data.forEach((value, at) => {
      if (value !== 0) counts[slice.channels[Math.floor(at / inner) % slice.channels.length]!]!++;
    });
  }
  return counts;
}
