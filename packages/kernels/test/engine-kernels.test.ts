import type { Isa } from '@qedge/codegen';
import { Random } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import type { KernelEngine } from '../src/engine/kernel-engine.ts';
import { windowOutputSize } from '../src/index.ts';
import { eagerEngine, presentIsas } from './present-ways.ts';

const SPACE = 1 << 21;

function normals(length: number, seed: number): Float32Array {
  const random = new Random(seed);
  return new Float32Array(length).map(() => random.normal());
}

function codes<Codes extends Int8Array | Uint8Array>(values: Codes, seed: number): Codes {
  const random = new Random(seed);
  const [least, span] = values instanceof Int8Array ? [-128, 256] : [0, 256];
  for (let i = 0; i < values.length; i++) values[i] = least + random.integer(span);
  return values;
}

function expectClose(actual: Float32Array, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const allowed = tolerance * Math.max(1, Math.abs(expected[i]!));
    if (!(Math.abs(actual[i]! - expected[i]!) <= allowed)) {
      expect.fail(`element ${i}: ${actual[i]} instead of ${expected[i]} ± ${allowed}`);
    }
  }
}

/** `(a - zeroPoint) * b`, exactly. */
function exactSums(
  { m, n, k }: { m: number; n: number; k: number },
  a: ArrayLike<number>,
  zeroPoint: number,
  b: Int8Array,
  transposeB: boolean,
): Int32Array {
  return new Int32Array(m * n).map((_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let l = 0; l < k; l++) sum += (a[i * k + l]! - zeroPoint) * b[transposeB ? j * k + l : l * n + j]!;
    return sum;
  });
}

const SHAPES = [
  { m: 1, n: 1, k: 1 },
  { m: 1, n: 33, k: 7 },
  { m: 5, n: 70, k: 32 },
  { m: 9, n: 17, k: 65 },
];

function checkIntegerProducts(engine: KernelEngine): void {
  for (const [index, shape] of SHAPES.entries()) {
    const { m, n, k } = shape;
    for (const transposeB of [false, true]) {
      const space = engine.workspace(SPACE);
      const b = codes(new Int8Array(k * n), index);
      const exact = space.int32(m * n);
      const unsigned = codes(space.uint8(m * k), index + 1);
      const signed = codes(space.int8(m * k), index + 2);
      space
        .integerGemm({
          ...shape,
          a: unsigned,
          aQuantization: { scale: 1, zeroPoint: 200 },
          b,
          transposeB,
          c: exact,
        })
        .run();
      expect(exact).toEqual(exactSums(shape, unsigned, 200, b, transposeB));
      space
        .integerGemm({
          ...shape,
          a: signed,
          aQuantization: { scale: 1, zeroPoint: -3 },
          b,
          transposeB,
          c: exact,
        })
        .run();
      expect(exact).toEqual(exactSums(shape, signed, -3, b, transposeB));
      const nibbles = b.map((code) => code >> 4);
      space.integerGemm({ ...shape, a: unsigned, b: nibbles, bBits: 4, transposeB, c: exact }).run();
      expect(exact).toEqual(exactSums(shape, unsigned, 0, nibbles, transposeB));
      const c = space.float32(m * n);
      const bScales = normals(n, index).map((value) => Math.abs(value) / 100);
      const bias = normals(n, index + 3);
      const quantization = { scale: 0.25, zeroPoint: 7 };
      space
        .integerGemm({
          ...shape,
          a: unsigned,
          aQuantization: quantization,
          b,
          transposeB,
          bScales,
          bias,
          activation: 'relu',
          c,
        })
        .run();
      const sums = exactSums(shape, unsigned, 7, b, transposeB);
      const scaled = Float32Array.from(sums, (sum, at) => {
        const scale = Math.fround(0.25 * bScales[at % n]!);
        return Math.max(0, Math.fround(Math.fround(Math.fround(sum) * scale) + bias[at % n]!));
      });
      expect(c).toEqual(scaled);
    }
  }
}

