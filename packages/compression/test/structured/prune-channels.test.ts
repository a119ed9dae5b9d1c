import { CancelledError, InvalidArgumentError } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { depthwiseDigitsNetwork, residualDigitsNetwork } from '../../bench/networks.mjs';
import type { ModelTopology } from '../../src/model/model-topology.ts';
import { countMacs } from '../../src/report/count-macs.ts';
import { pruneChannels } from '../../src/structured/prune-channels.ts';
import { pruneChannelsGradually } from '../../src/structured/prune-channels-gradually.ts';
import { removeChannels } from '../../src/structured/remove-channels.ts';
import { buildModel, readTopology } from '../../src/tfjs.ts';
import { loadTensorflow } from '../tensorflow.ts';
import { RandomNetwork, randomizeWeights } from './random-network.ts';

const tf = await loadTensorflow('cpu');

function read(
  make: (seed: number) => { dispose(): unknown } & Parameters<typeof readTopology>[0],
): ModelTopology {
  const model = make(0);
  const topology = readTopology(model);
  model.dispose();
  return topology;
}

const residual = randomizeWeights(
  read((seed) => residualDigitsNetwork(tf, seed)),
  1,
);
const depthwise = randomizeWeights(
  read((seed) => depthwiseDigitsNetwork(tf, seed)),
  2,
);

/** 4 inputs, hidden layers of 8 and 6 units, 2 outputs; unit `i` of a hidden layer matters `i` times as much as unit 1. */
function perceptron(): ModelTopology {
  const model = tf.sequential();
  model.add(tf.layers.dense({ name: 'first', units: 8, inputShape: [4] }));
  model.add(tf.layers.dense({ name: 'second', units: 6 }));
  model.add(tf.layers.dense({ name: 'last', units: 2 }));
  const topology = readTopology(model);
  model.dispose();
  for (const { weights } of topology.layers) {
    for (const { data, shape } of weights.filter(({ role }) => role === 'kernel')) {
      data.forEach((_, at) => {
        data[at] = at % shape[1]!;
      });
    }
  }
  return topology;
}

const widthOf = ({ layers }: ModelTopology, name: string) =>
  layers.find((layer) => layer.name === name)!.weights[0]!.shape.at(-1);

