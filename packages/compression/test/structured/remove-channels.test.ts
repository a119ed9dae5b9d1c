import { Random } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ModelTopology } from '../../src/model/model-topology.ts';
import { buildDependencyGraph, type DependencyGraph } from '../../src/structured/dependency-graph.ts';
import { removeChannels } from '../../src/structured/remove-channels.ts';
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
});
