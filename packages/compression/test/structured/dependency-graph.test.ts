import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import type { ModelTopology, TensorflowLayer } from '../../src/model/model-topology.ts';
import { tensorKey } from '../../src/structured/channel-tracer.ts';
import { buildDependencyGraph } from '../../src/structured/dependency-graph.ts';
import { readTopology } from '../../src/tfjs.ts';
import { loadTensorflow } from '../tensorflow.ts';

const tf = await loadTensorflow('cpu');
const { layers } = tf;

function apply(layer: unknown, inputs: SymbolicTensor | SymbolicTensor[]): SymbolicTensor {
  return (layer as TensorflowLayer).apply(inputs) as SymbolicTensor;
}

function topologyOf(inputs: SymbolicTensor[], outputs: SymbolicTensor[]): ModelTopology {
  const model: LayersModel = tf.model({ inputs, outputs });
  const topology = readTopology(model);
  model.dispose();
  return topology;
}

/** An image through one layer between two convolutions. */
function between(layer: unknown, shape: number[] = [4, 4, 2]): ModelTopology {
  const input = tf.input({ shape, name: 'image' });
  const before = apply(layers.conv2d({ name: 'before', filters: 6, kernelSize: 1 }), input);
  const middle = apply(layer, before);
  const after =
    middle.shape.length === 4
      ? layers.conv2d({ name: 'after', filters: 3, kernelSize: 1 })
      : layers.dense({ name: 'after', units: 3 });
  return topologyOf([input], [apply(after, middle)]);
}

/** The channels of a group, as positions of the first output of its layer. */
function channelsOf(topology: ModelTopology, layer: string): number[] {
  return [...buildDependencyGraph(topology).tensors.get(tensorKey({ layer, call: 0, output: 0 }))!];
}