describe('pruning channels', () => {
  test('reaches a fraction of the multiply-accumulates, by no more than the last block', () => {
    const largestSaving = 2 * 14 * 14 * 9 * 8;
    for (const macs of [0.8, 0.5, 0.25, 0.1]) {
      for (const scope of ['global', 'layer'] as const) {
        const { topology, report } = pruneChannels(residual, { target: { macs }, scope });
        const limit = macs * countMacs(residual).total;
        expect(report.after.macs).toBe(countMacs(topology).total);
        expect(report.after.macs!).toBeLessThanOrEqual(limit);
        expect(report.after.macs!).toBeGreaterThan(limit - 3 * largestSaving);
        const model = buildModel(tf, topology);
        expect(model.outputs[0]!.shape).toEqual([null, 10]);
        expect(report.after.parameters).toBe(model.countParams());
        model.dispose();
      }
    }
  });

  test('keeps what it is given when everything may stay', () => {
    expect(pruneChannels(residual, { target: { macs: 1 } }).report.after).toEqual({
      macs: countMacs(residual).total,
      parameters: 20_146,
    });
    const { topology, report } = pruneChannels(depthwise, { target: { sparsity: 0 } });
    expect(report.after).toEqual(report.before);
    expect(topology.layers.map(({ weights }) => weights)).toEqual(
      depthwise.layers.map(({ weights }) => weights),
    );
  });

  test('counts what it saves as the smaller model does, on random networks', () => {
    const property = (choices: readonly number[], macs: number) => {
      const model = new RandomNetwork(tf, choices).build();
      const topology = randomizeWeights(readTopology(model), 3);
      model.dispose();
      const limit = macs * countMacs(topology).total;
      let reached: number;
      try {
        const { topology: smaller, report } = pruneChannels(topology, { target: { macs } });
        reached = countMacs(smaller).total;
        expect(report.groups.every(({ channelsAfter }) => channelsAfter >= 1)).toBe(true);
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidArgumentError);
        const narrowest = pruneChannels(topology, { target: { sparsity: 0.999999 } });
        reached = (error as InvalidArgumentError).facts.reached as number;
        expect(reached).toBeCloseTo(narrowest.report.after.macs!, 3);
        expect(reached).toBeGreaterThan(limit);
        return;
      }
      expect(reached).toBeLessThanOrEqual(limit * (1 + 1e-9));
    };
    const choices = fc.array(fc.nat(59), { minLength: 2, maxLength: 40 });
    fc.assert(fc.property(choices, fc.double({ min: 0.2, max: 1, noNaN: true }), property), {
      seed: 8,
      numRuns: 40,
    });
  });

  test('removes exactly a fraction of the channels, those that matter least first', () => {
    const topology = perceptron();
    const global = pruneChannels(topology, { target: { sparsity: 0.5 }, criterion: { kind: 'l1' } });
    const removed = global.report.groups.map(
      ({ channelsBefore, channelsAfter }) => channelsBefore - channelsAfter,
    );
    expect(removed.reduce((sum, count) => sum + count, 0)).toBe(7);
    const layer = pruneChannels(topology, { target: { sparsity: 0.5 }, scope: 'layer' });
    expect(layer.report.groups.map(({ channelsAfter }) => channelsAfter)).toEqual([4, 3]);
    // Columns hold their number: the last ones matter most.
    const kernel = layer.topology.layers.find(({ name }) => name === 'first')!.weights[0]!;
    expect([...kernel.data.subarray(0, 4)]).toEqual([4, 5, 6, 7]);
    // Column 0 of the second kernel is all 0, and so is all but one number of the row that reads it.
    const one = pruneChannels(topology, { target: { sparsity: 0.1 } });
    expect(one.report.groups.map(({ channelsAfter }) => channelsAfter)).toEqual([8, 5]);
  });

  test('keeps multiples of a block, and no fewer than asked for', () => {
    for (const roundTo of [2, 4, 8]) {
      const { report } = pruneChannels(depthwise, { target: { macs: 0.4 }, roundTo });
      expect(report.groups.map(({ channelsAfter }) => channelsAfter % roundTo)).toEqual([0, 0, 0, 0]);
      expect(report.after.macs! / report.before.macs!).toBeLessThanOrEqual(0.4);
    }
    const odd = pruneChannels(perceptron(), { target: { sparsity: 0.3 }, roundTo: 4, scope: 'layer' });
    expect(odd.report.groups.map(({ channelsAfter }) => channelsAfter)).toEqual([8, 4]);
    const small = pruneChannels(perceptron(), { target: { sparsity: 0.9 }, roundTo: 8 });
    expect(small.report.groups.map(({ channelsAfter }) => channelsAfter)).toEqual([8, 6]);
    const floor = pruneChannels(depthwise, { target: { sparsity: 0.95 }, minimumChannels: 5 });
    expect(floor.report.groups.map(({ channelsAfter }) => channelsAfter)).toEqual([5, 5, 5, 5]);
  });

  test('goes down to one channel per group and still builds a model', () => {
    for (const network of [residual, depthwise]) {
      const { topology, report } = pruneChannels(network, { target: { sparsity: 0.9999 } });
      expect(report.groups.every(({ channelsAfter }) => channelsAfter === 1)).toBe(true);
      const model = buildModel(tf, topology);
      const output = tf.tidy(() =>
        (model.predict(tf.ones([2, 28, 28, 1])) as never as { dataSync(): Float32Array }).dataSync(),
      );
      expect(output.every(Number.isFinite)).toBe(true);
      model.dispose();
    }
  });

  test('removes dead channels first, which changes no output', () => {
    const topology = randomizeWeights(perceptron(), 4);
    const dead = [1, 5];
    const layers = topology.layers.map((layer) => {
      const weights = layer.weights.map((weight) => {
        const data = weight.data.slice();
        const columns = weight.shape.at(-1)!;
        for (let at = 0; at < data.length; at++) {
          const isColumn = layer.name === 'first' && dead.includes(at % columns);
          const isRow =
            layer.name === 'second' && weight.role === 'kernel' && dead.includes(Math.floor(at / columns));
          if (isColumn || isRow) data[at] = 0;
        }
        return { ...weight, data };
      });
      return { ...layer, weights };
    });
    const { topology: smaller, report } = pruneChannels(
      { ...topology, layers },
      { target: { sparsity: 2 / 14 } },
    );
    expect(report.groups.map(({ channelsAfter }) => channelsAfter)).toEqual([6, 6]);
    const [before, after] = [{ ...topology, layers }, smaller].map((each) => {
      const model = buildModel(tf, each);
      const result = tf.tidy(() =>
        (model.predict(tf.ones([1, 4])) as never as { dataSync(): Float32Array }).dataSync(),
      );
      model.dispose();
      return [...result];
    });
    expect(after).toEqual(before);
  });

  test('reports what it left alone, and refuses what cannot be done', () => {
    const { report } = pruneChannels(residual, { target: { macs: 0.7 }, leaveOut: ['block_1_add'] });
    expect(report.refused).toEqual([
      {
        group: 'stem',
        layers: expect.arrayContaining(['stem', 'stem_norm', 'block_1_b', 'block_2_shortcut']),
        channels: 8,
        reason: '"block_1_add" is left out',
      },
      { group: 'logits', layers: ['logits'], channels: 10, reason: '"logits" is an output of the model' },
    ]);
    expect(
      widthOf(pruneChannels(residual, { target: { macs: 0.7 }, leaveOut: ['stem'] }).topology, 'stem'),
    ).toBe(8);
    const impossible = [
      { target: { macs: 0 } },
      { target: { macs: 1.1 } },
      { target: { macs: Number.NaN } },
      { target: { sparsity: 1 } },
      { target: { sparsity: -0.1 } },
      { target: { macs: 0.5 }, roundTo: 0 },
      { target: { macs: 0.5 }, minimumChannels: 1.5 },
      { target: { macs: 0.5 }, scope: 'none' as never },
      { target: { macs: 0.01 }, minimumChannels: 8 },
      { target: { macs: 0.5 }, leaveOut: ['nobody'] },
    ];
    for (const options of impossible)
      expect(() => pruneChannels(residual, options)).toThrow(InvalidArgumentError);
    expect(() => pruneChannels(residual, { target: { macs: 0.01 }, minimumChannels: 8 })).toThrow(
      /cannot be reached/,
    );
  });
});

