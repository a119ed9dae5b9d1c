import type * as tensorflow from '@tensorflow/tfjs';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ModelTopology, TopologyWeight } from '../../src/model/model-topology.ts';
import { readTopology } from '../../src/model/read-topology.ts';
import {
  type CrossLayerEqualizationOptions,
  equalizeAcrossLayers,
} from '../../src/post-training/equalize-across-layers.ts';
import { loadTensorflow } from '../tensorflow.ts';
import { outputsOf, randomInputs, randomizeWeights, relativeDifference } from './networks.ts';

let tf: typeof tensorflow;
beforeAll(async () => {
  tf = await loadTensorflow('cpu');
});

function chain(...layers: tensorflow.layers.Layer[]): LayersModel {
  const input = tf.input({ shape: [8, 8, 3] });
  const outputs = layers.reduce<SymbolicTensor>((x, layer) => layer.apply(x) as SymbolicTensor, input);
  return randomizeWeights(tf, tf.model({ inputs: input, outputs }), 1);
}

const convolution = (name: string, settings = {}) =>
  tf.layers.conv2d({ name, filters: 6, kernelSize: 3, padding: 'same', activation: 'relu', ...settings });
const depthwise = (name: string, settings = {}) =>
  tf.layers.depthwiseConv2d({ name, kernelSize: 3, padding: 'same', activation: 'relu', ...settings });
const dense = (name: string, settings = {}) => tf.layers.dense({ name, units: 5, ...settings });

/** Plants factors of up to 10,000 on the output channels of every layer, which makes a function of its own. */
function plantImbalance(topology: ModelTopology): ModelTopology {
  const plant = ({ data, role, ...rest }: TopologyWeight): TopologyWeight => {
    const channels =
      rest.shape[rest.shape.length - 1] === 1 ? rest.shape[2] : rest.shape[rest.shape.length - 1];
    const factor = (at: number) => (role.includes('kernel') ? 10 ** ((at % channels) % 5) : 1);
    return { ...rest, role, data: data.map((value, at) => value * factor(at)) };
  };
  return {
    ...topology,
    layers: topology.layers.map((layer) => ({ ...layer, weights: layer.weights.map(plant) })),
  };
}

function equalizeAndCompare(model: LayersModel, options: CrossLayerEqualizationOptions = {}) {
  const topology = plantImbalance(readTopology(model));
  const equalization = equalizeAcrossLayers(topology, options);
  const inputs = randomInputs(tf, model, 2, 2);
  const difference = relativeDifference(
    outputsOf(tf, equalization.topology, inputs),
    outputsOf(tf, topology, inputs),
  );
  expect(difference).toBeLessThan(1e-5);
  expect(equalization.isConverged).toBe(true);
  tf.dispose(inputs);
  model.dispose();
  return equalization;
}

function weightOf({ layers }: ModelTopology, name: string): TopologyWeight {
  return layers.flatMap(({ weights }) => weights).find((weight) => weight.name === name)!;
}

/** Largest magnitudes along an axis of a weight. */
function magnitudes({ data, shape }: TopologyWeight, axis: number): number[] {
  const stride = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const result = new Array<number>(shape[axis]).fill(0);
  for (const [at, value] of data.entries()) {
    const channel = Math.floor(at / stride) % shape[axis];
    result[channel] = Math.max(result[channel], Math.abs(value));
  }
  return result;
}