/** Largest error of a product whose rows were quantised with `levels` steps from 0 to the largest magnitude. */
function checkQuantisedProducts(engine: KernelEngine): void {
  for (const [index, shape] of SHAPES.entries()) {
    const { m, n, k } = shape;
    const space = engine.workspace(SPACE);
    const values = normals(m * k, index + 20);
    const a = space.float32(m * k);
    a.set(values);
    const b = codes(new Int8Array(k * n), index);
    const c = space.float32(m * n);
    const exact = new Float64Array(m * n).map((_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      return values.subarray(i * k, i * k + k).reduce((sum, value, l) => sum + value * b[l * n + j]!, 0);
    });
    for (const aQuantization of ['symmetric-per-row', 'asymmetric-per-row'] as const) {
      space.integerGemm({ ...shape, a, aQuantization, b, c }).run();
      for (let at = 0; at < m * n; at++) {
        const row = values.subarray(Math.floor(at / n) * k, (Math.floor(at / n) + 1) * k);
        const spread =
          aQuantization === 'symmetric-per-row'
            ? Math.max(...row.map(Math.abs)) / 127
            : (Math.max(0, ...row) - Math.min(0, ...row)) / 255;
        // Each value is off by at most half a step (one, where zero points round too), and weights are at most 128.
        let weight = 0;
        for (let l = 0; l < k; l++) weight += Math.abs(b[l * n + (at % n)]!);
        expect(Math.abs(c[at]! - exact[at]!)).toBeLessThanOrEqual(spread * weight * 1.01 + 1e-4);
      }
    }
  }
}

function checkNibbleProducts(engine: KernelEngine): void {
  for (const [index, shape] of SHAPES.entries()) {
    const { m, n, k } = shape;
    const groups = Math.ceil(k / 32);
    const space = engine.workspace(SPACE);
    const a = space.float32(m * k);
    a.set(normals(m * k, index));
    const nibbles = codes(new Uint8Array(n * groups * 16), index);
    const scales = normals(n * groups, index + 5).map((value) => Math.abs(value) / 8);
    const zeroPoints = codes(new Uint8Array(n * Math.ceil(groups / 2)), index + 6);
    const bias = normals(n, index + 7);
    const c = space.float32(m * n);
    space.nibbleGemm({ ...shape, a, nibbles, scales, zeroPoints, bias, c }).run();
    for (let at = 0; at < m * n; at++) {
      const [i, j] = [Math.floor(at / n), at % n];
      let [sum, allowed] = [bias[j]!, 1e-5];
      for (let group = 0; group < groups; group++) {
        const row = a.subarray(i * k + group * 32, i * k + Math.min(k, group * 32 + 32));
        const step = Math.max(...row.map(Math.abs)) / 127;
        const pair = zeroPoints[j * Math.ceil(groups / 2) + (group >> 1)]!;
        const zeroPoint = group % 2 === 0 ? pair & 15 : pair >> 4;
        row.forEach((value, l) => {
          const byte = nibbles[(j * groups + group) * 16 + (l >> 1)]!;
          const weight = ((l % 2 === 0 ? byte & 15 : byte >> 4) - zeroPoint) * scales[j * groups + group]!;
          sum += value * weight;
          // Half a step for the quantised value, and rounding.
          allowed += Math.abs(weight) * (step * 0.51 + Math.abs(value) * 1e-6);
        });
      }
      expect(Math.abs(c[at]! - sum), `[${i}, ${j}]`).toBeLessThanOrEqual(allowed);
    }
  }
}

const CONVOLUTIONS = [
  { height: 7, width: 9, channels: 3, outputChannels: 5, window: 3, padding: 'same' as const },
  {
    height: 8,
    width: 6,
    channels: 4,
    outputChannels: 34,
    window: [3, 2] as const,
    stride: 2,
    padding: 1,
    batch: 3,
  },
  { height: 5, width: 5, channels: 8, outputChannels: 16, window: 1 },
  { height: 9, width: 9, channels: 6, outputChannels: 12, window: 3, dilation: 2, groups: 2 },
];

interface Geometry {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly window: number | readonly [number, number];
  readonly stride?: number;
  readonly dilation?: number;
  readonly padding?: 'same' | number;
  readonly batch?: number;
}