describe('a dependency graph', () => {
  test('ties what is added, and keeps branches that are concatenated apart', () => {
    const input = tf.input({ shape: [4, 4, 2], name: 'image' });
    const stem = apply(layers.conv2d({ name: 'stem', filters: 5, kernelSize: 1 }), input);
    const branch = apply(layers.conv2d({ name: 'branch', filters: 5, kernelSize: 1 }), stem);
    const norm = apply(layers.batchNormalization({ name: 'norm' }), branch);
    const sum = apply(layers.add({ name: 'sum' }), [stem, norm]);
    const other = apply(layers.conv2d({ name: 'other', filters: 3, kernelSize: 1 }), sum);
    const joined = apply(layers.concatenate({ name: 'joined' }), [other, sum]);
    const last = apply(layers.conv2d({ name: 'last', filters: 2, kernelSize: 1 }), joined);
    const topology = topologyOf([input], [last]);
    const { groups, refused } = buildDependencyGraph(topology);
    expect(groups.map(({ name, channels }) => [name, channels.length])).toEqual([
      ['stem', 5],
      ['other', 3],
    ]);
    expect(groups[0]!.layers).toEqual(['stem', 'branch', 'norm', 'other', 'last']);
    expect(groups[1]!.layers).toEqual(['other', 'last']);
    expect(channelsOf(topology, 'joined')).toEqual([
      ...channelsOf(topology, 'other'),
      ...channelsOf(topology, 'stem'),
    ]);
    expect(refused.map(({ name, reason }) => [name, reason])).toEqual([
      ['last', '"last" is an output of the model'],
    ]);
  });

  test('ties the calls of a shared layer, also when one reads what comes after another', () => {
    const input = tf.input({ shape: [3], name: 'features' });
    const wide = apply(layers.dense({ name: 'wide', units: 4 }), input);
    const shared = layers.dense({ name: 'shared', units: 4 });
    const once = apply(shared, wide);
    const between = apply(layers.dense({ name: 'between', units: 4 }), once);
    const twice = apply(shared, between);
    const topology = topologyOf([input], [apply(layers.dense({ name: 'last', units: 2 }), twice)]);
    const { groups } = buildDependencyGraph(topology);
    // What the second call reads is tied to what the first one reads.
    expect(groups.map(({ name, layers: of }) => [name, of])).toEqual([
      ['wide', ['wide', 'shared', 'between']],
      ['shared', ['shared', 'between', 'last']],
    ]);
  });

  test('finds a channel at every position of a flat tensor, channels last', () => {
    const topology = between(layers.flatten({ name: 'flat' } as never), [2, 1, 2]);
    const channels = channelsOf(topology, 'before');
    expect(channels).toHaveLength(6);
    expect(channelsOf(topology, 'flat')).toEqual([...channels, ...channels]);
  });

  test('repeats a channel for each output of a depthwise convolution', () => {
    const topology = between(
      layers.depthwiseConv2d({ name: 'depthwise', kernelSize: 1, depthMultiplier: 2 }),
    );
    const channels = channelsOf(topology, 'before');
    expect(channelsOf(topology, 'depthwise')).toEqual(channels.flatMap((channel) => [channel, channel]));
  });

  test('follows reshapes that keep channels apart, and ties those that share a position', () => {
    const joined = between(layers.reshape({ name: 'reshape', targetShape: [4, 24] }));
    const channels = channelsOf(joined, 'before');
    expect(channelsOf(joined, 'reshape')).toEqual([...channels, ...channels, ...channels, ...channels]);
    const split = between(layers.reshape({ name: 'reshape', targetShape: [4, 12, 2] }));
    const { groups } = buildDependencyGraph(split);
    expect(groups.map(({ name, channels: of }) => [name, of.length])).toEqual([['before', 2]]);
    const [a, b] = channelsOf(split, 'reshape');
    expect(channelsOf(split, 'before')).toEqual([a, b, a, b, a, b]);
  });

  test('leaves the channels of one operand alone that is broadcast over the other', () => {
    const input = tf.input({ shape: [4, 4, 2], name: 'image' });
    const wide = apply(layers.conv2d({ name: 'wide', filters: 5, kernelSize: 1 }), input);
    const mask = apply(layers.conv2d({ name: 'mask', filters: 1, kernelSize: 1 }), input);
    const product = apply(layers.multiply({ name: 'product' }), [wide, mask]);
    const topology = topologyOf(
      [input],
      [apply(layers.conv2d({ name: 'last', filters: 2, kernelSize: 1 }), product)],
    );
    const { groups } = buildDependencyGraph(topology);
    expect(groups.map(({ name, channels }) => [name, channels.length])).toEqual([
      ['wide', 5],
      ['mask', 1],
    ]);
  });

  test.each([
    [layers.layerNormalization({ name: 'middle' }), 'normalises over its channels'],
    [layers.softmax({ name: 'middle' }), 'normalises over its channels'],
    [layers.activation({ name: 'middle', activation: 'softmax' }), 'has an activation (softmax)'],
    [layers.reshape({ name: 'middle', targetShape: [8, 3, 4] }), 'mixes channels with positions'],
    [layers.permute({ name: 'middle', dims: [3, 1, 2] }), 'moves the channels to another axis'],
    [layers.batchNormalization({ name: 'middle', axis: 1 }), 'normalises along an axis that is not the last'],
    [layers.dropout({ name: 'middle', rate: 0.5, noiseShape: [1, 1, 6] }), 'has a fixed shape of its noise'],
    [layers.conv2dTranspose({ name: 'middle', filters: 2, kernelSize: 1 }), 'is a Conv2DTranspose'],
    [
      layers.timeDistributed({ name: 'middle', layer: layers.dense({ units: 2 }) as never }),
      'is a TimeDistributed',
    ],
  ])('refuses by name what it cannot prove safe: %#', (layer, reason) => {
    const { groups, refused } = buildDependencyGraph(between(layer));
    const { reason: found } = refused.find(({ name }) => name === 'before')!;
    expect(found).toContain(`"middle" ${reason}`);
    expect(groups.every(({ name }) => name !== 'before')).toBe(true);
  });

  test('refuses hidden softmax activations, but not the rows of the layer', () => {
    const input = tf.input({ shape: [3], name: 'features' });
    const first = apply(layers.dense({ name: 'first', units: 4, activation: 'relu' }), input);
    const attention = apply(layers.dense({ name: 'attention', units: 4, activation: 'softmax' }), first);
    const topology = topologyOf([input], [apply(layers.dense({ name: 'last', units: 2 }), attention)]);
    const { groups, refused } = buildDependencyGraph(topology);
    expect(groups.map(({ name }) => name)).toEqual(['first']);
    expect(refused.map(({ name }) => name)).toEqual(['attention', 'last']);
  });

  test('passes batch normalisation, slopes, noise and pooling', () => {
    const passing = [
      layers.batchNormalization({ axis: 3 }),
      layers.prelu({}),
      layers.prelu({ sharedAxes: [1, 2, 3] }),
      layers.thresholdedReLU({}),
      layers.gaussianNoise({ stddev: 1 }),
      layers.dropout({ rate: 0.5 }),
      layers.globalAveragePooling2d({}),
      layers.permute({ dims: [2, 1, 3] }),
      layers.cropping2D({ cropping: 1 } as never),
    ];
    for (const layer of passing) {
      const { groups } = buildDependencyGraph(between(layer));
      expect(groups.map(({ name, channels }) => [name, channels.length])).toEqual([['before', 6]]);
    }
  });

  test('refuses channels of layers that are left out, and everything that is added to them', () => {
    const input = tf.input({ shape: [3], name: 'features' });
    const left = apply(layers.dense({ name: 'left', units: 4 }), input);
    const right = apply(layers.dense({ name: 'right', units: 4 }), input);
    const sum = apply(layers.add({ name: 'sum' }), [left, right]);
    const hidden = apply(layers.dense({ name: 'hidden', units: 4 }), sum);
    const topology = topologyOf([input], [apply(layers.dense({ name: 'last', units: 2 }), hidden)]);
    const { groups, refused } = buildDependencyGraph(topology, { leaveOut: ['right'] });
    expect(groups.map(({ name }) => name)).toEqual(['hidden']);
    expect(refused[0]).toMatchObject({ name: 'left', reason: '"right" is left out' });
    expect(() => buildDependencyGraph(topology, { leaveOut: ['nobody'] })).toThrow(InvalidArgumentError);
  });

  test('keeps inputs that are added to what a layer makes', () => {
    const input = tf.input({ shape: [4], name: 'features' });
    const first = apply(layers.dense({ name: 'first', units: 4 }), input);
    const sum = apply(layers.add({ name: 'sum' }), [first, input]);
    const topology = topologyOf([input], [apply(layers.dense({ name: 'last', units: 2 }), sum)]);
    const { groups, refused } = buildDependencyGraph(topology);
    expect(groups).toEqual([]);
    expect(refused[0]).toMatchObject({ name: 'first', reason: '"features" is an input of the model' });
  });

  test('refuses a layer of a known class with a weight that it does not know', () => {
    const topology = between(layers.reLU({ name: 'middle' }));
    const strange = {
      name: 'middle/scale',
      role: 'scale',
      shape: [6],
      data: new Float32Array(6),
      trainable: true,
    };
    const changed = topology.layers.map((each) =>
      each.name === 'middle' ? { ...each, weights: [strange] } : each,
    );
    const { groups, refused } = buildDependencyGraph({ ...topology, layers: changed });
    expect(groups).toEqual([]);
    expect(refused[0]!.reason).toContain('"middle" has a weight "scale" whose use of channels is not known');
  });

  test('rejects references to nothing, loops and weights that do not fit', () => {
    const topology = between(layers.reLU({ name: 'middle' }));
    const change = (name: string, layer: object) => ({
      ...topology,
      layers: topology.layers.map((each) => (each.name === name ? { ...each, ...layer } : each)),
    });
    const reading = (layer: string) => [
      { inputs: [{ layer, call: 0, output: 0 }], outputShapes: [[4, 4, 6]] },
    ];
    expect(() => buildDependencyGraph(change('middle', { calls: reading('nobody') }))).toThrow(
      InvalidArgumentError,
    );
    expect(() => buildDependencyGraph(change('middle', { calls: reading('middle') }))).toThrow(
      InvalidArgumentError,
    );
    const [kernel, bias] = topology.layers.find(({ name }) => name === 'after')!.weights;
    const narrow = { ...kernel!, shape: [1, 1, 5, 3], data: new Float32Array(15) };
    expect(() => buildDependencyGraph(change('after', { weights: [narrow, bias!] }))).toThrow(
      ShapeMismatchError,
    );
  });
});
