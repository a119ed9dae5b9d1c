import { InvalidArgumentError, NonFiniteValueError, ShapeMismatchError } from '@qedge/core';
import { describe, expect, test } from 'vitest';
import type { ModelTopology } from '../../src/model/model-topology.ts';
import { type ImportanceCriterion, scoreChannels } from '../../src/structured/channel-importance.ts';
import { buildDependencyGraph } from '../../src/structured/dependency-graph.ts';
import { readTopology } from '../../src/tfjs.ts';
import { loadTensorflow } from '../tensorflow.ts';

const tf = await loadTensorflow('cpu');

/** 2 inputs, 3 hidden units with batch normalisation, 1 output. */
const WEIGHTS: Readonly<Record<string, readonly number[]>> = {
  'hidden/kernel': [1, 0, -2, 3, 0, 1],
  'hidden/bias': [5, 5, 5],
  'norm/gamma': [2, 0, -1],
  'norm/beta': [0.5, 0.5, 0.5],
  'norm/moving_mean': [7, 7, 7],
  'norm/moving_variance': [1, 1, 1],
  'last/kernel': [1, -2, 4],
  'last/bias': [9],
};

function smallTopology(change: Readonly<Record<string, readonly number[]>> = {}): ModelTopology {
  const model = tf.sequential();
  model.add(tf.layers.dense({ name: 'hidden', units: 3, inputShape: [2] }));
  model.add(tf.layers.batchNormalization({ name: 'norm' }));
  model.add(tf.layers.dense({ name: 'last', units: 1 }));
  const topology = readTopology(model);
  model.dispose();
  const values = { ...WEIGHTS, ...change };
  const layers = topology.layers.map((layer) => ({
    ...layer,
    weights: layer.weights.map((weight) => ({ ...weight, data: Float32Array.from(values[weight.name]!) })),
  }));
  return { ...topology, layers };
}

/** Scores of the three hidden channels. */
function scoreHidden(criterion: ImportanceCriterion, topology = smallTopology()): number[] {
  const graph = buildDependencyGraph(topology);
  const { scores, unscored } = scoreChannels(topology, graph, criterion);
  expect(unscored).toEqual([]);
  return [...graph.groups[0]!.channels].map((channel) => scores[channel]!);
}

function byMean(values: readonly number[]): number[] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return values.map((value) => value / mean);
}

const arrays = (values: Readonly<Record<string, readonly number[]>>) =>
  new Map(Object.entries(values).map(([name, numbers]) => [name, Float32Array.from(numbers)]));

