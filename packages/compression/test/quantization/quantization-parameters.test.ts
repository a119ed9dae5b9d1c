import { InvalidArgumentError, NonFiniteValueError, ShapeMismatchError } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  codeRange,
  computeQuantizationParameters,
  dequantizeTensor,
  type QuantizationOptions,
  quantizeTensor,
  type RangeMethod,
  roundHalfEven,
} from '../../src/index.ts';

const perTensor8: QuantizationOptions = { bits: 8, symmetric: true, axis: null, method: 'min-max' };

/** Zeros and float32 values of ordinary size; a scale among the subnormals would itself be rounded by more than stated below. */
const finiteValue = fc.oneof(
  fc.constant(0),
  fc
    .float({ min: Math.fround(-1e6), max: Math.fround(1e6), noNaN: true })
    .filter((value) => Math.abs(value) > 1e-30),
);

const matrix = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 4 }))
  .chain(([a, b, c]) =>
    fc.record({
      shape: fc.constant([a, b, c]),
      values: fc
        .array(finiteValue, { minLength: a * b * c, maxLength: a * b * c })
        .map((list) => Float32Array.from(list)),
    }),
  );

const options = fc.record({
  bits: fc.integer({ min: 2, max: 8 }),
  symmetric: fc.boolean(),
  axis: fc.constantFrom(null, 0, 1, 2),
  method: fc.constantFrom<'min-max' | 'mse'>('min-max', 'mse'),
});

/** The channel of element `i`, from its three indices, written without strides. */
function channelOf(i: number, shape: readonly number[], axis: number | null): number {
  const [, b, c] = shape;
  return axis === null ? 0 : [Math.floor(i / (b * c)), Math.floor(i / c) % b, i % c][axis];
}

describe('roundHalfEven', () => {
  it('rounds to the nearest integer and ties to the even one', () => {
    const cases = [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 2.4999999, 2.5000001, 0.49999999999999994];
    expect(cases.map((value) => roundHalfEven(value) + 0)).toEqual([-2, -2, 0, 0, 2, 2, 2, 3, 0]);
  });

  it('differs from the value by at most a half and agrees with Math.round away from ties', () => {
    fc.assert(
      fc.property(fc.double({ min: -1e9, max: 1e9, noNaN: true }), (value) => {
        const rounded = roundHalfEven(value);
        expect(Math.abs(rounded - value)).toBeLessThanOrEqual(0.5);
        if (Math.abs(value % 1) !== 0.5) expect(rounded + 0).toBe(Math.round(value) + 0);
      }),
      { seed: 1 },
    );
  });
});

describe('codeRange', () => {
  it('is symmetric without the lowest code, or uses all codes', () => {
    expect(codeRange(8, true)).toEqual({ low: -127, high: 127 });
    expect(codeRange(4, true)).toEqual({ low: -7, high: 7 });
    expect(codeRange(2, true)).toEqual({ low: -1, high: 1 });
    expect(codeRange(8, false)).toEqual({ low: -128, high: 127 });
  });

  it('has no code between -1 and +1 at 1 bit, which is symmetric', () => {
    expect(codeRange(1, true)).toEqual({ low: -1, high: 1 });
    expect(() => codeRange(1, false)).toThrow(InvalidArgumentError);
  });

  it.each([-4, 0, 9, 4.5, Number.NaN])('refuses %s bits', (bits) => {
    expect(() => codeRange(bits, true)).toThrow(InvalidArgumentError);
  });
});

