import { InvalidArgumentError, Random, ShapeMismatchError, UnsupportedError } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { depthwiseDigitsNetwork, residualDigitsNetwork } from '../../bench/networks.mjs';
import type { ModelTopology, TopologyLayer } from '../../src/model/model-topology.ts';
import { buildDependencyGraph, type DependencyGraph } from '../../src/structured/dependency-graph.ts';
import { keepAllBut, removeChannels } from '../../src/structured/remove-channels.ts';
import { buildModel, readTopology } from '../../src/tfjs.ts';
import { loadTensorflow } from '../tensorflow.ts';
import { RandomNetwork, randomizeWeights } from './random-network.ts';

const tf = await loadTensorflow('cpu');

/** Values of all outputs on three fixed images, with their shapes. */
function predict(topology: ModelTopology): { readonly shapes: number[][]; readonly values: number[] } {
  const model = buildModel(tf, topology);
  const results = tf.tidy(() => {
    const shape = model.inputs[0]!.shape.slice(1) as number[];
    const random = new Random(7);
    const size = 3 * shape.reduce((product, each) => product * each, 1);
    const images = tf.tensor(
      Float32Array.from({ length: size }, () => random.normal()),
      [3, ...shape],
    );
    const outputs = [model.predict(images)].flat();
    return {
      shapes: outputs.map((each) => each.shape),
      values: outputs.flatMap((each) => [...each.dataSync()]),
    };
  });
  model.dispose();
  return results;
}

/** Sets what makes channels to 0, and looks at nothing that reads them: whatever follows must then see zeros there. */
function zeroMakers(topology: ModelTopology, graph: DependencyGraph, kept: Uint8Array): ModelTopology {
  const layers = topology.layers.map((layer) => ({
    ...layer,
    weights: layer.weights.map((weight) => {
      const data = weight.data.slice();
      const isOffset = ['gamma', 'beta', 'bias'].includes(weight.role);
      for (const { axis, channels, side, weight: name } of graph.slices) {
        if (name !== weight.name || !(side === 'output' || (side === 'through' && isOffset))) continue;
        const inner = weight.shape.slice(axis + 1).reduce((product, size) => product * size, 1);
        for (let at = 0; at < data.length; at++) {
          if (kept[channels[Math.floor(at / inner) % channels.length]!] === 0) data[at] = 0;
        }
      }
      return { ...weight, data };
    }),
  }));
  return { ...topology, layers };
}

/** Removes some channels of some groups, at least one of every group that stays. */
function drawKept(graph: DependencyGraph, seed: number): Uint8Array {
  const random = new Random(seed);
  const kept = new Uint8Array(graph.channelCount).fill(1);
  for (const { channels } of graph.groups) {
    const order = random.shuffle(channels.slice());
    for (const channel of order.subarray(0, random.integer(channels.length))) kept[channel] = 0;
  }
  return kept;
}

function countParameters({ layers }: ModelTopology): number {
  return layers.flatMap(({ weights }) => weights).reduce((sum, { data }) => sum + data.length, 0);
}

/** 3 inputs, 4 units with batch normalisation, 2 outputs; the numbers of a weight count up from 0. */
function chain(): ModelTopology {
  const input = tf.input({ shape: [3], name: 'features' });
  const first = tf.layers.dense({ name: 'first', units: 4 }).apply(input);
  const norm = tf.layers.batchNormalization({ name: 'norm' }).apply(first);
  const model = tf.model({
    inputs: input,
    outputs: tf.layers.dense({ name: 'last', units: 2 }).apply(norm) as never,
  });
  const topology = readTopology(model);
  model.dispose();
  for (const { data } of topology.layers.flatMap(({ weights }) => weights)) data.set(data.map((_, at) => at));
  return topology;
}

function layerOf({ layers }: ModelTopology, name: string): TopologyLayer {
  return layers.find((layer) => layer.name === name)!;
}

