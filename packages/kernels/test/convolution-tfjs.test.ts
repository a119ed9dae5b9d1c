import {
  convolutionWeightBytes,
  depthwiseWeightBytes,
  type KernelDescription,
  type KernelHost,
  packConvolutionWeights,
  packDepthwiseWeights,
  planConvolution,
  planDepthwise,
  planPooling,
  type SlidingWindow,
  samePadding,
  setArgument,
  windowOutput,
} from '@qedge/codegen';
import { createKernelHost } from '@qedge/codegen/node';
import { Random } from '@qedge/core';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const EPILOGUE = { bias: false, activation: 'none', softmax: false } as const;

let host: KernelHost;

beforeAll(async () => {
  host = createKernelHost().host;
  await tf.setBackend('cpu');
});

afterAll(() => host.dispose());

/** Runs a kernel on operands in the order of its argument block; the last is the output, which it returns. */
function run(description: KernelDescription, operands: readonly (Float32Array | Uint8Array)[]): Float32Array {
  const sizes = operands.map(({ byteLength }) => Math.ceil(byteLength / 64) * 64);
  const memory = host.createMemory(sizes.reduce((sum, size) => sum + size, 64));
  const view = new DataView(memory.buffer);
  let at = 64;
  for (const [i, operand] of operands.entries()) {
    const bytes = new Uint8Array(operand.buffer, operand.byteOffset, operand.byteLength);
    new Uint8Array(memory.buffer, memory.byteOffset + at, bytes.length).set(bytes);
    setArgument(view, memory.byteOffset, i, memory.address + at);
    at += sizes[i]!;
  }
  host.load([description], memory)[0]!.run(memory.address);
  const last = operands.at(-1)!;
  const start = memory.byteOffset + at - sizes.at(-1)!;
  return new Float32Array(memory.buffer, start, last.byteLength / 4).slice();
}

function uniform(length: number, seed: number): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length }, () => random.uniform() * 2 - 1);
}

/** The largest difference of two results of `terms` products of numbers below 1, each computed in float32 in any order. */
function tolerance(terms: number): number {
  return 2 * (terms + 1) * 2 ** -24 * terms;
}

function expectClose(actual: Float32Array, expected: Float32Array, terms: number): void {
  expect(actual.length).toBe(expected.length);
  const worst = actual.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
  expect(worst).toBeLessThanOrEqual(tolerance(terms));
}

/** What TensorFlow.js can express: one padding rule for both axes, and either a step or a dilation. */
interface TensorflowShape {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly taps: [number, number];
  readonly stride: number;
  readonly dilation: number;
  readonly pad: 'same' | 'valid';
  readonly seed: number;
}

const shapes: fc.Arbitrary<TensorflowShape> = fc
  .record({
    batch: fc.integer({ min: 1, max: 2 }),
    height: fc.integer({ min: 7, max: 12 }),
    width: fc.integer({ min: 7, max: 14 }),
    channels: fc.integer({ min: 1, max: 20 }),
    taps: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    stride: fc.integer({ min: 1, max: 3 }),
    dilation: fc.integer({ min: 1, max: 3 }),
    pad: fc.constantFrom('same' as const, 'valid' as const),
    seed: fc.integer({ min: 0, max: 1000 }),
  })
  .map((shape) => (shape.dilation > 1 ? { ...shape, stride: 1 } : shape));

function windowOf({ taps, stride, dilation, pad, height, width }: TensorflowShape): SlidingWindow {
  const window = {
    height: taps[0],
    width: taps[1],
    strideHeight: stride,
    strideWidth: stride,
    dilationHeight: dilation,
    dilationWidth: dilation,
  };
  const none = { top: 0, left: 0, bottom: 0, right: 0 };
  return { ...window, padding: pad === 'same' ? samePadding({ height, width }, window) : none };
}