/** Visits every tap of every output: the index of the output pixel, of the tap, and of the input pixel it reads. */
function visitTaps(options: Geometry, visit: (output: number, tap: number, pixel: number) => void): void {
  const { height, width, stride = 1, dilation = 1, padding = 0, batch = 1 } = options;
  const [taps, across] =
    typeof options.window === 'number' ? [options.window, options.window] : options.window;
  const output = windowOutputSize(options, options);
  const before = (cells: number, count: number, outputs: number) => {
    if (padding !== 'same') return padding;
    return Math.floor(Math.max(0, (outputs - 1) * stride + (count - 1) * dilation + 1 - cells) / 2);
  };
  const [top, left] = [before(height, taps, output.height), before(width, across, output.width)];
  for (let image = 0; image < batch; image++) {
    for (let y = 0; y < output.height; y++) {
      for (let x = 0; x < output.width; x++) {
        for (let tap = 0; tap < taps * across; tap++) {
          const row = y * stride + Math.floor(tap / across) * dilation - top;
          const column = x * stride + (tap % across) * dilation - left;
          if (row < 0 || row >= height || column < 0 || column >= width) continue;
          visit((image * output.height + y) * output.width + x, tap, (image * height + row) * width + column);
        }
      }
    }
  }
}

function tapsOf({ window }: Geometry): number {
  return typeof window === 'number' ? window * window : window[0] * window[1];
}

function checkConvolutions(engine: KernelEngine): void {
  for (const [index, options] of CONVOLUTIONS.entries()) {
    const { height, width, channels, outputChannels, batch = 1 } = options;
    const groups = options.groups ?? 1;
    const space = engine.workspace(SPACE);
    const size = windowOutputSize(options, options);
    const input = space.float32(batch * height * width * channels);
    input.set(normals(input.length, index));
    const weights = normals(tapsOf(options) * (channels / groups) * outputChannels, index + 1);
    const bias = normals(outputChannels, index + 2);
    const [mean, variance] = [
      normals(outputChannels, 3),
      normals(outputChannels, 4).map((value) => value ** 2),
    ];
    const [gamma, beta] = [normals(outputChannels, 5), normals(outputChannels, 6)];
    const batchNormalization = { mean, variance, gamma, beta, epsilon: 1e-3 };
    const output = space.float32(batch * size.height * size.width * outputChannels);
    space
      .convolution({ ...options, input, weights, bias, batchNormalization, activation: 'relu', output })
      .run();
    const expected = new Float64Array(output.length).map((_, at) => bias[at % outputChannels]!);
    visitTaps(options, (pixel, tap, source) => {
      for (let o = 0; o < outputChannels; o++) {
        const group = Math.floor(o / (outputChannels / groups));
        for (let i = 0; i < channels / groups; i++) {
          const weight = weights[(tap * (channels / groups) + i) * outputChannels + o]!;
          expected[pixel * outputChannels + o]! +=
            input[source * channels + group * (channels / groups) + i]! * weight;
        }
      }
    });
    const normalised = expected.map((value, at) => {
      const o = at % outputChannels;
      return Math.max(0, ((value - mean[o]!) / Math.sqrt(variance[o]! + 1e-3)) * gamma[o]! + beta[o]!);
    });
    // Normal numbers, at most 100 terms, amplified by a deviation that may be small.
    expectClose(output, normalised, 3e-4);
  }
}

function checkDepthwiseAndPooling(engine: KernelEngine): void {
  const options = {
    height: 9,
    width: 7,
    channels: 19,
    window: 3,
    stride: 2,
    padding: 'same',
    batch: 2,
  } as const;
  const { height, width, channels, batch } = options;
  const size = windowOutputSize(options, options);
  const pixels = batch * size.height * size.width;
  const values = normals(batch * height * width * channels, 1);
  for (const multiplier of [1, 2]) {
    const space = engine.workspace(SPACE);
    const input = space.float32(values.length);
    input.set(values);
    const weights = normals(9 * channels * multiplier, 2);
    const bias = normals(channels * multiplier, 3);
    const output = space.float32(pixels * channels * multiplier);
    space.depthwise({ ...options, multiplier, input, weights, bias, activation: 'relu6', output }).run();
    const expected = new Float64Array(output.length).map((_, at) => bias[at % bias.length]!);
    visitTaps(options, (pixel, tap, source) => {
      for (let o = 0; o < channels * multiplier; o++) {
        const weight = weights[tap * channels * multiplier + o]!;
        expected[pixel * channels * multiplier + o]! +=
          values[source * channels + Math.floor(o / multiplier)]! * weight;
      }
    });
    expectClose(
      output,
      expected.map((value) => Math.min(6, Math.max(0, value))),
      2e-6,
    );
  }
  const space = engine.workspace(SPACE);
  const input = space.float32(values.length);
  input.set(values);
  const output = space.float32(pixels * channels);
  space.pooling({ ...options, operation: 'max', input, output }).run();
  const largest = new Float32Array(output.length).fill(Number.NEGATIVE_INFINITY);
  const sums = new Float64Array(output.length);
  const counts = new Float64Array(output.length);
  visitTaps(options, (pixel, _tap, source) => {
    for (let o = 0; o < channels; o++) {
      const [at, value] = [pixel * channels + o, values[source * channels + o]!];
      largest[at] = Math.max(largest[at]!, value);
      sums[at]! += value;
      counts[at]! += 1;
    }
  });
  expect(output).toEqual(largest);
  space.pooling({ ...options, operation: 'average', input, output }).run();
  expectClose(
    output,
    sums.map((sum, at) => sum / counts[at]!),
    1e-6,
  );
}

