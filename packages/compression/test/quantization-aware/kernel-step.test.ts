import { NonFiniteValueError, Random } from '@qedge/core';
import type * as tfjs from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { dequantizeTensor } from '../../src/index.ts';
import {
  kernelCodes,
  kernelParameters,
  matrixShape,
  stepScales,
} from '../../src/quantization-aware/kernel-codes.ts';
import { initialStep, sumCodesByOutput } from '../../src/quantization-aware/kernel-step.ts';
import { splitTensorGradient } from '../../src/quantization-aware/kernel-tensors.ts';
import type { KernelQuantization } from '../../src/quantization-aware/layer-quantization.ts';
import { loadTensorflow } from '../tensorflow.ts';

let tf: typeof tfjs;

beforeAll(async () => {
  tf = await loadTensorflow('cpu');
});

const learned: KernelQuantization = { bits: 3, granularity: 'tensor', step: 'learned', keepSurvivors: false };

function randomValues(count: number, seed: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length: count }, () => random.normal());
}

/** The gradients of kernel `[rows, outputs]` and step, from those with respect to `codes * scale`. */
function gradientsOf(
  values: Float32Array,
  steps: Float32Array,
  gradient: Float32Array,
  kernel: KernelQuantization,
  outputs = 1,
) {
  const shape = matrixShape(values.length, outputs);
  const quantization = kernelParameters(values, outputs, kernel, steps);
  const codes = kernelCodes(values, outputs, quantization, kernel.keepSurvivors);
  return tf.tidy(() => {
    const decoded = tf.tensor(dequantizeTensor(codes, shape, quantization), shape);
    const slopes = tf.tensor(gradient, shape);
    const isGrouped = typeof kernel.granularity === 'object';
    const split = splitTensorGradient(
      tf,
      {
        kernel: tf.tensor(values, shape),
        outputs,
        quantization,
        gradient: slopes,
        // The product with the unit matrix, whose output is the decoded kernel.
        product: { output: decoded, gradient: slopes },
        decoded: isGrouped ? decoded : null,
      },
      kernel,
    );
    return { step: split.step, kernel: split.kernel.dataSync<'float32'>() };
  });
}

