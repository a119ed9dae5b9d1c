import { InvalidArgumentError } from '@qedge/core';
import { type Acceleration, accelerate } from '@qedge/kernels/node';
import type { Sequential, Tensor2D } from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { activationQuantization, MovingAverageObserver, type QuantizedClassifier } from '../src/index.ts';
import { quantizeKernel } from '../src/quantized-classifier.ts';
import { quantizedProduct, uploadIntegerKernel } from '../src/tfjs/quantized-product.ts';
import {
  computeLogits,
  createDenseClassifier,
  evaluateClassifier,
  exportQuantizedModel,
  fitClassifier,
  getDenseWeights,
  pruneGradually,
  type Tensorflow,
  trainQuantizationAware,
} from '../src/tfjs.ts';
import { loadTensorflow, makeShapes } from './tensorflow.ts';

let tf: Tensorflow;
let acceleration: Acceleration;
let trained: Sequential;
const training = makeShapes(600, 1);
const validation = makeShapes(400, 2);
const stage = { epochs: 3, batchSize: 32, learningRate: { initial: 2e-3, final: 1e-4 }, seed: 5 };

function copyOf(model: Sequential): Sequential {
  const copy = createDenseClassifier(tf, { inputSize: 64, hiddenUnits: [24, 16], classes: 3, seed: 0 });
  copy.setWeights(model.getWeights());
  return copy;
}

/** Ties to even, by cases. */
function roundTiesToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** The integer arithmetic that kernels implement, written from its definition. */
function integerReference({ layers }: QuantizedClassifier, sample: Float32Array): Float32Array {
  let x = sample;
  for (const { inputSize, units, codes, quantization, bias, inputQuantization, activation } of layers) {
    const { scale, zeroPoint } = inputQuantization;
    const inputs = Array.from(x, (value) =>
      Math.min(255, Math.max(0, roundTiesToEven(Math.fround(value / scale)) + zeroPoint)),
    );
    const y = new Float32Array(units);
    for (let u = 0; u < units; u++) {
      let accumulator = 0;
      for (let i = 0; i < inputSize; i++) accumulator += (inputs[i] - zeroPoint) * codes[i * units + u];
      const real = Math.fround(accumulator * Math.fround(scale * quantization.scales[u]));
      const sum = Math.fround(real + (bias?.[u] ?? 0));
      y[u] = activation === 'relu' ? Math.max(0, sum) : sum;
    }
    x = y;
  }
  return x;
}

beforeAll(async () => {
  tf = await loadTensorflow('wasm');
  acceleration = await accelerate(tf);
  trained = createDenseClassifier(tf, { inputSize: 64, hiddenUnits: [24, 16], classes: 3, seed: 0 });
  await fitClassifier(tf, trained, training, {
    ...stage,
    epochs: 8,
    learningRate: { initial: 5e-3, final: 1e-4 },
  });
});

afterAll(() => {
  trained.dispose();
  acceleration.dispose();
});

describe('activationQuantization', () => {
  it('codes relu outputs from 0 and signed ranges around a zero point, 0 exactly', () => {
    expect(activationQuantization({ min: 0, max: 1 })).toEqual({ scale: Math.fround(1 / 255), zeroPoint: 0 });
    expect(activationQuantization({ min: 0.5, max: 1 })).toEqual({
      scale: Math.fround(1 / 255),
      zeroPoint: 0,
    });
    expect(activationQuantization({ min: -1, max: 1 })).toEqual({
      scale: Math.fround(2 / 255),
      // 127.49999...: the scale was rounded up to float32.
      zeroPoint: 127,
    });
    expect(activationQuantization({ min: -1, max: 0 })).toEqual({
      scale: Math.fround(1 / 255),
      zeroPoint: 255,
    });
    expect(activationQuantization({ min: 0, max: 0 })).toEqual({ scale: 1, zeroPoint: 0 });
    expect(() => activationQuantization({ min: 0, max: Number.NaN })).toThrow(/quantised/);
  });
});

