import { InvalidArgumentError, ShapeMismatchError, UnsupportedError } from '@qedge/core';
import type { ModelTopology, TopologyLayer, TopologyWeight } from '../model/model-topology.ts';
import { type ChannelSlice, tensorKey } from './channel-tracer.ts';
import type { DependencyGraph } from './dependency-graph.ts';

/** Which channels of a model go. */
export interface ChannelRemoval {
  readonly graph: DependencyGraph;
  /** By channel number of the graph, 0 for channels that go. */
  readonly kept: Uint8Array;
}

/** The setting that holds the number of output channels. */
const WIDTH_SETTINGS: Readonly<Record<string, string>> = {
  Dense: 'units',
  Conv1D: 'filters',
  Conv2D: 'filters',
  SeparableConv2D: 'filters',
};

/**
 * Makes layers smaller: removes channels from weights, settings and shapes, along with all that depends on them.
 *
 * @param graph of this topology.
 * @param kept by channel number, 0 for channels that go.
 * @returns a model whose outputs are those of the given one after the weights that read removed channels were set to 0. Weights that lose nothing
 * are shared.
 * @throws UnsupportedError, naming the layers and the reason, for a channel that the graph refuses to remove, and for a layer that would
 * be left without channels; ShapeMismatchError when `kept` does not fit the graph.
 */
export function removeChannels(
  topology: ModelTopology,
  graph: DependencyGraph,
  kept: Uint8Array,
): ModelTopology {
  if (kept.length !== graph.channelCount) {
    throw new ShapeMismatchError('The channels to keep do not fit the graph', {
      expected: graph.channelCount,
      actual: kept.length,
    });
  }
  assertRemovable(topology, graph, kept);
  const slices = new Map<string, ChannelSlice[]>();
  for (const slice of graph.slices) slices.set(slice.weight, [...(slices.get(slice.weight) ?? []), slice]);
  const layers = topology.layers.map((layer) => shrinkLayer(layer, graph, slices, kept));
  return { ...topology, layers };
}

/**
 * The channels that are left when some outputs of some layers go.
 *
 * @param removal by layer name, positions along the last axis of what the layer puts out in its first call.
 * @returns by channel number, for {@link removeChannels}.
 * @throws InvalidArgumentError for a layer or a position that does not exist.
 * @example
 * const graph = buildDependencyGraph(topology);
 * const smaller = removeChannels(topology, graph, keepAllBut(graph, new Map([['hidden', [0, 5]]])));
 */
export function keepAllBut(
  graph: DependencyGraph,
  removal: ReadonlyMap<string, readonly number[]>,
): Uint8Array {
  const kept = new Uint8Array(graph.channelCount).fill(1);
  for (const [layer, positions] of removal) {
    const channels = graph.tensors.get(tensorKey({ layer, call: 0, output: 0 }));
    const wrong = positions.find((position) => channels?.[position] === undefined);
    if (!channels || wrong !== undefined) {
      throw new InvalidArgumentError(`Layer "${layer}" has no such channel`, {
        expected: channels ? `positions in 0..${channels.length - 1}` : 'the name of a layer',
        actual: wrong ?? layer,
      });
    }
    for (const position of positions) kept[channels[position]!] = 0;
  }
  return kept;
}

function assertRemovable({ layers }: ModelTopology, graph: DependencyGraph, kept: Uint8Array): void {
  const removable = new Set(graph.groups.flatMap(({ channels }) => [...channels]));
  const refused = graph.refused.find(({ channels }) => channels.some((channel) => kept[channel] === 0));
  if (refused) {
    throw new UnsupportedError(`Channels of "${refused.name}" cannot be removed: ${refused.reason}`, {
      remedy: 'Keep them, or choose channels of the groups that the dependency graph lists.',
      facts: { group: refused.name, layers: refused.layers, reason: refused.reason },
    });
  }
  if (kept.some((keep, channel) => keep === 0 && !removable.has(channel))) {
    throw new UnsupportedError('Channels of the inputs of a model cannot be removed');
  }
  for (const { name, calls } of layers) {
    calls.forEach(({ outputShapes }, call) => {
      outputShapes.forEach((_, output) => {
        const channels = graph.tensors.get(tensorKey({ layer: name, call, output }))!;
        if (channels.length === 0 || channels.some((channel) => kept[channel] !== 0)) return;
        throw new UnsupportedError(`Layer "${name}" would be left without channels`, {
          expected: 'at least one channel that is kept',
          facts: { layer: name, channels: channels.length },
        });
      });
    });
  }
}

function shrinkLayer(
  layer: TopologyLayer,
  graph: DependencyGraph,
  slices: ReadonlyMap<string, readonly ChannelSlice[]>,
  kept: Uint8Array,
): TopologyLayer {
  const calls = layer.calls.map(({ inputs, outputShapes }, call) => ({
    inputs,
    outputShapes: outputShapes.map((shape, output) => {
      const channels = graph.tensors.get(tensorKey({ layer: layer.name, call, output }))!;
      return channels.length === 0 || shape.at(-1) === null
        ? shape
        : [...shape.slice(0, -1), countKept(channels, kept)];
    }),
  }));
  const width = calls[0]?.outputShapes[0]?.at(-1) ?? null;
  const weights = layer.weights.map((weight) => shrinkWeight(weight, slices.get(weight.name) ?? [], kept));
  return { ...layer, config: shrinkSettings(layer, width), calls, weights };
}

function shrinkSettings({ className, config }: TopologyLayer, width: number | null): TopologyLayer['config'] {
  if (className === 'InputLayer') return config;
  // The input shape that the first layer of a Sequential was given may no longer hold; tfjs takes it from the call.
  const { batchInputShape: _, ...settings } = config;
  const setting = WIDTH_SETTINGS[className];
  if (setting !== undefined) return { ...settings, [setting]: width };
  if (className !== 'Reshape') return settings;
  // A size that is left open follows from the others.
  const shape = config.targetShape as readonly (number | null)[];
  const last = shape.at(-1) ?? -1;
  return { ...settings, targetShape: [...shape.slice(0, -1), last < 0 ? null : width] };
}

function shrinkWeight(
  weight: TopologyWeight,
  slices: readonly ChannelSlice[],
  kept: Uint8Array,
): TopologyWeight {
  return slices.reduce((result, { axis, channels }) => takeKept(result, axis, channels, kept), weight);
}

function takeKept(
  weight: TopologyWeight,
  axis: number,
  channels: Int32Array,
  kept: Uint8Array,
): TopologyWeight {
  const { shape, data } = weight;
  const positions = [...channels.keys()].filter((position) => kept[channels[position]!] !== 0);
  if (positions.length === channels.length) return weight;
  const inner = shape.slice(axis + 1).reduce((size, each) => size * each, 1);
  const outer = data.length / (inner * channels.length);
  const result = new Float32Array(outer * positions.length * inner);
  for (let row = 0, at = 0; row < outer; row++) {
    for (const position of positions) {
      const from = (row * channels.length + position) * inner;
      result.set(data.subarray(from, from + inner), at);
      at += inner;
    }
  }
  return {
    ...weight,
    shape: [...shape.slice(0, axis), positions.length, ...shape.slice(axis + 1)],
    data: result,
  };
}

function countKept(channels: Int32Array, kept: Uint8Array): number {
  return channels.reduce((count, channel) => count + (kept[channel] === 0 ? 0 : 1), 0);
}