describe('convolution and pooling agree with TensorFlow.js', () => {
  it('in conv2d with same and valid padding, steps and dilations', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 40 }), (shape, outputChannels) => {
        const { batch, height, width, channels, taps, stride, dilation, pad, seed } = shape;
        const window = windowOf(shape);
        const input = { height, width, channels };
        const output = windowOutput(input, window);
        const [x, w] = [
          uniform(batch * height * width * channels, seed),
          uniform(taps[0] * taps[1] * channels * outputChannels, seed + 1),
        ];
        const description = planConvolution(
          {
            kind: 'convolution',
            batch,
            input,
            window,
            outputChannels,
            groups: 1,
            weights: 'float32',
            epilogue: EPILOGUE,
            outputRows: { from: 0, count: output.height },
            channelRange: { from: 0, count: outputChannels },
          },
          host.traits,
        );
        const packed = new Uint8Array(convolutionWeightBytes(description, host.traits.lanes));
        packConvolutionWeights(description, host.traits.lanes, w, null, packed);
        const empty = new Float32Array(batch * output.height * output.width * outputChannels);
        const expected = tf.tidy(() => {
          const image = tf.tensor4d(x, [batch, height, width, channels]);
          const filter = tf.tensor4d(w, [taps[0], taps[1], channels, outputChannels]);
          return tf.conv2d(image, filter, stride, pad, 'NHWC', dilation).dataSync() as Float32Array;
        });
        expectClose(run(description, [x, packed, empty]), expected, taps[0] * taps[1] * channels);
      }),
      { numRuns: 40, seed: 11 },
    );
  });

  it('in depthwiseConv2d with any multiplier', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 1, max: 3 }), (shape, multiplier) => {
        const { batch, height, width, channels, taps, stride, dilation, pad, seed } = shape;
        const window = windowOf(shape);
        const input = { height, width, channels };
        const output = windowOutput(input, window);
        const outputRows = { from: 0, count: output.height };
        const [x, w] = [
          uniform(batch * height * width * channels, seed),
          uniform(taps[0] * taps[1] * channels * multiplier, seed + 1),
        ];
        const plan = planDepthwise(
          { batch, input, window, multiplier, epilogue: EPILOGUE, outputRows },
          host.traits,
        );
        const { lanes } = host.traits;
        const bytes =
          plan.kind === 'depthwise' ? depthwiseWeightBytes(plan, lanes) : convolutionWeightBytes(plan, lanes);
        const packed = new Uint8Array(bytes);
        if (plan.kind === 'depthwise') packDepthwiseWeights(plan, lanes, w, null, packed);
        else packConvolutionWeights(plan, lanes, w, null, packed);
        const empty = new Float32Array(batch * output.height * output.width * channels * multiplier);
        const expected = tf.tidy(() => {
          const image = tf.tensor4d(x, [batch, height, width, channels]);
          const filter = tf.tensor4d(w, [taps[0], taps[1], channels, multiplier]);
          return tf.depthwiseConv2d(image, filter, stride, pad, 'NHWC', dilation).dataSync() as Float32Array;
        });
        expectClose(run(plan, [x, packed, empty]), expected, taps[0] * taps[1]);
      }),
      { numRuns: 40, seed: 12 },
    );
  });

  it('in maxPool and avgPool', () => {
    fc.assert(
      fc.property(shapes, fc.constantFrom('max' as const, 'average' as const), (drawn, operation) => {
        const shape = { ...drawn, dilation: 1 };
        const { batch, height, width, channels, taps, stride, pad, seed } = shape;
        const window = windowOf(shape);
        const input = { height, width, channels };
        const output = windowOutput(input, window);
        const outputRows = { from: 0, count: output.height };
        const x = uniform(batch * height * width * channels, seed);
        const description = planPooling(
          { kind: 'pooling', operation, batch, input, window, outputRows },
          host.traits,
        );
        const empty = new Float32Array(batch * output.height * output.width * channels);
        const expected = tf.tidy(() => {
          const image = tf.tensor4d(x, [batch, height, width, channels]);
          const pool = operation === 'max' ? tf.maxPool : tf.avgPool;
          return pool(image, taps, stride, pad).dataSync() as Float32Array;
        });
        const actual = run(description, [x, empty]);
        if (operation === 'max') expect(actual).toEqual(expected);
        else expectClose(actual, expected, taps[0] * taps[1]);
      }),
      { numRuns: 40, seed: 13 },
    );
  });
});