describe('the importance of channels', () => {
  test('is the sum over kernels and factors, divided by the mean of the group', () => {
    expect(scoreHidden({ kind: 'l1' })).toEqual(byMean([4 + 2 + 1, 0 + 0 + 2, 3 + 1 + 4]));
    expect(scoreHidden({ kind: 'l2' })).toEqual(byMean([10 + 4 + 1, 0 + 0 + 4, 5 + 1 + 16]));
    expect(scoreHidden({ kind: 'batch-norm' })).toEqual(byMean([2, 0, 1]));
  });

  test('by Taylor expansion is the mean square of what each batch says a slice does', () => {
    const ones = Object.fromEntries(
      Object.entries(WEIGHTS).map(([name, { length }]) => [name, Array(length).fill(1)]),
    );
    const twos = Object.fromEntries(
      Object.entries(ones).map(([name, values]) => [name, values.map(() => 2)]),
    );
    // Sums of weight * gradient per slice: kernel columns, bias, gamma, beta, kernel rows.
    const expected = [
      4 ** 2 + 5 ** 2 + 2 ** 2 + 0.5 ** 2 + 1,
      0 + 5 ** 2 + 0 + 0.5 ** 2 + 2 ** 2,
      1 + 5 ** 2 + 1 + 0.5 ** 2 + 4 ** 2,
    ];
    const scores = scoreHidden({ kind: 'taylor', gradients: [arrays(ones), arrays(twos)] });
    scores.forEach((score, at) => {
      expect(score).toBeCloseTo(byMean(expected)[at]!, 12);
    });
  });

  test('by activations is what the rows that read a channel make of it', () => {
    const inputRms = arrays({ 'hidden/kernel': [1, 1], 'last/kernel': [3, 1, 0.5] });
    expect(scoreHidden({ kind: 'activation', inputRms })).toEqual(byMean([3, 2, 2]));
  });

  test('counts all positions of a channel in a flat tensor', () => {
    const model = tf.sequential();
    model.add(
      tf.layers.conv2d({ name: 'conv', filters: 2, kernelSize: 1, inputShape: [1, 2, 1], useBias: false }),
    );
    model.add(tf.layers.flatten());
    model.add(tf.layers.dense({ name: 'last', units: 1, useBias: false }));
    const topology = readTopology(model);
    model.dispose();
    topology.layers.find(({ name }) => name === 'conv')!.weights[0]!.data.set([0, 0]);
    topology.layers.find(({ name }) => name === 'last')!.weights[0]!.data.set([1, 10, 2, 20]);
    expect(scoreHidden({ kind: 'l1' }, topology)).toEqual(byMean([3, 30]));
  });

  test('is 0 for dead channels, and for all of a group that is dead', () => {
    const dead = smallTopology({
      'hidden/kernel': [0, 0, 0, 0, 0, 0],
      'norm/gamma': [0, 0, 0],
      'last/kernel': [0, 0, 0],
    });
    expect(scoreHidden({ kind: 'l2' }, dead)).toEqual([0, 0, 0]);
    const oneLives = smallTopology({
      'hidden/kernel': [0, 0, 1, 0, 0, 1],
      'norm/gamma': [0, 0, 1],
      'last/kernel': [0, 0, 1],
    });
    expect(scoreHidden({ kind: 'l2' }, oneLives)).toEqual([0, 0, 3]);
  });

  test('is not there for groups that the criterion cannot see', () => {
    const topology = smallTopology();
    const model = tf.sequential();
    model.add(tf.layers.dense({ name: 'hidden', units: 3, inputShape: [2] }));
    model.add(tf.layers.dense({ name: 'last', units: 1 }));
    const plain = readTopology(model);
    model.dispose();
    const graph = buildDependencyGraph(plain);
    const { scores, unscored } = scoreChannels(plain, graph, { kind: 'batch-norm' });
    expect(unscored).toMatchObject([
      { name: 'hidden', reason: 'has no weights that "batch-norm" can score' },
    ]);
    expect(scores.every(Number.isNaN)).toBe(true);
    expect(scoreChannels(topology, buildDependencyGraph(topology), { kind: 'batch-norm' }).unscored).toEqual(
      [],
    );
  });

  test('rejects numbers that are not finite, and statistics that are missing or do not fit', () => {
    for (const strange of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const broken = smallTopology({ 'last/kernel': [1, strange, 1] });
      expect(() => scoreHidden({ kind: 'l2' }, broken)).toThrow(NonFiniteValueError);
    }
    expect(() => scoreHidden({ kind: 'taylor', gradients: [] })).toThrow(InvalidArgumentError);
    expect(() => scoreHidden({ kind: 'taylor', gradients: [new Map()] })).toThrow(
      /no gradient for "hidden\/kernel"/,
    );
    expect(() => scoreHidden({ kind: 'activation', inputRms: new Map() })).toThrow(InvalidArgumentError);
    const short = arrays({ 'hidden/kernel': [1, 1], 'last/kernel': [1, 1] });
    expect(() => scoreHidden({ kind: 'activation', inputRms: short })).toThrow(ShapeMismatchError);
    expect(() => scoreHidden({ kind: 'l7' } as never)).toThrow(InvalidArgumentError);
  });
});