describe('computeQuantizationParameters', () => {
  it('gives the scale of the largest magnitude per output unit', () => {
    const kernel = Float32Array.of(1, -0.5, 0, /**/ -2, 0.25, 0);
    const { scales, zeroPoints } = computeQuantizationParameters(kernel, [2, 3], { ...perTensor8, axis: 1 });
    expect([...scales]).toEqual([Math.fround(2 / 127), Math.fround(0.5 / 127), 1]);
    expect([...zeroPoints]).toEqual([0, 0, 0]);
  });

  it('codes an all-zero channel with scale 1, never 0', () => {
    for (const symmetric of [true, false]) {
      for (const method of ['min-max', 'mse'] as const) {
        const parameters = computeQuantizationParameters(new Float32Array(6), [2, 3], {
          bits: 4,
          symmetric,
          axis: 1,
          method,
        });
        expect([...parameters.scales]).toEqual([1, 1, 1]);
        const codes = quantizeTensor(new Float32Array(6), [2, 3], parameters);
        expect([...dequantizeTensor(codes, [2, 3], parameters)]).toEqual([0, 0, 0, 0, 0, 0]);
      }
    }
  });

  it('keeps the scale positive when the values are the smallest that float32 knows', () => {
    const tiny = Float32Array.of(2 ** -149, -(2 ** -149));
    const parameters = computeQuantizationParameters(tiny, [2], perTensor8);
    expect(parameters.scales[0]).toBeGreaterThan(0);
    expect(dequantizeTensor(quantizeTensor(tiny, [2], parameters), [2], parameters)).toEqual(tiny);
  });

  it('does not overflow on the largest float32 values', () => {
    const huge = Float32Array.of(3.4028234663852886e38, -3.4028234663852886e38);
    for (const symmetric of [true, false]) {
      const parameters = computeQuantizationParameters(huge, [2], { ...perTensor8, symmetric });
      expect(Number.isFinite(parameters.scales[0])).toBe(true);
    }
  });

  it('takes an empty tensor', () => {
    const parameters = computeQuantizationParameters(new Float32Array(0), [0, 3], { ...perTensor8, axis: 1 });
    expect([...parameters.scales]).toEqual([1, 1, 1]);
    expect(quantizeTensor(new Float32Array(0), [0, 3], parameters)).toHaveLength(0);
  });

  it('loses at most half a scale per value with min-max, whatever the shape and axis', () => {
    fc.assert(
      fc.property(matrix, options, ({ values, shape }, chosen) => {
        const parameters = computeQuantizationParameters(values, shape, { ...chosen, method: 'min-max' });
        const decoded = dequantizeTensor(quantizeTensor(values, shape, parameters), shape, parameters);
        decoded.forEach((value, i) => {
          const scale = parameters.scales[channelOf(i, shape, chosen.axis)];
          // Half a scale; 1e-5 of the range (at most 255 scales) more for the roundings of scale and product to float32.
          // With a zero point, whose own rounding can push an end of the range out by half a code, a whole scale.
          const bound = (chosen.symmetric ? 0.5 : 1) * scale * (1 + 1e-3);
          expect(Math.abs(value - values[i])).toBeLessThanOrEqual(bound);
        });
      }),
      { seed: 1 },
    );
  });

  it('agrees with coding every channel alone as one tensor', () => {
    fc.assert(
      fc.property(matrix, options, ({ values, shape }, chosen) => {
        if (chosen.axis === null) return;
        const parameters = computeQuantizationParameters(values, shape, chosen);
        for (let channel = 0; channel < shape[chosen.axis]; channel++) {
          const members = values.filter((_, i) => channelOf(i, shape, chosen.axis) === channel);
          const alone = computeQuantizationParameters(members, [members.length], { ...chosen, axis: null });
          expect(parameters.scales[channel]).toBe(alone.scales[0]);
          expect(parameters.zeroPoints[channel]).toBe(alone.zeroPoints[0]);
        }
      }),
      { seed: 1 },
    );
  });

  it('never has a larger squared error with mse than with min-max', () => {
    fc.assert(
      fc.property(matrix, options, ({ values, shape }, chosen) => {
        const error = (method: 'min-max' | 'mse') => {
          const parameters = computeQuantizationParameters(values, shape, { ...chosen, method });
          const decoded = dequantizeTensor(quantizeTensor(values, shape, parameters), shape, parameters);
          return decoded.reduce((sum, value, i) => sum + (value - values[i]) ** 2, 0);
        };
        // The choice is made in float64; decoding rounds to float32, hence 1e-5 relative.
        expect(error('mse')).toBeLessThanOrEqual(error('min-max') * (1 + 1e-5));
      }),
      { seed: 1 },
    );
  });

  it('clips an outlier with mse: a thousand small values and a large one at 3 bits', () => {
    const values = Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i));
    values[0] = 10;
    const scale = (method: 'min-max' | 'mse') =>
      computeQuantizationParameters(values, [1000], { bits: 3, symmetric: true, axis: null, method })
        .scales[0];
    expect(scale('min-max')).toBeCloseTo(10 / 3, 5);
    expect(scale('mse')).toBeLessThan(10 / 3 / 2);
  });

  it('codes groups of rows as each group alone, the last with what is left', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 10 }),
        fc.constantFrom<RangeMethod>('min-max', 'mse', 'octav'),
        fc.integer({ min: 1, max: 8 }),
        (rows, outputs, groupSize, method, bits) => {
          const values = Float32Array.from({ length: rows * outputs }, (_, i) => Math.sin(7 * i + rows));
          const chosen = { bits, symmetric: true, axis: 1, groupSize, method };
          const parameters = computeQuantizationParameters(values, [rows, outputs], chosen);
          const codes = quantizeTensor(values, [rows, outputs], parameters);
          const decoded = dequantizeTensor(codes, [rows, outputs], parameters);
          expect(parameters.scales).toHaveLength(Math.ceil(rows / groupSize) * outputs);
          parameters.scales.forEach((scale, at) => {
            const [group, output] = [Math.floor(at / outputs), at % outputs];
            const isMember = (_: unknown, i: number) =>
              Math.floor(i / outputs / groupSize) === group && i % outputs === output;
            const members = values.filter(isMember);
            const single = { bits, symmetric: true, axis: null, method };
            const alone = computeQuantizationParameters(members, [members.length], single);
            const aloneCodes = quantizeTensor(members, [members.length], alone);
            expect(scale).toBe(alone.scales[0]);
            expect(codes.filter(isMember)).toEqual(aloneCodes);
            expect(decoded.filter(isMember)).toEqual(dequantizeTensor(aloneCodes, [members.length], alone));
          });
        },
      ),
      { seed: 3, numRuns: 60 },
    );
  });

  it('refuses groups of anything but the rows of a matrix', () => {
    const of = (shape: number[], axis: number | null, groupSize: number) => () =>
      computeQuantizationParameters(new Float32Array(12), shape, { ...perTensor8, axis, groupSize });
    expect(of([3, 4], 1, 2)).not.toThrow();
    expect(of([3, 4], 0, 2)).toThrow(/axis 1/);
    expect(of([12], null, 2)).toThrow(/axis 1/);
    expect(of([3, 2, 2], 1, 2)).toThrow(/matrix/);
    for (const size of [0, -1, 1.5, Number.NaN]) expect(of([3, 4], 1, size)).toThrow(/size/);
  });

  it('codes signs at 1 bit with the mean magnitude, and a channel of zeros as next to nothing', () => {
    const values = Float32Array.of(1, 0, -2, 0, 0, 0);
    const parameters = computeQuantizationParameters(values, [3, 2], {
      bits: 1,
      symmetric: true,
      axis: 1,
      method: 'mse',
    });
    expect([...parameters.scales]).toEqual([1, 2 ** -126]);
    expect([...quantizeTensor(values, [3, 2], parameters)]).toEqual([1, 1, -1, 1, 1, 1]);
  });

  it('codes 0 exactly', () => {
    fc.assert(
      fc.property(matrix, options, ({ values, shape }, chosen) => {
        const parameters = computeQuantizationParameters(values, shape, chosen);
        const zeros = new Float32Array(values.length);
        const decoded = dequantizeTensor(quantizeTensor(zeros, shape, parameters), shape, parameters);
        expect(decoded.every((value) => value === 0)).toBe(true);
      }),
      { seed: 1 },
    );
  });

  it('finds the same codes again after decoding', () => {
    fc.assert(
      fc.property(matrix, options, ({ values, shape }, chosen) => {
        const parameters = computeQuantizationParameters(values, shape, chosen);
        const codes = quantizeTensor(values, shape, parameters);
        const again = quantizeTensor(dequantizeTensor(codes, shape, parameters), shape, parameters);
        expect(again).toEqual(codes);
      }),
      { seed: 1 },
    );
  });

  it('refuses NaN and infinity, naming the place', () => {
    for (const broken of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const values = Float32Array.of(1, broken);
      expect(() => computeQuantizationParameters(values, [2], perTensor8)).toThrow(NonFiniteValueError);
      expect(() => computeQuantizationParameters(values, [2], perTensor8)).toThrow(/index 1/);
    }
  });

  it('refuses a shape, an axis or a method that does not fit', () => {
    const values = new Float32Array(6);
    expect(() => computeQuantizationParameters(values, [2, 2], perTensor8)).toThrow(ShapeMismatchError);
    expect(() => computeQuantizationParameters(values, [2, 3], { ...perTensor8, axis: 2 })).toThrow(
      InvalidArgumentError,
    );
    const unknown = { ...perTensor8, method: 'guess' } as unknown as QuantizationOptions;
    expect(() => computeQuantizationParameters(values, [6], unknown)).toThrow(/guess/);
  });
});

