import { Random } from '@qedge/core';
import type * as tensorflow from '@tensorflow/tfjs';
import type { LayersModel, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type KernelWeight, listKernels } from '../../src/model/kernel-weight.ts';
import { readTopology } from '../../src/model/read-topology.ts';
import { correctBias } from '../../src/post-training/correct-bias.ts';
import { windowOf } from '../../src/post-training/gather-patches.ts';
import { InputMoments, kernelGroups } from '../../src/post-training/input-moments.ts';
import { loadTensorflow } from '../tensorflow.ts';
import { randomInputs, randomizeWeights } from './networks.ts';

let tf: typeof tensorflow;
beforeAll(async () => {
  tf = await loadTensorflow('cpu');
});

type Settings = Record<string, unknown>;
const LAYERS: [string, number[], () => tensorflow.layers.Layer][] = [];
const add = (name: string, shape: number[], layer: () => tensorflow.layers.Layer) =>
  LAYERS.push([name, shape, layer]);
const convolution = (settings: Settings) => () =>
  tf.layers.conv2d({ filters: 3, kernelSize: [3, 2], useBias: false, ...settings });
const depthwise = (settings: Settings) => () =>
  tf.layers.depthwiseConv2d({ kernelSize: 3, useBias: false, ...settings });
for (const padding of ['same', 'valid'] as const) {
  add(`a convolution, ${padding}`, [7, 6, 2], convolution({ padding }));
  add(`a convolution with strides, ${padding}`, [8, 7, 2], convolution({ padding, strides: [2, 3] }));
  add(`a convolution with dilation, ${padding}`, [9, 8, 2], convolution({ padding, dilationRate: 2 }));
  add(`a depthwise convolution, ${padding}`, [6, 6, 3], depthwise({ padding, depthMultiplier: 2 }));
  add(`a depthwise convolution with strides, ${padding}`, [7, 7, 3], depthwise({ padding, strides: 2 }));
  add(`a convolution along a line, ${padding}`, [9, 2], () =>
    tf.layers.conv1d({ filters: 3, kernelSize: 4, strides: 2, padding, useBias: false }),
  );
}
add('a dense layer', [7], () => tf.layers.dense({ units: 3, useBias: false }));
add('a dense layer over a sequence', [4, 5], () => tf.layers.dense({ units: 3, useBias: false }));

function single(
  shape: number[],
  layer: tensorflow.layers.Layer,
): { model: LayersModel; kernel: KernelWeight } {
  const input = tf.input({ shape });
  const model = tf.model({ inputs: input, outputs: layer.apply(input) as SymbolicTensor });
  randomizeWeights(tf, model, 1);
  return { model, kernel: listKernels(readTopology(model))[0] };
}

/** Means over samples and places, per output channel. */
function channelMeans(tensor: Tensor, of: (value: number) => number): number[] {
  const channels = tensor.shape[tensor.shape.length - 1];
  const values = tensor.dataSync();
  const means = new Array<number>(channels).fill(0);
  for (const [at, value] of values.entries()) {
    means[at % channels] += (of(value) * channels) / values.length;
  }
  return means;
}

