import { Random } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ModelTopology } from '../../src/model/model-topology.ts';
import { buildDependencyGraph } from '../../src/structured/dependency-graph.ts';
import { orderChannels } from '../../src/structured/order-channels.ts';
import { countNonZeros, removeUnreadChannels } from '../../src/structured/remove-unread-channels.ts';
import { buildModel, readTopology } from '../../src/tfjs.ts';
import { loadTensorflow } from '../tensorflow.ts';
import { RandomNetwork, randomizeWeights } from './random-network.ts';

const tf = await loadTensorflow('cpu');

/** All outputs on two fixed images. */
function predict(topology: ModelTopology): number[] {
  const model = buildModel(tf, topology);
  const values = tf.tidy(() => {
    const shape = model.inputs[0]!.shape.slice(1) as number[];
    const random = new Random(7);
    const size = 2 * shape.reduce((product, each) => product * each, 1);
    const images = tf.tensor(
      Float32Array.from({ length: size }, () => random.normal()),
      [2, ...shape],
    );
    return [model.predict(images)].flat().flatMap((each) => [...each.dataSync()]);
  });
  model.dispose();
  return values;
}

function expectSameOutputs(actual: ModelTopology, expected: ModelTopology): void {
  const [a, b] = [predict(actual), predict(expected)];
  expect(a.length).toBe(b.length);
  const largest = Math.max(1, ...b.map(Math.abs));
  // Sums of at most some hundred float32 products in another order.
  expect(Math.max(...a.map((value, at) => Math.abs(value - b[at]!)))).toBeLessThan(1e-5 * largest);
}

function makeNetwork(choices: readonly number[], seed: number): ModelTopology {
  const model = new RandomNetwork(tf, choices).build();
  const topology = randomizeWeights(readTopology(model), seed);
  model.dispose();
  return topology;
}

/** Sets a share of the kernels to 0, and with them all weights that read some channels. */
function pruneAtRandom(topology: ModelTopology, seed: number): ModelTopology {
  const random = new Random(seed);
  const graph = buildDependencyGraph(topology);
  const unread = Uint8Array.from({ length: graph.channelCount }, () => (random.uniform() < 0.4 ? 1 : 0));
  const layers = topology.layers.map((layer) => ({
    ...layer,
    weights: layer.weights.map((weight) => {
      if (!weight.role.endsWith('kernel')) return weight;
      const data = weight.data.map((value) => (random.uniform() < 0.5 ? 0 : value));
      for (const { axis, channels, side, weight: name } of graph.slices) {
        if (name !== weight.name || side !== 'input') continue;
        const inner = weight.shape.slice(axis + 1).reduce((product, size) => product * size, 1);
        data.forEach((_, at) => {
          if (unread[channels[Math.floor(at / inner) % channels.length]!]) data[at] = 0;
        });
      }
      return { ...weight, data };
    }),
  }));
  return { ...topology, layers };
}

function countParameters({ layers }: ModelTopology): number {
  return layers.flatMap(({ weights }) => weights).reduce((sum, { data }) => sum + data.length, 0);
}

const choices = fc.array(fc.nat(59), { minLength: 2, maxLength: 30 });

/** `[2, hidden, 3]` of dense layers whose second layer reads the given hidden units. */
function denseChain(hidden: number, read: readonly number[]): ModelTopology {
  const model = tf.sequential({
    layers: [
      tf.layers.dense({ name: 'first', units: hidden, inputShape: [2], activation: 'relu' }),
      tf.layers.dense({ name: 'second', units: 3, useBias: false }),
    ],
  });
  const topology = randomizeWeights(readTopology(model), 3);
  model.dispose();
  const layers = topology.layers.map((layer) => ({
    ...layer,
    weights: layer.weights.map((weight) =>
      weight.name === 'second/kernel'
        ? { ...weight, data: weight.data.map((value, at) => (read.includes(Math.floor(at / 3)) ? value : 0)) }
        : weight,
    ),
  }));
  return { ...topology, layers };
}

function shapeOf({ layers }: ModelTopology, name: string): readonly number[] {
  return layers.flatMap(({ weights }) => weights).find((weight) => weight.name === name)!.shape;
}

