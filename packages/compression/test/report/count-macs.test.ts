import { InvalidArgumentError, UnsupportedError } from '@qedge/core';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { depthwiseDigitsNetwork, residualDigitsNetwork } from '../../bench/networks.mjs';
import { countMacs } from '../../src/index.ts';
import { readTopology, type Tensorflow } from '../../src/tfjs.ts';
import { loadTensorflow } from '../tensorflow.ts';

let tf: Tensorflow;

beforeAll(async () => {
  tf = await loadTensorflow('cpu');
});

/** Counts a model and disposes of it. */
function count(model: LayersModel) {
  try {
    return countMacs(readTopology(model));
  } finally {
    model.dispose();
  }
}

/** One layer on an input. */
function single(shape: (number | null)[], apply: (input: SymbolicTensor) => unknown): LayersModel {
  const input = tf.input({ shape });
  return tf.model({ inputs: input, outputs: apply(input) as SymbolicTensor });
}

/** MobileNet v1 of Howard et al. 2017 at width 1 and 224 x 224, without normalisation. */
function mobileNet(): LayersModel {
  const zeros = { kernelInitializer: 'zeros', depthwiseInitializer: 'zeros', useBias: false } as const;
  const same = { padding: 'same', ...zeros } as const;
  const input = tf.input({ shape: [224, 224, 3] });
  let x = tf.layers.conv2d({ filters: 32, kernelSize: 3, strides: 2, ...same }).apply(input);
  const blocks = [
    [64, 1],
    [128, 2],
    [128, 1],
    [256, 2],
    [256, 1],
    [512, 2],
    ...Array.from({ length: 5 }, () => [512, 1]),
    [1024, 2],
    [1024, 1],
  ];
  for (const [filters, strides] of blocks) {
    x = tf.layers.depthwiseConv2d({ kernelSize: 3, strides: strides!, ...same }).apply(x as SymbolicTensor);
    x = tf.layers.conv2d({ filters: filters!, kernelSize: 1, ...same }).apply(x as SymbolicTensor);
  }
  x = tf.layers.globalAveragePooling2d({}).apply(x as SymbolicTensor);
  x = tf.layers.dense({ units: 1000, ...zeros }).apply(x as SymbolicTensor);
  return tf.model({ inputs: input, outputs: x as SymbolicTensor });
}

describe('countMacs', () => {
  it('gives what was published for MobileNet v1: 569 million', () => {
    expect(count(mobileNet()).total).toBe(568_740_352);
  });

  it('counts the networks of the benchmarks', () => {
    expect(count(depthwiseDigitsNetwork(tf, 0)).total).toBe(250_224);
    expect(count(residualDigitsNetwork(tf, 0)).total).toBe(645_216);
  });

  it('counts strides, padding, dilation and channels of each kind of layer', () => {
    const { conv1d, conv2d, conv2dTranspose, dense, depthwiseConv2d, separableConv2d } = tf.layers;
    const valid = { filters: 5, kernelSize: [3, 2] as [number, number], strides: [2, 1] as [number, number] };
    // Height: floor((9 - 3) / 2) + 1 = 4; width: 7 - 2 + 1 = 6.
    expect(count(single([9, 7, 3], (x) => conv2d(valid).apply(x))).total).toBe(4 * 6 * (3 * 2 * 3 * 5));
    const same = { ...valid, padding: 'same' } as const;
    expect(count(single([9, 7, 3], (x) => conv2d(same).apply(x))).total).toBe(5 * 7 * (3 * 2 * 3 * 5));
    const dilated = { filters: 4, kernelSize: 3, dilationRate: 2 };
    expect(count(single([9, 9, 2], (x) => conv2d(dilated).apply(x))).total).toBe(5 * 5 * (9 * 2 * 4));
    const depthwise = { kernelSize: 3, depthMultiplier: 2, strides: 2 };
    expect(count(single([9, 9, 3], (x) => depthwiseConv2d(depthwise).apply(x))).total).toBe(16 * 9 * 3 * 2);
    const separable = { filters: 7, kernelSize: 3, depthMultiplier: 2 };
    expect(count(single([5, 5, 3], (x) => separableConv2d(separable).apply(x))).total).toBe(
      9 * (9 * 6 + 6 * 7),
    );
    const transposed = { filters: 2, kernelSize: 3, strides: 2 };
    expect(count(single([4, 5, 3], (x) => conv2dTranspose(transposed).apply(x))).total).toBe(20 * 9 * 3 * 2);
    const line = { filters: 4, kernelSize: 3, strides: 2, padding: 'same' } as const;
    expect(count(single([10, 6], (x) => conv1d(line).apply(x))).total).toBe(5 * 3 * 6 * 4);
    expect(count(single([10, 6], (x) => dense({ units: 3 }).apply(x))).total).toBe(10 * 6 * 3);
    const first = { filters: 4, kernelSize: 1, dataFormat: 'channelsFirst' } as const;
    expect(count(single([3, 6, 5], (x) => conv2d(first).apply(x))).total).toBe(6 * 5 * 3 * 4);
  });

  it('counts a shared layer once for each use, and nothing for layers without kernels', () => {
    const shared = tf.layers.dense({ units: 4, name: 'shared' });
    const model = single([4], (x) => {
      const once = tf.layers.reLU().apply(shared.apply(x) as SymbolicTensor);
      return tf.layers.batchNormalization().apply(shared.apply(once) as SymbolicTensor);
    });
    const { total, byLayer } = count(model);
    expect(total).toBe(32);
    expect([...byLayer]).toEqual([['shared', 32]]);
    expect(count(single([4, 4], (x) => tf.layers.flatten().apply(x))).total).toBe(0);
    const embedding = () => tf.layers.embedding({ inputDim: 9, outputDim: 3 });
    expect(count(single([5], (x) => embedding().apply(x))).total).toBe(0);
  });

  it('refuses what it cannot count, by name', () => {
    const recurrent = single([5, 3], (x) => tf.layers.lstm({ units: 2, name: 'memory' }).apply(x));
    expect(() => count(recurrent)).toThrow(UnsupportedError);
    expect(() => count(single([5, 3], (x) => tf.layers.dot({ axes: 1 }).apply([x, x])))).toThrow(/dot/i);
    const open = single([null, null, 3], (x) => tf.layers.conv2d({ filters: 1, kernelSize: 1 }).apply(x));
    expect(() => count(open)).toThrow(InvalidArgumentError);
  });
});