function checkRowKernels(engine: KernelEngine): void {
  const [rows, width] = [7, 45];
  const values = normals(rows * width, 9);
  const space = engine.workspace(SPACE);
  const input = space.float32(rows * width);
  const output = space.float32(rows * width);
  const gamma = space.float32(width);
  const beta = space.float32(width);
  input.set(values);
  gamma.set(normals(width, 10));
  beta.set(normals(width, 11));
  const rowOf = (at: number) => [
    ...values.subarray(Math.floor(at / width) * width, (Math.floor(at / width) + 1) * width),
  ];
  const moments = (row: number[]) => {
    const mean = row.reduce((sum, value) => sum + value, 0) / width;
    return { mean, variance: row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width };
  };
  space.activation({ activation: 'tanh', input, output }).run();
  expectClose(output, [...values].map(Math.tanh), 1e-6);
  space.softmax({ rows, width, input, output }).run();
  expectClose(
    output,
    [...values].map(
      (value, at) => Math.exp(value) / rowOf(at).reduce((sum, each) => sum + Math.exp(each), 0),
    ),
    1e-6,
  );
  space.normalize({ rows, width, input, output, gamma, beta, epsilon: 1e-3 }).run();
  expectClose(
    output,
    [...values].map((value, at) => {
      const { mean, variance } = moments(rowOf(at));
      return ((value - mean) / Math.sqrt(variance + 1e-3)) * gamma[at % width]! + beta[at % width]!;
    }),
    5e-6,
  );
  space.scaleChannels({ rows, width, input, output, scale: gamma, shift: beta, activation: 'relu' }).run();
  expectClose(
    output,
    [...values].map((value, at) => Math.max(0, value * gamma[at % width]! + beta[at % width]!)),
    1e-6,
  );
  // In place.
  space.activation({ activation: 'relu', input }).run();
  expect(input).toEqual(values.map((value) => Math.max(0, value)));
}

function checkElements(engine: KernelEngine): void {
  const length = 77;
  const [left, right] = [normals(length, 1), normals(length, 2)];
  const space = engine.workspace(SPACE);
  const [a, b, output] = [space.float32(length), space.float32(length), space.float32(length)];
  a.set(left);
  b.set(right);
  space.combine({ operation: 'add', a, b, output, activation: 'relu' }).run();
  expect(output).toEqual(left.map((value, i) => Math.max(0, Math.fround(value + right[i]!))));
  space.combine({ operation: 'scale-and-add', alpha: -3, a, b }).run();
  expect(a).toEqual(left.map((value, i) => Math.fround(-3 * value) + right[i]!));
  const halves = space.uint16(length);
  space.convert({ from: 'float32', to: 'float16', input: b, output: halves }).run();
  space.convert({ from: 'float16', to: 'float32', input: halves, output }).run();
  // float16 has 11 significant bits.
  output.forEach(
    (value, i) =>
      void expect(Math.abs(value - right[i]!)).toBeLessThanOrEqual(Math.abs(right[i]!) * 2 ** -11),
  );
  const signed = space.int8(length);
  const quantization = { scale: 0.03125, zeroPoint: -5 };
  space.convert({ from: 'float32', to: 'int8', input: b, output: signed, ...quantization }).run();
  const code = (value: number) => {
    const scaled = value / 0.03125;
    const below = Math.floor(scaled);
    const nearest = scaled - below === 0.5 ? below + (below % 2 === 0 ? 0 : 1) : Math.round(scaled);
    return Math.max(-128, Math.min(127, nearest - 5));
  };
  expect([...signed]).toEqual([...right].map(code));
  space.convert({ from: 'int8', to: 'float32', input: signed, output, ...quantization }).run();
  expect(output).toEqual(Float32Array.from(signed, (each) => (each + 5) * 0.03125));
}