describe('splitTensorGradient', () => {
  it('is the closed form of Esser et al. inside, on the edge and outside of the codes', () => {
    // Step 0.5, codes -3..3: quotients 0.3, 1.4, -2.6, then clipped ones: 3 (on the edge), 3.4 (which rounds to a code) and -9.
    const values = Float32Array.of(0.15, 0.7, -1.3, 1.5, 1.7, -4.5);
    const gradient = Float32Array.of(1, 2, -1, 1, 1, 1);
    const { kernel, step } = gradientsOf(values, Float32Array.of(0.5), gradient, learned);
    const terms = [0 - 0.3, 2 * (1 - 1.4), -(-3 + 2.6), 3, 3, -3];
    expect(step[0]).toBeCloseTo(terms.reduce((sum, term) => sum + term, 0) / Math.sqrt(6 * 3), 6);
    expect([...kernel]).toEqual([1, 2, -1, 0, 0, 0]);
  });

  it('scales the gradient of the logarithm by the step instead', () => {
    const values = randomValues(64, 1);
    const gradient = randomValues(64, 2);
    const additive = gradientsOf(values, Float32Array.of(0.4), gradient, learned);
    const logarithm = gradientsOf(values, Float32Array.of(Math.log(0.4)), gradient, {
      ...learned,
      step: 'learned-logarithm',
    });
    expect(logarithm.step[0]).toBeCloseTo(additive.step[0]! * Math.sqrt(64 * 3) * 0.4, 4);
    expect(logarithm.kernel).toEqual(additive.kernel);
  });

  it('adds up the gradient of each scale: per channel and per group as for each alone', () => {
    const [rows, outputs, groupSize] = [10, 3, 4];
    const values = randomValues(rows * outputs, 3);
    const gradient = randomValues(rows * outputs, 4);
    for (const granularity of ['channel', { groupSize }] as const) {
      const kernel: KernelQuantization = { ...learned, granularity };
      const size = granularity === 'channel' ? rows : groupSize;
      const groups = Math.ceil(rows / size);
      const steps = Float32Array.from({ length: groups * outputs }, (_, i) => 0.2 + 0.05 * i);
      const { step } = gradientsOf(values, steps, gradient, kernel, outputs);
      for (let scale = 0; scale < steps.length; scale++) {
        const [group, output] = [Math.floor(scale / outputs), scale % outputs];
        const isMember = (_: number, i: number) =>
          Math.floor(i / outputs / size) === group && i % outputs === output;
        const [members, slopes] = [values.filter(isMember), gradient.filter(isMember)];
        const alone = gradientsOf(members, steps.subarray(scale, scale + 1), slopes, learned);
        expect(step[scale]).toBeCloseTo(alone.step[0]!, 5);
      }
    }
  });

  it('agrees with finite differences of what is smooth: the clipped part of the decoded weights', () => {
    // Every weight is clipped, so that codes do not change with the step.
    const values = Float32Array.of(5, -6, 7, -8);
    const gradient = Float32Array.of(0.3, -0.7, 0.2, 0.9);
    const loss = (scale: number) => {
      const parameters = kernelParameters(values, 1, learned, Float32Array.of(scale));
      const codes = kernelCodes(values, 1, parameters, false);
      return codes.reduce((sum, code, i) => sum + gradient[i]! * code * scale, 0);
    };
    const slope = (loss(0.51) - loss(0.49)) / 0.02;
    expect(
      gradientsOf(values, Float32Array.of(0.5), gradient, learned).step[0]! * Math.sqrt(4 * 3),
    ).toBeCloseTo(slope, 4);
  });

  it('gives signs the gradient of their magnitude: 1 bit, and ternary survivors', () => {
    const values = Float32Array.of(0.1, -0.2, 3, -0.001);
    const gradient = Float32Array.of(1, 10, 100, 1000);
    const binary = gradientsOf(values, Float32Array.of(0.5), gradient, { ...learned, bits: 1 });
    expect(binary.step[0]).toBeCloseTo((1 - 10 + 100 - 1000) / Math.sqrt(4), 3);
    expect(binary.kernel).toEqual(gradient);
    const ternary = gradientsOf(values, Float32Array.of(0.5), gradient, {
      ...learned,
      bits: 2,
      keepSurvivors: true,
    });
    expect(ternary.step[0]).toBeCloseTo((1 - 10 + 100 - 1000) / Math.sqrt(4), 3);
  });
});

describe('sumCodesByOutput', () => {
  it('is the sum over weights of gradient times code, for a scale per channel and for a single one', () => {
    const [batch, rows, outputs] = [7, 10, 3];
    const [input, slopes] = [randomValues(batch * rows, 5), randomValues(batch * outputs, 6)];
    const values = randomValues(rows * outputs, 7);
    for (const scales of [Float32Array.of(0.4, 0.6, 0.9), Float32Array.of(0.7)]) {
      const granularity = scales.length === 1 ? 'tensor' : 'channel';
      const parameters = kernelParameters(values, outputs, { ...learned, granularity }, scales);
      const codes = kernelCodes(values, outputs, parameters, false);
      const product = new Float32Array(batch * outputs);
      const expected = new Float64Array(scales.length);
      for (let b = 0; b < batch; b++) {
        for (let i = 0; i < rows * outputs; i++) {
          const [row, output] = [Math.floor(i / outputs), i % outputs];
          const scale = output % scales.length;
          const term = input[b * rows + row]! * codes[i]!;
          product[b * outputs + output]! += term * scales[scale]!;
          expected[scale]! += term * slopes[b * outputs + output]!;
        }
      }
      const sums = sumCodesByOutput(product, slopes, outputs, scales);
      // Products of float32, sums of 210 terms up to 10.
      for (let at = 0; at < scales.length; at++) expect(sums[at]).toBeCloseTo(expected[at]!, 3);
    }
  });
});