describe('quantizeTensor', () => {
  it('clamps values outside the coded range', () => {
    const parameters = {
      bits: 4,
      symmetric: true,
      scales: Float32Array.of(0.5),
      zeroPoints: Int32Array.of(0),
      axis: null,
    };
    const codes = quantizeTensor(Float32Array.of(-1e30, -3.5, 0.25, 0.75, 3.4, 1e30), [6], parameters);
    expect([...codes]).toEqual([-7, -7, 0, 2, 7, 7]);
  });

  it('refuses infinities at any width, naming the place, and clamps quotients that overflow', () => {
    for (const bits of [1, 2, 8]) {
      const parameters = {
        ...{ bits, symmetric: true, axis: null },
        ...{ scales: Float32Array.of(0.5), zeroPoints: Int32Array.of(0) },
      };
      for (const value of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const code = () => quantizeTensor(Float32Array.of(1, value), [2], parameters);
        expect(code).toThrow(NonFiniteValueError);
        expect(code).toThrow(`${value} at index 1`);
      }
    }
    const tiny = { bits: 8, symmetric: true, axis: null, zeroPoints: Int32Array.of(0) };
    const scales = Float32Array.of(2 ** -149);
    expect([...quantizeTensor(Float32Array.of(3e38, -3e38), [2], { ...tiny, scales })]).toEqual([127, -127]);
  });

  it('refuses NaN and parameters that do not fit', () => {
    const parameters = computeQuantizationParameters(Float32Array.of(1, 2), [2], perTensor8);
    expect(() => quantizeTensor(Float32Array.of(1, Number.NaN), [2], parameters)).toThrow(
      NonFiniteValueError,
    );
    expect(() => quantizeTensor(new Float32Array(2), [2], { ...parameters, axis: 0 })).toThrow(
      InvalidArgumentError,
    );
    const zeroScale = { ...parameters, scales: new Float32Array(1) };
    expect(() => quantizeTensor(new Float32Array(2), [2], zeroScale)).toThrow(/scale/);
    expect(() => dequantizeTensor(new Int8Array(2), [3], parameters)).toThrow(ShapeMismatchError);
  });
});