describe('MovingAverageObserver', () => {
  it('starts at the first observation and then averages', () => {
    const range = new MovingAverageObserver(0.9);
    expect(range.range()).toEqual({ min: 0, max: 0 });
    range.observeRange({ min: -1, max: 2 });
    expect(range.range()).toEqual({ min: -1, max: 2 });
    range.observeRange({ min: 0, max: 3 });
    expect(range.range().min).toBeCloseTo(-0.9, 12);
    expect(range.range().max).toBeCloseTo(2.1, 12);
    expect(() => range.observeRange({ min: 0, max: Number.POSITIVE_INFINITY })).toThrow(/learning rate/);
  });
});

describe('quantizedProduct', () => {
  const product = (
    kernel: Tensor2D,
    bits: number,
    inputQuantization: { scale: number; zeroPoint: number },
  ) => {
    const [inputs, units] = kernel.shape;
    const { codes, quantization } = quantizeKernel(kernel.dataSync<'float32'>(), inputs, units, bits);
    const integers = uploadIntegerKernel(tf, codes, quantization);
    return (input: Tensor2D, weights: Tensor2D) =>
      quantizedProduct(tf, input, weights, integers, inputQuantization, true);
  };

  it('rounds ties to even, as integer kernels do', () => {
    tf.tidy(() => {
      const x = tf.tensor2d([0.5, 1.5, 2.5, 3.5, -0.5, -1.5, 300, -300], [8, 1]);
      const one = tf.tensor2d([1], [1, 1]);
      const multiply = product(one, 2, { scale: 1, zeroPoint: 10 });
      expect([...multiply(x, one).dataSync()].map((value) => value + 0)).toEqual([
        0, 2, 2, 4, 0, -2, 245, -10,
      ]);
    });
  });

  it('passes gradients straight through the rounding and stops them where the input is clipped', () => {
    tf.tidy(() => {
      const x = tf.tensor2d([0.1, 0.7, 2, -1], [2, 2]);
      const kernel = tf.tensor2d([0.3, -0.9, 1.2, 0.4, 0.5, -0.2], [2, 3]);
      const inputQuantization = { scale: Math.fround(1 / 255), zeroPoint: 0 };
      const multiply = product(kernel, 8, inputQuantization);
      const upstream = tf.tensor2d([1, 2, 3, 4, 5, 6], [2, 3]);
      const [dx, dw] = tf.grads((a, b) => tf.sum(tf.mul(multiply(a as Tensor2D, b as Tensor2D), upstream)))([
        x,
        kernel,
      ]);
      // The same with quantised values in place of x and the kernel; 2 and -1 lie outside of 0..1.
      const clippedX = tf.tensor2d([0.1, 0.7, 1, 0], [2, 2]);
      const expectedX = tf.mul(tf.matMul(upstream, kernel, false, true), tf.tensor2d([1, 1, 0, 0], [2, 2]));
      const expectedW = tf.matMul(clippedX, upstream, true, false);
      // Codes have steps of 1/255 and 1.2/127: relative 0.5 % of sums up to 20.
      expect(Math.max(...tf.abs(tf.sub(dx, expectedX)).dataSync())).toBeLessThan(0.05);
      expect(Math.max(...tf.abs(tf.sub(dw, expectedW)).dataSync())).toBeLessThan(0.05);
      expect([...dx.dataSync()].slice(2)).toEqual([0, 0]);
    });
  });
});