function checkProcessBatch(engine: KernelEngine): void {
  const [samples, features, outputs] = [5, 33, 12];
  const space = engine.workspace(SPACE);
  const [input, weights, bias] = [
    space.float32(samples * features),
    space.float32(features * outputs),
    space.float32(outputs),
  ];
  input.set(normals(input.length, 1).map((value) => value * 20 + 100));
  input.fill(3, 0, features);
  weights.set(normals(weights.length, 2));
  bias.set(normals(outputs, 3));
  const kept = input.slice();
  const output = space.float32(samples * outputs);
  space.processBatch({ samples, features, outputs, input, weights, bias, output, activation: 'relu' }).run();
  const expected = Array.from({ length: samples * outputs }, (_, at) => {
    const row = [
      ...kept.subarray(Math.floor(at / outputs) * features, (Math.floor(at / outputs) + 1) * features),
    ];
    const mean = row.reduce((sum, value) => sum + value, 0) / features;
    const deviation = Math.sqrt(row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / features) + 1e-8;
    const sum = row.reduce(
      (total, value, i) => total + ((value - mean) / deviation) * weights[i * outputs + (at % outputs)]!,
      0,
    );
    return Math.max(0, sum + bias[at % outputs]!);
  });
  // Subtracting a mean of 100 from values near it costs two digits.
  expectClose(output, expected, 2e-4);
  expect(input).toEqual(kept);
}

function checkVectorProducts(engine: KernelEngine): void {
  for (const [rows, columns] of [
    [1, 1],
    [5, 16],
    [33, 70],
    [70, 33],
    [3, 0],
    [0, 3],
  ] as const) {
    const space = engine.workspace(SPACE);
    const weights = normals(rows * columns, 1);
    const [matrix, transposed] = [space.float32(rows * columns), space.float32(rows * columns)];
    matrix.set(weights);
    transposed.set(weights.map((_, at) => weights[(at % rows) * columns + Math.floor(at / rows)]!));
    const [vector, bias, result] = [space.float32(columns), space.float32(rows), space.float32(rows)];
    vector.set(normals(columns, 2));
    bias.set(normals(rows, 3));
    const old = normals(rows, 4);
    const expected = Float64Array.from({ length: rows }, (_, i) => {
      const sum = vector.reduce((total, value, j) => total + value * weights[i * columns + j]!, 0);
      return Math.max(0, 0.5 * sum - 2 * old[i]! + bias[i]!);
    });
    const common = { rows, columns, vector, result, alpha: 0.5, beta: -2, bias, activation: 'relu' } as const;
    const ways = [
      () => space.gemv({ ...common, matrix }),
      () => space.gemv({ ...common, matrix: transposed, transpose: true }),
      () =>
        space.gemv({
          ...common,
          matrix: space.packMatrix({ k: columns, n: rows, b: weights, transposeB: true }),
        }),
    ];
    for (const way of rows * columns === 0 ? ways.slice(0, 2) : ways) {
      result.set(old);
      way().run();
      expectClose(result, expected, 5e-6);
    }
  }
}

const CHECKS: Readonly<Record<string, (engine: KernelEngine) => void>> = {
  'exact and scaled products of codes': checkIntegerProducts,
  'products of numbers that are quantised row by row': checkQuantisedProducts,
  'products with nibble weights': checkNibbleProducts,
  'products with a vector': checkVectorProducts,
  convolutions: checkConvolutions,
  'depthwise convolutions and pooling': checkDepthwiseAndPooling,
  'activations, softmax and normalisations': checkRowKernels,
  'operations and conversions of elements': checkElements,
  'layers on raw samples': checkProcessBatch,
};

describe('an engine computes', () => {
  describe.each(presentIsas())('on %s', (isa: Isa) => {
    it.each(Object.entries(CHECKS))('%s', async (_name, check) => {
      using engine = await eagerEngine(isa, 1);
      check(engine);
    });

    it.skipIf(isa === 'interpreter').each(Object.entries(CHECKS))(
      '%s on three threads',
      async (_name, check) => {
        using engine = await eagerEngine(isa, 3);
        check(engine);
      },
    );
  });
});