describe('kernelCodes', () => {
  it('never rounds a surviving weight to 0, and never a removed one away from it', () => {
    const values = Float32Array.of(0, -0, 0.01, -0.01, 0.4, -1.6, 9);
    const parameters = kernelParameters(values, 1, learned, Float32Array.of(1));
    expect([...kernelCodes(values, 1, parameters, true)].map((code) => code + 0)).toEqual([
      0, 0, 1, -1, 1, -2, 3,
    ]);
    expect([...kernelCodes(values, 1, parameters, false)].map((code) => code + 0)).toEqual([
      0, 0, 0, 0, 0, -2, 3,
    ]);
  });

  it('rounds quotients of float32 half to even', () => {
    const values = Float32Array.of(0.5, 1.5, 2.5, -0.5, -1.5, -2.5);
    const parameters = kernelParameters(values, 1, { ...learned, bits: 4 }, Float32Array.of(1));
    expect([...kernelCodes(values, 1, parameters, false)].map((code) => code + 0)).toEqual([
      0, 2, 2, 0, -2, -2,
    ]);
  });

  it('knows two codes at 1 bit', () => {
    const values = Float32Array.of(0.5, -0.25, 0, -3);
    const parameters = kernelParameters(values, 1, { ...learned, bits: 1, step: 'range' }, null);
    expect(parameters.scales[0]).toBe(Math.fround(3.75 / 4));
    expect([...kernelCodes(values, 1, parameters, false)]).toEqual([1, -1, 1, -1]);
  });

  it('refuses NaN', () => {
    const values = Float32Array.of(1, Number.NaN);
    expect(() => kernelParameters(values, 1, { ...learned, step: 'range' }, null)).toThrow(
      NonFiniteValueError,
    );
    const parameters = kernelParameters(values, 1, learned, Float32Array.of(1));
    expect(() => kernelCodes(values, 1, parameters, false)).toThrow(NonFiniteValueError);
  });
});

describe('initialStep', () => {
  it.each([false, true])(
    'has the least squared error of a fine search, survivors kept: %s',
    (keepSurvivors) => {
      for (const bits of [2, 3, 4]) {
        const kernel: KernelQuantization = { ...learned, bits, keepSurvivors };
        const values = randomValues(600, bits).map((value, i) => (i % 3 === 0 ? 0 : value));
        const error = (step: number) => {
          const parameters = kernelParameters(values, 1, kernel, Float32Array.of(step));
          const codes = kernelCodes(values, 1, parameters, keepSurvivors);
          const decoded = dequantizeTensor(codes, matrixShape(values.length, 1), parameters);
          return decoded.reduce((sum, value, i) => sum + (value - values[i]!) ** 2, 0);
        };
        const [step] = initialStep(values, 1, kernel);
        const least = Math.min(...Array.from({ length: 400 }, (_, i) => error(0.01 * (i + 1))));
        // Both grids are steps of 2 %; the error is flat around its minimum.
        expect(error(step!)).toBeLessThanOrEqual(1.03 * least);
      }
    },
  );

  it('is 1 for a kernel without survivors, and the logarithm where that is learned', () => {
    const zeros = new Float32Array(6);
    expect([...initialStep(zeros, 2, { ...learned, granularity: 'channel', keepSurvivors: true })]).toEqual([
      1, 1,
    ]);
    const values = randomValues(30, 9);
    const logarithm: KernelQuantization = { ...learned, step: 'learned-logarithm' };
    const scales = stepScales(initialStep(values, 1, logarithm), logarithm);
    expect(scales[0]).toBeCloseTo(initialStep(values, 1, learned)[0]!, 6);
    expect(stepScales(Float32Array.of(0, -1), learned).every((scale) => scale > 0)).toBe(true);
  });
});