describe('removing channels that nothing reads', () => {
  test('keeps the outputs of random pruned networks, and makes many of them smaller', () => {
    let smallerCount = 0;
    fc.assert(
      fc.property(choices, fc.nat(1e6), (drawn, seed) => {
        const pruned = pruneAtRandom(makeNetwork(drawn, seed), seed);
        const smaller = removeUnreadChannels(pruned);
        expectSameOutputs(smaller, pruned);
        if (countParameters(smaller) < countParameters(pruned)) smallerCount++;
      }),
      { seed: 21, numRuns: 30 },
    );
    expect(smallerCount).toBeGreaterThan(15);
  });

  test('goes on to what only removed channels had read', () => {
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ name: 'first', units: 4, inputShape: [2], activation: 'relu' }),
        tf.layers.dense({ name: 'second', units: 3, activation: 'relu' }),
        tf.layers.dense({ name: 'third', units: 2 }),
      ],
    });
    const topology = randomizeWeights(readTopology(model), 5);
    model.dispose();
    const zeros: Record<string, (at: number) => boolean> = {
      // Unit 1 of the second layer is not read; it alone reads unit 2 of the first one.
      'third/kernel': (at) => Math.floor(at / 2) === 1,
      'second/kernel': (at) => Math.floor(at / 3) === 2 && at % 3 !== 1,
    };
    const layers = topology.layers.map((layer) => ({
      ...layer,
      weights: layer.weights.map((weight) => {
        const isZero = zeros[weight.name] ?? (() => false);
        return { ...weight, data: weight.data.map((value, at) => (isZero(at) ? 0 : value)) };
      }),
    }));
    const pruned = { ...topology, layers };
    const smaller = removeUnreadChannels(pruned);
    expect(shapeOf(smaller, 'first/kernel')).toEqual([2, 3]);
    expect(shapeOf(smaller, 'second/kernel')).toEqual([3, 2]);
    expect(shapeOf(smaller, 'third/kernel')).toEqual([2, 2]);
    expectSameOutputs(smaller, pruned);
  });

  test('leaves a layer one unit though none is read', () => {
    const dead = denseChain(5, []);
    const smaller = removeUnreadChannels(dead);
    expect(shapeOf(smaller, 'first/kernel')).toEqual([2, 1]);
    expectSameOutputs(smaller, dead);
  });

  test('gives back the model itself when every channel is read', () => {
    const alive = denseChain(5, [0, 1, 2, 3, 4]);
    expect(removeUnreadChannels(alive)).toBe(alive);
  });
});

describe('ordering channels by density', () => {
  test('keeps the outputs and the shapes of random pruned networks', () => {
    let changedCount = 0;
    fc.assert(
      fc.property(choices, fc.nat(1e6), (drawn, seed) => {
        const pruned = pruneAtRandom(makeNetwork(drawn, seed), seed);
        const ordered = orderChannels(pruned);
        expectSameOutputs(ordered, pruned);
        const weightsOf = ({ layers }: ModelTopology) => layers.flatMap(({ weights }) => weights);
        const shapes = (topology: ModelTopology) =>
          weightsOf(topology).map(({ name, shape }) => [name, shape]);
        expect(shapes(ordered)).toEqual(shapes(pruned));
        const before = weightsOf(pruned);
        if (weightsOf(ordered).some(({ data }, at) => data !== before[at]!.data)) changedCount++;
      }),
      { seed: 22, numRuns: 30 },
    );
    expect(changedCount).toBeGreaterThan(15);
  });

  test('puts the units with the most weights first, equal ones as they were', () => {
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ name: 'first', units: 4, inputShape: [3], activation: 'relu' }),
        tf.layers.dense({ name: 'second', units: 2 }),
      ],
    });
    const topology = randomizeWeights(readTopology(model), 9);
    model.dispose();
    const kept = [0, 2, 1, 2];
    const layers = topology.layers.map((layer) => ({
      ...layer,
      weights: layer.weights.map((weight) =>
        weight.name === 'first/kernel'
          ? {
              ...weight,
              data: weight.data.map((value, at) => (Math.floor(at / 4) < kept[at % 4]! ? value : 0)),
            }
          : weight,
      ),
    }));
    const pruned = { ...topology, layers };
    const ordered = orderChannels(pruned);
    const find = (from: ModelTopology, name: string) =>
      from.layers.flatMap(({ weights }) => weights).find((weight) => weight.name === name)!.data;
    const order = [1, 3, 2, 0];
    const bias = find(pruned, 'first/bias');
    expect([...find(ordered, 'first/bias')]).toEqual(order.map((unit) => bias[unit]));
    const graph = buildDependencyGraph(ordered);
    const units = graph.tensors.get('0:0:first')!;
    const counts = countNonZeros(ordered, graph, 'output');
    expect([...units].map((unit) => counts[unit])).toEqual([2, 2, 1, 0]);
    expectSameOutputs(ordered, pruned);
  });
});