describe('trainQuantizationAware', () => {
  it.each([8, 4, 2])('emulates the integer arithmetic bit for bit at %s bits', async (bits) => {
    const model = copyOf(trained);
    const { quantized } = await trainQuantizationAware(tf, model, training, { ...stage, epochs: 1, bits });
    const logits = computeLogits(tf, quantized, validation.features, validation.count);
    for (let i = 0; i < validation.count; i++) {
      const expected = integerReference(quantized, validation.features.subarray(i * 64, (i + 1) * 64));
      expect(logits.slice(i * 3, i * 3 + 3)).toEqual(expected);
    }
    model.dispose();
  });

  it('does so with inputs of both signs, whose zero point is not 0', async () => {
    const moved = (data: typeof training) => ({
      ...data,
      features: data.features.map((value) => Math.fround(0.3 - value)),
    });
    const model = copyOf(trained);
    const { quantized } = await trainQuantizationAware(tf, model, moved(training), { ...stage, bits: 4 });
    expect(quantized.layers[0].inputQuantization.zeroPoint).toBeGreaterThan(100);
    const { features } = moved(validation);
    const logits = computeLogits(tf, quantized, features, 100);
    for (let i = 0; i < 100; i++) {
      const expected = integerReference(quantized, features.subarray(i * 64, (i + 1) * 64));
      expect(logits.slice(i * 3, i * 3 + 3)).toEqual(expected);
    }
    model.dispose();
  });

  it('gives the same logits on another backend, to the last bit', async () => {
    const model = copyOf(trained);
    const { quantized } = await trainQuantizationAware(tf, model, training, { ...stage, epochs: 1, bits: 4 });
    model.dispose();
    const expected = computeLogits(tf, quantized, validation.features, validation.count);
    await tf.setBackend('cpu');
    try {
      expect(computeLogits(tf, quantized, validation.features, validation.count)).toEqual(expected);
    } finally {
      await tf.setBackend('wasm');
    }
  });

  it('exports the codes of the shared rule on the final weights', async () => {
    const model = copyOf(trained);
    const { quantized } = await trainQuantizationAware(tf, model, training, { ...stage, bits: 4 });
    const { tensors } = exportQuantizedModel(quantized, { name: 'shapes' });
    getDenseWeights(model).forEach((values, at) => {
      if (at % 2 === 1) {
        expect(tensors[at].data).toEqual(values);
        return;
      }
      const [inputs, units] = tensors[at].shape;
      const { codes, quantization } = quantizeKernel(values, inputs, units, 4);
      expect(tensors[at].data).toEqual(codes);
      expect(tensors[at].quantization).toEqual(quantization);
    });
    model.dispose();
  });

  it('beats post-training quantisation at 2 bits and leaves no tensor behind', async () => {
    const model = copyOf(trained);
    const before = tf.memory().numTensors;
    const rounded = await trainQuantizationAware(tf, model, training, { ...stage, epochs: 0, bits: 2 });
    const aware = await trainQuantizationAware(tf, model, training, { ...stage, bits: 2, validation });
    expect(tf.memory().numTensors).toBe(before);
    const accuracy = (quantized: QuantizedClassifier) =>
      evaluateClassifier(tf, quantized, validation).accuracy;
    expect(rounded.history.epochs).toEqual([]);
    expect(accuracy(aware.quantized)).toBeGreaterThan(accuracy(rounded.quantized));
    expect(aware.history.epochs[2].validationAccuracy).toBe(accuracy(aware.quantized));
    expect(aware.history.phase).toBe('quantising to 2 bits');
    model.dispose();
  });

  it('loses nothing worth mentioning after training at 8 bits: within one point of float32', async () => {
    const float = evaluateClassifier(tf, trained, validation).accuracy;
    const model = copyOf(trained);
    const { quantized } = await trainQuantizationAware(tf, model, training, { ...stage, epochs: 0, bits: 8 });
    expect(Math.abs(evaluateClassifier(tf, quantized, validation).accuracy - float)).toBeLessThanOrEqual(
      0.01,
    );
    model.dispose();
  });

  it('keeps pruned weights at code 0', async () => {
    const model = copyOf(trained);
    const { masks } = await pruneGradually(tf, model, training, {
      ...stage,
      sparsity: 0.7,
      rampFraction: 0.5,
      intervalSteps: 3,
      saliency: 'activation',
    });
    const { quantized } = await trainQuantizationAware(tf, model, training, { ...stage, bits: 4, masks });
    quantized.layers.forEach(({ codes }, at) => {
      expect(codes.every((code, i) => masks[at][i] === 1 || code === 0)).toBe(true);
      expect(codes.some((code) => code !== 0)).toBe(true);
    });
    model.dispose();
  });

  it('refuses impossible bits and epochs', async () => {
    const refused = (changed: object) =>
      expect(trainQuantizationAware(tf, trained, training, { ...stage, bits: 4, ...changed })).rejects;
    await refused({ bits: -4 }).toThrow(InvalidArgumentError);
    await refused({ bits: 16 }).toThrow(InvalidArgumentError);
    await refused({ epochs: 0.5 }).toThrow(InvalidArgumentError);
    await refused({ masks: [] }).toThrow(/masks/);
  });
});