describe('equalizeAcrossLayers', () => {
  it('gives both sides of a pair the geometric mean of their ranges', () => {
    const model = chain(convolution('a'), convolution('b', { activation: 'linear' }));
    const before = plantImbalance(readTopology(model));
    const { topology, equalized, skipped } = equalizeAndCompare(model);
    const first = magnitudes(weightOf(before, 'a/kernel'), 3);
    const second = magnitudes(weightOf(before, 'b/kernel'), 2);
    const [equal, too] = [
      magnitudes(weightOf(topology, 'a/kernel'), 3),
      magnitudes(weightOf(topology, 'b/kernel'), 2),
    ];
    for (const [channel, range] of first.entries()) {
      const mean = Math.sqrt(range * second[channel]);
      expect(Math.abs(equal[channel] / mean - 1)).toBeLessThan(1e-6);
      expect(Math.abs(too[channel] / mean - 1)).toBeLessThan(1e-6);
    }
    expect(equalized.map(({ layers }) => layers)).toEqual([['a', 'b']]);
    expect(equalized[0].imbalanceAfter).toBeLessThan(equalized[0].imbalanceBefore);
    expect(skipped).toEqual([{ layer: 'b', reason: 'the output of "b" is not read by exactly one layer' }]);
  });

  it('gives all of a depthwise triple the cube root of the product', () => {
    const model = chain(convolution('a'), depthwise('d'), convolution('b', { kernelSize: 1 }));
    const before = plantImbalance(readTopology(model));
    const { topology, equalized } = equalizeAndCompare(model);
    const ranges = (of: ModelTopology) => [
      magnitudes(weightOf(of, 'a/kernel'), 3),
      magnitudes(weightOf(of, 'd/depthwise_kernel'), 2),
      magnitudes(weightOf(of, 'b/kernel'), 2),
    ];
    const after = ranges(topology);
    for (let channel = 0; channel < 6; channel++) {
      const mean = Math.cbrt(ranges(before).reduce((product, range) => product * range[channel], 1));
      for (const range of after) expect(Math.abs(range[channel] / mean - 1)).toBeLessThan(1e-6);
    }
    expect(equalized.map(({ layers }) => layers)).toEqual([['a', 'd', 'b']]);
  });

  it('goes through activations, pooling, padding and flatten', () => {
    const { equalized } = equalizeAndCompare(
      chain(
        convolution('a', { activation: 'linear' }),
        tf.layers.prelu({ name: 'prelu', sharedAxes: [1, 2] }),
        tf.layers.zeroPadding2d({ padding: 1 }),
        convolution('b', { padding: 'valid' }),
        tf.layers.maxPooling2d({ poolSize: 2 }),
        tf.layers.dropout({ rate: 0.5 }),
        tf.layers.flatten(),
        dense('c', { activation: 'linear' }),
        tf.layers.leakyReLU(),
        dense('d'),
      ),
    );
    expect(equalized.map(({ layers }) => layers)).toEqual([
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'd'],
    ]);
  });

  it('takes a depthwise convolution of several outputs per channel, and a separable one, as parts of pairs', () => {
    const { equalized } = equalizeAndCompare(
      chain(
        depthwise('first'),
        depthwise('d', { depthMultiplier: 2 }),
        tf.layers.separableConv2d({ name: 's', filters: 4, kernelSize: 2, activation: 'relu' }),
        convolution('b'),
      ),
    );
    expect(equalized.map(({ layers }) => layers)).toEqual([
      ['first', 'd'],
      ['d', 's'],
      ['s', 'b'],
    ]);
  });

  it('keeps relu6 apart unless it is asked to make it relu', () => {
    const model = () =>
      chain(
        convolution('a', { activation: 'relu6' }),
        convolution('b', { activation: 'linear' }),
        tf.layers.reLU({ name: 'clip', maxValue: 6 }),
        dense('c'),
      );
    expect(equalizeAndCompare(model()).skipped.slice(0, 2)).toEqual([
      { layer: 'a', reason: '"a" is relu6' },
      { layer: 'b', reason: '"clip" is relu6' },
    ]);
    const { unclipped, topology, equalized } = equalizeAcrossLayers(readTopology(model()), {
      relu6: 'unclip',
    });
    expect(unclipped).toEqual(['a', 'clip']);
    expect(equalized).toHaveLength(2);
    const configs = Object.fromEntries(topology.layers.map(({ name, config }) => [name, config]));
    expect(configs.a.activation).toBe('relu');
    expect(configs.clip.maxValue).toBeNull();
  });

  it('leaves dead channels alone', () => {
    const model = chain(convolution('a'), convolution('b'));
    const layer = model.getLayer('a');
    const [kernel, bias] = layer.getWeights();
    const alive = tf.tensor1d([0, 1, 1, 1, 1, 1]);
    layer.setWeights([tf.mul(kernel, alive), bias]);
    const dead = (topology: ModelTopology) => weightOf(topology, 'a/bias').data[0];
    const before = dead(readTopology(model));
    const { topology } = equalizeAndCompare(model);
    expect(dead(topology)).toBe(before);
    expect(magnitudes(weightOf(topology, 'a/kernel'), 3)[0]).toBe(0);
  });

  it('handles one channel', () => {
    const { equalized } = equalizeAndCompare(chain(convolution('a', { filters: 1 }), convolution('b')));
    expect(equalized[0].imbalanceAfter).toBe(1);
  });

  it('names the layers that stand in the way', () => {
    const reason = (...layers: tensorflow.layers.Layer[]) =>
      equalizeAcrossLayers(readTopology(chain(...layers))).skipped[0].reason;
    expect(reason(convolution('a', { activation: 'tanh' }), dense('b'))).toBe('"a" has the activation tanh');
    expect(reason(convolution('a'), tf.layers.batchNormalization({ name: 'norm' }), dense('b'))).toBe(
      '"norm" (BatchNormalization) does not commute with factors per channel',
    );
    expect(reason(convolution('a'), tf.layers.reLU({ name: 'clip', maxValue: 1 }), dense('b'))).toBe(
      '"clip" clips at 1',
    );
    const same = convolution('same', { filters: 3 });
    expect(reason(same, same, dense('b'))).toBe('"same" is shared between several places');
  });

  it('refuses weights that are not finite, by name', () => {
    const topology = readTopology(chain(convolution('a'), convolution('b')));
    weightOf(topology, 'b/kernel').data[3] = Number.NaN;
    expect(() => equalizeAcrossLayers(topology)).toThrow(/finite numbers, got b\/kernel/);
  });
});