describe('pruning channels gradually', () => {
  const negate = (topology: ModelTopology): ModelTopology => ({
    ...topology,
    layers: topology.layers.map((layer) => ({
      ...layer,
      weights: layer.weights.map((weight) => ({ ...weight, data: weight.data.map((value) => -value) })),
    })),
  });

  test('shrinks by the same factor in each step, trains in between and reports the whole', async () => {
    const shares: number[] = [];
    const measured: number[] = [];
    const { topology, report } = await pruneChannelsGradually(residual, {
      target: { macs: 0.25 },
      steps: 4,
      measure: (current) => {
        measured.push(countMacs(current).total);
        return { kind: 'l1' };
      },
      fineTune: async (smaller, { step, steps, before, removal, report: { after } }) => {
        expect([step, steps]).toEqual([shares.length + 1, 4]);
        expect(removeChannels(before, removal.graph, removal.kept)).toEqual(smaller);
        shares.push(after.macs! / countMacs(residual).total);
        return negate(smaller);
      },
    });
    shares.forEach((share, at) => {
      expect(share).toBeLessThanOrEqual(0.25 ** ((at + 1) / 4) + 1e-9);
      expect(share).toBeGreaterThan(0.25 ** ((at + 1) / 4) - 0.07);
    });
    expect(measured).toHaveLength(4);
    expect(report.before.macs).toBe(countMacs(residual).total);
    expect(report.after.macs).toBe(countMacs(topology).total);
    expect(report.groups.map(({ channelsBefore }) => channelsBefore)).toEqual([8, 8, 16, 16, 32, 32]);
    const logits = topology.layers.find(({ name }) => name === 'logits')!;
    expect(logits.weights[0]!.shape).toEqual([report.groups.at(-1)!.channelsAfter, 10]);
  });

  test('reaches a sparsity step by step', async () => {
    const fineTune = (smaller: ModelTopology) => smaller;
    const { report } = await pruneChannelsGradually(depthwise, {
      target: { sparsity: 0.75 },
      steps: 3,
      fineTune,
    });
    const total = (when: 'channelsBefore' | 'channelsAfter') =>
      report.groups.reduce((sum, group) => sum + group[when], 0);
    expect(total('channelsBefore')).toBe(176);
    expect(total('channelsAfter')).toBeGreaterThanOrEqual(44);
    expect(total('channelsAfter')).toBeLessThanOrEqual(46);
  });

  test('rejects another model from fine-tuning, impossible steps, and stops when cancelled', async () => {
    const prune = (change: object) =>
      pruneChannelsGradually(residual, {
        target: { macs: 0.5 },
        steps: 2,
        fineTune: (smaller) => smaller,
        ...change,
      });
    await expect(prune({ fineTune: () => residual })).rejects.toThrow(InvalidArgumentError);
    await expect(prune({ steps: 0 })).rejects.toThrow(InvalidArgumentError);
    await expect(prune({ target: { macs: 2 } })).rejects.toThrow(InvalidArgumentError);
    const controller = new AbortController();
    const done: number[] = [];
    const cancelled = prune({
      signal: controller.signal,
      onProgress: ({ done: step }: { done: number }) => {
        done.push(step);
        controller.abort();
      },
    });
    await expect(cancelled).rejects.toThrow(CancelledError);
    expect(done).toEqual([1]);
  });
});
