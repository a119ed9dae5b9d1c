import { NonFiniteValueError } from '@qedge/core';
import { expect, test } from 'vitest';
import type { CompressedModel } from '../../src/model/compressed-model.ts';
import { isHalfPrecision } from '../../src/quantization/half-precision.ts';
import { roundToHalfPrecision } from '../../src/recipes/round-floats.ts';

function coded(scale: number, bias: number): CompressedModel {
  const codes = Int8Array.of(1, -3, 0, 2);
  const kernel = Float32Array.from(codes, (code) => Math.fround(code * scale));
  const weight = (role: string, shape: number[], data: Float32Array) => ({
    name: `layer/${role}`,
    ...{ role, shape, data, trainable: true },
  });
  return {
    topology: {
      name: 'model',
      layers: [
        {
          name: 'layer',
          className: 'Dense',
          layerClass: null,
          config: { units: 2 },
          calls: [],
          weights: [weight('kernel', [2, 2], kernel), weight('bias', [2], Float32Array.of(bias, 0))],
        },
      ],
      ...{ inputs: [], outputs: [] },
    },
    codes: new Map([
      [
        'layer/kernel',
        {
          codes,
          quantization: {
            ...{ bits: 3, symmetric: true, axis: null },
            scales: Float32Array.of(scale),
            zeroPoints: Int32Array.of(0),
          },
        },
      ],
    ]),
    inputs: new Map(),
  };
}

test('scales and biases become numbers of half precision, codes stay, kernels hold what they stand for', () => {
  const { topology, codes } = roundToHalfPrecision(coded(0.1, 1 / 3));
  const [kernel, bias] = topology.layers[0]!.weights;
  const { scales } = codes.get('layer/kernel')!.quantization;
  expect(isHalfPrecision(scales)).toBe(true);
  expect(Math.abs(scales[0]! - 0.1)).toBeLessThan(0.1 * 2 ** -11);
  expect(isHalfPrecision(bias!.data)).toBe(true);
  expect([...kernel!.data]).toEqual([1, -3, 0, 2].map((code) => Math.fround(code * scales[0]!)));
});

test('a scale never becomes 0, and what is too large is refused by name', () => {
  expect(roundToHalfPrecision(coded(1e-12, 0)).codes.get('layer/kernel')!.quantization.scales[0]).toBe(
    2 ** -24,
  );
  expect(() => roundToHalfPrecision(coded(0.1, 1e6))).toThrow(NonFiniteValueError);
  expect(() => roundToHalfPrecision(coded(0.1, 1e6))).toThrow('layer/bias');
});