describe('InputMoments', () => {
  it.each(LAYERS)('predicts mean and power of the outputs of %s', (_, shape, layer) => {
    const { model, kernel } = single(shape, layer());
    const [real] = randomInputs(tf, model, 4, 2);
    const coded = tf.tidy(() => tf.add(tf.mul(real, 0.9), 0.1));
    const moments = new InputMoments(tf, kernel, 2);
    for (let sample = 0; sample < 4; sample += 2) {
      const part = (tensor: Tensor) =>
        tensor.slice([sample, ...shape.map(() => 0)], [2, ...shape]).dataSync<'float32'>();
      moments.add({ shape: [2, ...shape], real: part(real), coded: part(coded) }, 1e6, new Random(0));
    }
    const [y, yCoded] = [real, coded].map((tensor) => model.predict(tensor) as Tensor);
    const difference = tf.sub(yCoded, y);
    const groups = kernelGroups(kernel);
    const error = moments.outputError({ isCentred: false, damping: 0 });
    const { inherited } = error;
    const drift = channelMeans(difference, (value) => value ** 2);
    for (const [channel, expected] of drift.entries()) {
      expect(Math.abs(inherited[channel] - expected)).toBeLessThan(1e-4 * (1 + expected));
    }
    // A kernel of zeros puts out nothing, so that it errs by the real outputs.
    const power = channelMeans(y, (value) => value ** 2);
    const { groups: count, rows, outputs } = groups;
    for (const [channel, expected] of power.entries()) {
      const [group, output] = [Math.floor(channel / outputs), channel % outputs];
      const d = (row: number) => -kernel.weight.data[(row * count + group) * outputs + output];
      let quadratic = inherited[channel];
      for (let row = 0; row < rows; row++) {
        quadratic += 2 * d(row) * error.drift[(group * rows + row) * outputs + output];
        for (let other = 0; other < rows; other++) {
          quadratic += d(row) * d(other) * error.second[(group * rows + row) * rows + other];
        }
      }
      expect(Math.abs(quadratic - expected)).toBeLessThan(1e-4 * (1 + expected));
    }
    const means = channelMeans(difference, (value) => value);
    const bias = correctBias(
      new Float32Array(means.length),
      kernel.weight.data,
      kernel.weight.data,
      moments.expectedInputs(),
      groups,
    );
    for (const [channel, mean] of means.entries()) expect(bias[channel]).toBeCloseTo(-mean, 4);
    moments.dispose();
    tf.dispose([real, coded, y, yCoded, difference]);
    model.dispose();
  });

  it('takes the mean of the error out when centred, and adds damping to the diagonal', () => {
    const { model, kernel } = single([3], tf.layers.dense({ units: 2, useBias: false }));
    const real = Float32Array.of(1, 2, 3, 3, 2, 1);
    const coded = Float32Array.of(2, 2, 2, 4, 2, 0);
    const moments = new InputMoments(tf, kernel, 2);
    moments.add({ shape: [2, 3], real, coded }, 10, new Random(0));
    const { second, inherited } = moments.outputError({ isCentred: true, damping: 0 });
    // The coded inputs vary by (-1, 0, 1) around (3, 2, 1); they differ from the real ones by (1, 0, -1) in both samples.
    expect([...second]).toEqual([1, 0, -1, 0, 0, 0, -1, 0, 1]);
    for (const value of inherited) expect(Math.abs(value)).toBeLessThan(1e-6);
    const damped = moments.outputError({ isCentred: true, damping: 0.3 }).second;
    expect([damped[0], damped[4], damped[1]].map((value) => value.toFixed(4))).toEqual([
      '1.2000',
      '0.2000',
      '0.0000',
    ]);
    moments.dispose();
    model.dispose();
  });

  it('draws places by the seed', () => {
    const { model, kernel } = single([2], tf.layers.dense({ units: 1, useBias: false }));
    const values = Float32Array.from({ length: 200 }, (_, at) => at);
    const meanOf = (seed: number) => {
      const moments = new InputMoments(tf, kernel, 1);
      moments.add({ shape: [100, 2], real: values, coded: values }, 10, new Random(seed));
      const mean = moments.expectedInputs().real[0];
      moments.dispose();
      return mean;
    };
    expect(meanOf(1)).toBe(meanOf(1));
    expect(meanOf(1)).not.toBe(meanOf(2));
    // One of each tenth: at most half of it away from the mean of all, 99.
    expect(Math.abs(meanOf(1) - 99)).toBeLessThanOrEqual(10);
    model.dispose();
  });

  it('refuses convolutions of channels first by name', () => {
    const { model, kernel } = single(
      [5, 2, 3],
      tf.layers.conv2d({ name: 'image', filters: 1, kernelSize: 2, padding: 'same' }),
    );
    const layer = { ...kernel.layer, config: { ...kernel.layer.config, dataFormat: 'channelsFirst' } };
    expect(() => windowOf(layer)).toThrow(/"image" cannot be calibrated.*layers: \{ "image": null \}/);
    model.dispose();
  });
});

describe('correctBias', () => {
  it('adds what the codes lost in the mean', () => {
    const groups = { groups: 2, rows: 1, outputs: 1 };
    const expected = { real: Float64Array.of(2, 3), coded: Float64Array.of(1, 4) };
    const bias = correctBias([10, 20], Float32Array.of(5, 6), Float32Array.of(4, 7), expected, groups);
    expect([...bias]).toEqual([10 + 5 * 2 - 4 * 1, 20 + 6 * 3 - 7 * 4]);
    expect(() => correctBias([1], Float32Array.of(5, 6), Float32Array.of(4, 7), expected, groups)).toThrow(
      /bias to correct/,
    );
  });
});
