import { InvalidArgumentError, NonFiniteValueError, Random, UnsupportedError } from '@qedge/core';
import type { LayersModel, SymbolicTensor, Tensor } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { activationScores, kernelValues } from '../../src/index.ts';
import { measureInputRms, nameWeights, readTopology, type Tensorflow } from '../../src/tfjs.ts';
import { loadTensorflow } from '../tensorflow.ts';

let tf: Tensorflow;

beforeAll(async () => {
  tf = await loadTensorflow('cpu');
});

function samples(shape: number[], seed: number): Tensor {
  const random = new Random(seed);
  const size = shape.reduce((product, axis) => product * axis, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, () => random.normal()),
    shape,
  );
}

function single(shape: number[], apply: (input: SymbolicTensor) => unknown): LayersModel {
  const input = tf.input({ shape });
  return tf.model({ inputs: input, outputs: apply(input) as SymbolicTensor });
}

/**
 * The law that makes the measure what it is: with one kernel element `w` and no bias, the mean square of the output of its channel is
 * `(w * rms)^2`. Checked for every element of the kernel with the layer itself.
 */
function expectLawHolds(model: LayersModel, input: Tensor): void {
  const kernel = nameWeights(model)[0]!;
  const rms = measureInputRms(tf, model, input).get(kernel.name)!;
  const shape = kernel.variable.shape as number[];
  const size = shape.reduce((product, axis) => product * axis, 1);
  const last = shape[shape.length - 1]!;
  expect(rms).toHaveLength(size / last);
  for (let at = 0; at < size; at++) {
    const mean = tf.tidy(() => {
      const values = new Float32Array(size);
      values[at] = 3;
      kernel.variable.write(tf.tensor(values, shape));
      const output = model.predictOnBatch(input) as Tensor;
      const channels = output.shape[output.shape.length - 1]!;
      // All channels but one are 0.
      return tf.mul(tf.mean(tf.square(output)), channels).dataSync()[0]!;
    });
    // Relative float32 rounding of sums of a few hundred squares.
    expect(Math.sqrt(mean) / (3 * rms[Math.floor(at / last)]!)).toBeCloseTo(1, 4);
  }
}

describe('measureInputRms', () => {
  it('predicts the output of each kernel element alone, whatever the layer', () => {
    const { conv1d, conv2d, dense, depthwiseConv2d } = tf.layers;
    const useBias = false;
    const cases: [number[], (input: SymbolicTensor) => unknown][] = [
      [[5], (x) => dense({ units: 3, useBias }).apply(x)],
      [[4, 5], (x) => dense({ units: 2, useBias }).apply(x)],
      [[6, 5, 2], (x) => conv2d({ filters: 2, kernelSize: 3, padding: 'same', useBias }).apply(x)],
      [[7, 6, 2], (x) => conv2d({ filters: 2, kernelSize: [3, 2], strides: [2, 1], useBias }).apply(x)],
      [
        [6, 5, 1],
        (x) => conv2d({ filters: 1, kernelSize: 3, strides: 2, padding: 'same', useBias }).apply(x),
      ],
      [[8, 8, 1], (x) => conv2d({ filters: 1, kernelSize: 3, dilationRate: 2, useBias }).apply(x)],
      [
        [5, 6, 2],
        (x) =>
          depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, padding: 'same', strides: 2, useBias }).apply(
            x,
          ),
      ],
      [[9, 2], (x) => conv1d({ filters: 2, kernelSize: 3, strides: 2, padding: 'same', useBias }).apply(x)],
    ];
    cases.forEach(([shape, apply], at) => {
      const model = single(shape, apply);
      const input = samples([3, ...shape], at);
      expectLawHolds(model, input);
      tf.dispose([input]);
      model.dispose();
    });
  });

  it('averages over the batches and over all uses of a shared layer, in nested models too', () => {
    const shared = tf.layers.dense({ units: 2, useBias: false, name: 'shared' });
    const inner = tf.sequential({ name: 'inner' });
    inner.add(tf.layers.dense({ units: 2, inputShape: [2], name: 'dense', activation: 'relu' }));
    const model = single([2], (x) => {
      const once = shared.apply(tf.layers.reLU().apply(shared.apply(x) as SymbolicTensor)) as SymbolicTensor;
      return inner.apply(once);
    });
    const kernel = nameWeights(model).find(({ name }) => name === 'shared/kernel')!;
    kernel.variable.write(tf.tensor2d([1, 0, 0, 2], [2, 2]));
    // 600 samples of (1, -1): the first use sees (1, -1), the second relu(1, -2) = (1, 0), the inner model (1, 0).
    const input = tf.tile(tf.tensor2d([[1, -1]]), [600, 1]);
    const rms = measureInputRms(tf, model, input);
    expect([...rms.keys()].sort()).toEqual(['inner/dense/kernel', 'shared/kernel']);
    expect([...rms.get('shared/kernel')!]).toEqual([1, Math.fround(Math.sqrt(0.5))]);
    expect([...rms.get('inner/dense/kernel')!]).toEqual([1, 0]);
    const scores = activationScores(kernelValues(readTopology(model)), rms);
    expect(Array.from(scores.get('shared/kernel')!)[3]).toBeCloseTo(2 * Math.sqrt(0.5), 6);
    model.dispose();
  });

  it('leaves the model and the memory as they were, also when it fails', () => {
    const model = single([3], (x) => tf.layers.dense({ units: 2 }).apply(x));
    const { call } = model.layers[1]!;
    const input = samples([4, 3], 1);
    const wrong = samples([4, 2], 1);
    const before = tf.memory().numTensors;
    measureInputRms(tf, model, [input]);
    expect(() => measureInputRms(tf, model, wrong)).toThrow();
    expect(tf.memory().numTensors).toBe(before);
    expect(Object.hasOwn(model.layers[1]!, 'call')).toBe(false);
    expect(model.layers[1]!.call).toBe(call);
    tf.dispose([input, wrong]);
    model.dispose();
  });

  it('refuses no samples, numbers that are not finite, and layouts that it does not measure', () => {
    const model = single([3], (x) => tf.layers.dense({ units: 2 }).apply(x));
    expect(() => measureInputRms(tf, model, [])).toThrow(InvalidArgumentError);
    expect(() => measureInputRms(tf, model, tf.zeros([0, 3]))).toThrow(InvalidArgumentError);
    expect(() => measureInputRms(tf, model, tf.tensor2d([[1, Number.NaN, 0]]))).toThrow(NonFiniteValueError);
    const first = { filters: 1, kernelSize: 1, dataFormat: 'channelsFirst' } as const;
    const other = single([2, 4, 4], (x) => tf.layers.conv2d(first).apply(x));
    expect(() => measureInputRms(tf, other, tf.zeros([1, 2, 4, 4]))).toThrow(UnsupportedError);
  });
});