describe('removing channels', () => {
  test('of random networks leaves what zeros in their place would leave', () => {
    let removed = 0;
    const property = (choices: readonly number[], seed: number) => {
      const model = new RandomNetwork(tf, choices).build();
      const topology = randomizeWeights(readTopology(model), seed);
      model.dispose();
      const graph = buildDependencyGraph(topology);
      const kept = drawKept(graph, seed);
      const smaller = removeChannels(topology, graph, kept);
      const [expected, actual] = [predict(zeroMakers(topology, graph, kept)), predict(smaller)];
      expect(actual.shapes).toEqual(expected.shapes);
      const largest = Math.max(1, ...expected.values.map(Math.abs));
      const errors = actual.values.map((value, at) => Math.abs(value - expected.values[at]!));
      expect(Math.max(...errors)).toBeLessThan(1e-5 * largest);
      const count = kept.filter((keep) => keep === 0).length;
      expect(countParameters(smaller) < countParameters(topology)).toBe(count > 0);
      removed += count;
    };
    const choices = fc.array(fc.nat(59), { minLength: 2, maxLength: 40 });
    fc.assert(fc.property(choices, fc.nat(1e6), property), { seed: 20, numRuns: 60 });
    expect(removed).toBeGreaterThan(200);
  });

  test('of the digit networks leaves what zeros in their place would leave', () => {
    for (const make of [residualDigitsNetwork, depthwiseDigitsNetwork]) {
      const model = make(tf, 0);
      const topology = randomizeWeights(readTopology(model), 5);
      model.dispose();
      const graph = buildDependencyGraph(topology);
      const kept = drawKept(graph, 6);
      const [expected, actual] = [
        predict(zeroMakers(topology, graph, kept)),
        predict(removeChannels(topology, graph, kept)),
      ];
      expect(actual.shapes).toEqual([[3, 10]]);
      const largest = Math.max(1, ...expected.values.map(Math.abs));
      const errors = actual.values.map((value, at) => Math.abs(value - expected.values[at]!));
      expect(Math.max(...errors)).toBeLessThan(1e-5 * largest);
    }
  });

  test('takes exactly the channels that are named, with what is tied to them', () => {
    const topology = chain();
    const graph = buildDependencyGraph(topology);
    const smaller = removeChannels(topology, graph, keepAllBut(graph, new Map([['first', [0, 2]]])));
    const [first, norm, last] = ['first', 'norm', 'last'].map((name) => layerOf(smaller, name));
    expect(first!.config.units).toBe(2);
    expect(first!.calls[0]!.outputShapes).toEqual([[2]]);
    expect([...first!.weights[0]!.data]).toEqual([1, 3, 5, 7, 9, 11]);
    expect(norm!.weights.map(({ shape }) => shape)).toEqual([[2], [2], [2], [2]]);
    expect([...last!.weights[0]!.data]).toEqual([2, 3, 6, 7]);
    expect(layerOf(topology, 'first').weights[0]!.shape).toEqual([3, 4]);
  });

  test('shares what does not change with the old model', () => {
    const topology = chain();
    const graph = buildDependencyGraph(topology);
    const smaller = removeChannels(topology, graph, keepAllBut(graph, new Map([['first', [0]]])));
    expect(layerOf(smaller, 'last').weights[1]!.data).toBe(layerOf(topology, 'last').weights[1]!.data);
    expect(smaller.outputs).toBe(topology.outputs);
  });

  test('refuses by name what cannot go', () => {
    const topology = chain();
    const graph = buildDependencyGraph(topology);
    const remove = (layer: string, positions: readonly number[]) => () =>
      removeChannels(topology, graph, keepAllBut(graph, new Map([[layer, positions]])));
    expect(remove('last', [0])).toThrow(UnsupportedError);
    expect(remove('last', [0])).toThrow(/"last" is an output of the model/);
    expect(remove('features', [0])).toThrow(/inputs of a model/);
    expect(remove('first', [0, 1, 2, 3])).toThrow(/"first" would be left without channels/);
    expect(remove('first', [4])).toThrow(InvalidArgumentError);
    expect(remove('first', [0.5])).toThrow(InvalidArgumentError);
    expect(remove('nobody', [0])).toThrow(InvalidArgumentError);
    expect(() => removeChannels(topology, graph, new Uint8Array(3))).toThrow(ShapeMismatchError);
  });

  test('may empty one branch of a concatenation only as far as the layer keeps a channel', () => {
    const input = tf.input({ shape: [2], name: 'features' });
    const branches = [2, 3].map((units) => tf.layers.dense({ name: `branch_${units}`, units }).apply(input));
    const joined = tf.layers.concatenate({ name: 'joined' }).apply(branches as never);
    const output = tf.layers.dense({ name: 'last', units: 1 }).apply(joined);
    const model = tf.model({ inputs: input, outputs: output as never });
    const topology = readTopology(model);
    model.dispose();
    const graph = buildDependencyGraph(topology);
    const kept = keepAllBut(graph, new Map([['joined', [1, 2, 4]]]));
    const smaller = removeChannels(topology, graph, kept);
    expect(['branch_2', 'branch_3', 'last'].map((name) => layerOf(smaller, name).weights[0]!.shape)).toEqual([
      [2, 1],
      [2, 1],
      [2, 1],
    ]);
    const all = keepAllBut(graph, new Map([['branch_2', [0, 1]]]));
    expect(() => removeChannels(topology, graph, all)).toThrow(/"branch_2" would be left without channels/);
  });

  test('keeps sizes of a reshape open that follow from the others', () => {
    const model = tf.sequential();
    model.add(tf.layers.conv1d({ name: 'first', filters: 4, kernelSize: 1, inputShape: [6, 2] }));
    model.add(tf.layers.reshape({ name: 'pairs', targetShape: [3, 2, -1] }));
    model.add(tf.layers.reshape({ name: 'back', targetShape: [-1, 4] }));
    model.add(tf.layers.dense({ name: 'last', units: 1 }));
    const topology = readTopology(model);
    model.dispose();
    const graph = buildDependencyGraph(topology);
    const smaller = removeChannels(topology, graph, keepAllBut(graph, new Map([['first', [1]]])));
    expect(layerOf(smaller, 'pairs').config.targetShape).toEqual([3, 2, null]);
    expect(layerOf(smaller, 'back').config.targetShape).toEqual([null, 3]);
    const expected = predict(zeroMakers(topology, graph, keepAllBut(graph, new Map([['first', [1]]]))));
    const actual = predict(smaller);
    expect(actual.shapes).toEqual([[3, 6, 1]]);
    for (const [at, value] of actual.values.entries()) expect(value).toBeCloseTo(expected.values[at]!, 5);
  });
});
