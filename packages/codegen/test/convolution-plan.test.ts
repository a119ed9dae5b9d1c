import { InvalidArgumentError } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ConvolutionRequest,
  convolutionAsGemm,
  convolutionBlockings,
  convolutionWeightBytes,
  createInterpreterHost,
  defaultGemmBlocking,
  depthwiseWeightBytes,
  divideConvolution,
  divideRange,
  foldBatchNormalization,
  gemmPanelBytes,
  gemmScratchBytes,
  type KernelDescription,
  kernelKey,
  kernelTrial,
  NO_PADDING,
  packConvolutionWeights,
  packDepthwiseWeights,
  packGemmPanels,
  planConvolution,
  planDepthwise,
  pointwiseAsGemm,
  RegisterBudgetError,
  samePadding,
  WASM_TRAITS,
  windowOutput,
} from '../src/index.ts';
import { runKernel } from './run-kernel.ts';
import { squareWindow } from './window-cases.ts';

const host = createInterpreterHost({ lanes: 8 });
const { traits } = host;

const base: ConvolutionRequest = {
  kind: 'convolution',
  batch: 1,
  input: { height: 5, width: 6, channels: 3 },
  window: squareWindow(3, 1),
  outputChannels: 20,
  groups: 1,
  weights: 'float32',
  epilogue: { bias: true, activation: 'none', softmax: false },
  outputRows: { from: 0, count: 5 },
  channelRange: { from: 0, count: 20 },
};

const floats = (length: number, value: (i: number) => number) =>
  Float32Array.from({ length }, (_, i) => value(i));
/** Numbers that are all different and exact in float32. */
const ramp = (length: number) => floats(length, (i) => ((i * 37) % 101) / 64 - 0.75);

function packed(
  description: ReturnType<typeof planConvolution>,
  weights: Float32Array,
  bias: Float32Array | null,
) {
  const target = new Uint8Array(convolutionWeightBytes(description, traits.lanes)).fill(0xff);
  packConvolutionWeights(description, traits.lanes, weights, bias, target);
  return target;
}

describe('packing', () => {
  it('puts weights and bias of a panel side by side and zeros behind the last channel', () => {
    const description = {
      ...planConvolution(
        { ...base, input: { height: 5, width: 6, channels: 1 }, window: squareWindow(1) },
        traits,
      ),
      outputChannels: 3,
    };
    const words = new Float32Array(
      packed(description, Float32Array.of(1, 2, 3), Float32Array.of(4, 5, 6)).buffer,
    );
    expect([...words]).toEqual([1, 2, 3, 0, 0, 0, 0, 0, 4, 5, 6, 0, 0, 0, 0, 0]);
  });

  it('writes the same bytes at any address', () => {
    const description = planConvolution({ ...base, weights: 'bfloat16' }, traits);
    const expected = packed(description, ramp(9 * 3 * 20), ramp(20));
    const odd = new Uint8Array(expected.length + 1).subarray(1);
    packConvolutionWeights(description, traits.lanes, ramp(9 * 3 * 20), ramp(20), odd);
    expect(odd).toEqual(expected);
  });

  it('refuses arrays of other lengths', () => {
    const description = planConvolution(base, traits);
    const bytes = new Uint8Array(convolutionWeightBytes(description, traits.lanes));
    const pack = (weights: number, bias: number | null, target = bytes) => {
      const biases = bias === null ? null : new Float32Array(bias);
      packConvolutionWeights(description, traits.lanes, new Float32Array(weights), biases, target);
    };
    expect(() => pack(9 * 3 * 20, 20)).not.toThrow();
    expect(() => pack(9 * 3 * 20 - 1, 20)).toThrow(InvalidArgumentError);
    expect(() => pack(9 * 3 * 20, null)).toThrow(InvalidArgumentError);
    expect(() => pack(9 * 3 * 20, 19)).toThrow(InvalidArgumentError);
    expect(() => pack(9 * 3 * 20, 20, bytes.subarray(4))).toThrow(InvalidArgumentError);
    const depthwise = { ...base, window: squareWindow(3) };
    const target = new Uint8Array(depthwiseWeightBytes(depthwise, traits.lanes));
    const packDepthwise = (length: number) => {
      packDepthwiseWeights(depthwise, traits.lanes, new Float32Array(length), new Float32Array(3), target);
    };
    expect(() => packDepthwise(27)).not.toThrow();
    expect(() => packDepthwise(28)).toThrow(InvalidArgumentError);
  });
});

describe('padding', () => {
  it('that is called same gives ceil(cells / stride) outputs, the odd cell where it is asked for', () => {
    const size = fc.integer({ min: 1, max: 40 });
    const small = fc.integer({ min: 1, max: 5 });
    fc.assert(
      fc.property(size, size, small, small, small, (height, width, taps, stride, dilation) => {
        const window = squareWindow(taps, 0, {
          strideHeight: stride,
          strideWidth: stride,
          dilationHeight: dilation,
          dilationWidth: dilation,
        });
        const after = samePadding({ height, width }, window);
        const before = samePadding({ height, width }, window, 'before');
        for (const padding of [after, before]) {
          const output = windowOutput({ height, width }, { ...window, padding });
          expect(output).toEqual({ height: Math.ceil(height / stride), width: Math.ceil(width / stride) });
        }
        expect(
          [after.bottom - after.top, after.right - after.left].every((odd) => odd === 0 || odd === 1),
        ).toBe(true);
        expect([before.top, before.left]).toEqual([after.bottom, after.right]);
      }),
      { numRuns: 200, seed: 3 },
    );
  });

  it('is skipped, so that an infinite weight above it adds nothing', () => {
    const wanted = {
      ...base,
      input: { height: 1, width: 2, channels: 1 },
      outputRows: { from: 0, count: 1 },
    };
    const one = { ...wanted, outputChannels: 1, channelRange: { from: 0, count: 1 } };
    const description = planConvolution({ ...one, epilogue: { ...base.epilogue, bias: false } }, traits);
    const weights = floats(9, (i) => (i === 4 ? 2 : Number.POSITIVE_INFINITY));
    const output = runKernel(host, description, [
      Float32Array.of(3, 0),
      packed(description, weights, null),
      new Float32Array(2),
    ])[2]!;
    // The right neighbour of the first pixel is 0 * Infinity, the left one of the second is 3 * Infinity.
    expect([...output]).toEqual([Number.NaN, Number.POSITIVE_INFINITY]);
    const alone = planConvolution(
      { ...one, input: { height: 1, width: 1, channels: 1 }, epilogue: description.epilogue },
      traits,
    );
    const single = runKernel(host, alone, [
      Float32Array.of(3),
      packed(alone, weights, null),
      new Float32Array(1),
    ])[2]!;
    expect([...single]).toEqual([6]);
  });
});

describe('batch normalisation', () => {
  it('folded into weights and bias equals the formula', () => {
    const [weights, bias] = [ramp(12), ramp(4)];
    const normalization = {
      gamma: Float32Array.of(1, -2, 0.5, 0),
      beta: Float32Array.of(0, 1, 2, 3),
      mean: Float32Array.of(0.25, -1, 4, 0),
      variance: Float32Array.of(1, 0.5, 9, 0),
      epsilon: 1e-3,
    };
    const folded = foldBatchNormalization(weights, bias, normalization);
    const x = [0.5, -1.5, 2];
    for (let channel = 0; channel < 4; channel++) {
      const sum = (of: Float32Array) =>
        x.reduce((total, value, k) => total + value * of[k * 4 + channel]!, 0);
      const { gamma, beta, mean, variance, epsilon } = normalization;
      const scale = gamma[channel]! / Math.sqrt(variance[channel]! + epsilon);
      const expected = (sum(weights) + bias[channel]! - mean[channel]!) * scale + beta[channel]!;
      // Four numbers are rounded to float32, each below 40 here.
      expect(Math.abs(sum(folded.weights) + folded.bias[channel]! - expected)).toBeLessThan(
        40 * 4 * 2 ** -24,
      );
    }
    const plain = foldBatchNormalization(weights, null, { ...normalization, gamma: null, beta: null });
    expect(plain.bias[3]).toBe(0);
    expect(plain.weights[0]).toBe(Math.fround(weights[0]! / Math.sqrt(1.001)));
  });

  it('is refused with other lengths, or a variance that is not positive', () => {
    const two = Float32Array.of(1, 1);
    const fold =
      (others: object, weights = ramp(4), bias: Float32Array | null = null) =>
      () => {
        const usual = { gamma: null, beta: null, mean: two, variance: two, epsilon: 0 };
        foldBatchNormalization(weights, bias, { ...usual, ...others });
      };
    expect(fold({})).not.toThrow();
    expect(fold({ gamma: Float32Array.of(1) })).toThrow(InvalidArgumentError);
    expect(fold({ variance: Float32Array.of(1, 0) })).toThrow(InvalidArgumentError);
    expect(fold({ variance: Float32Array.of(1, Number.NaN) })).toThrow(InvalidArgumentError);
    expect(fold({}, ramp(5))).toThrow(InvalidArgumentError);
    expect(fold({}, ramp(4), ramp(3))).toThrow(InvalidArgumentError);
    expect(fold({ mean: new Float32Array(0), variance: new Float32Array(0) })).toThrow(InvalidArgumentError);
  });
});

describe('parts', () => {
  it('of a range meet without gap or overlap and differ by at most one step', () => {
    const small = fc.integer({ min: 1, max: 50 });
    fc.assert(
      fc.property(fc.nat(20), small, small, fc.integer({ min: 1, max: 9 }), (from, count, parts, step) => {
        const ranges = divideRange({ from, count }, parts, step);
        expect(ranges.length).toBe(Math.min(parts, Math.ceil(count / step)));
        let next = from;
        for (const range of ranges) {
          expect(range.from).toBe(next);
          expect((range.from - from) % step).toBe(0);
          expect(range.count).toBeGreaterThan(0);
          next += range.count;
        }
        expect(next).toBe(from + count);
        const steps = ranges.map((range) => Math.ceil(range.count / step));
        expect(Math.max(...steps) - Math.min(...steps)).toBeLessThanOrEqual(1);
      }),
      { numRuns: 200, seed: 4 },
    );
  });

  it('of a convolution together compute it: rows where there are many, else channels', () => {
    for (const [wanted, axis] of [
      [
        { ...base, input: { height: 9, width: 4, channels: 3 }, outputRows: { from: 0, count: 9 } },
        'outputRows',
      ],
      [{ ...base, outputChannels: 70, channelRange: { from: 0, count: 70 } }, 'channelRange'],
    ] as const) {
      const whole = planConvolution(wanted, traits);
      const parts = divideConvolution(whole, 3, traits.lanes);
      expect(parts.length).toBe(3);
      expect(new Set(parts.map((part) => part[axis].from)).size).toBe(3);
      const { height, width, channels } = whole.input;
      const weights = packed(whole, ramp(9 * channels * whole.outputChannels), ramp(whole.outputChannels));
      const [input, empty] = [
        ramp(height * width * channels),
        new Float32Array(height * width * whole.outputChannels),
      ];
      const expected = runKernel(host, whole, [input, weights, empty])[2]!;
      let output: Float32Array = empty.fill(Number.NaN);
      for (const part of parts) output = runKernel(host, part, [input, weights, output])[2]!;
      expect(output).toEqual(expected);
    }
  });
});

describe('as a product', () => {
  it('a convolution has the same bits, pointwise or through image-to-columns', () => {
    for (const window of [squareWindow(1), squareWindow(3, 1, { strideWidth: 2 })]) {
      const { height } = windowOutput(base.input, window);
      const wanted: ConvolutionRequest = {
        ...base,
        batch: 2,
        window,
        outputRows: { from: 0, count: height },
      };
      const { columns, columnsBytes, product } = convolutionAsGemm(wanted, traits);
      const input = ramp(2 * 5 * 6 * 3);
      const [weights, bias] = [ramp(window.height * window.width * 3 * 20), ramp(20)];
      const direct = planConvolution(wanted, traits);
      const empty = new Float32Array(product.rows * 20);
      const expected = runKernel(host, direct, [input, packed(direct, weights, bias), empty])[2]!;
      const matrix = runKernel(host, columns, [input, new Float32Array(columnsBytes / 4)])[1]!;
      const products = [[product, matrix] as const];
      if (window.width === 1) products.push([pointwiseAsGemm(wanted, traits), input]);
      for (const [request, a] of products) {
        const gemm = { ...request, blocking: defaultGemmBlocking(request, traits) };
        if (!gemm.b.packed) throw new Error('the weights are packed');
        const shape = { ...gemm, format: gemm.b.format, panelColumns: gemm.b.panelColumns };
        const b = new Uint8Array(gemmPanelBytes(shape));
        packGemmPanels(shape, { values: weights, rowStride: 20, columnStride: 1 }, b);
        const scratch = new Uint8Array(gemmScratchBytes(gemm, traits));
        expect(runKernel(host, gemm, [a, b, empty, scratch, bias])[2]).toEqual(expected);
      }
    }
  });

  it('is refused for parts and groups', () => {
    const pointwise = { ...base, window: squareWindow(1) };
    expect(() => pointwiseAsGemm(pointwise, traits)).not.toThrow();
    const refused: ConvolutionRequest[] = [
      { ...pointwise, outputRows: { from: 1, count: 2 } },
      { ...pointwise, channelRange: { from: 0, count: 8 } },
      { ...pointwise, input: { ...base.input, channels: 4 }, groups: 2 },
    ];
    for (const wanted of refused) {
      expect(() => pointwiseAsGemm(wanted, traits)).toThrow(InvalidArgumentError);
      expect(() => convolutionAsGemm(wanted, traits)).toThrow(InvalidArgumentError);
    }
    expect(() => pointwiseAsGemm(base, traits)).toThrow(InvalidArgumentError);
  });
});

describe('descriptions', () => {
  const good = planConvolution(base, traits);

  it('are refused when they are impossible', () => {
    const bad: KernelDescription[] = [
      { ...good, batch: 0 },
      { ...good, groups: 2 },
      { ...good, outputChannels: 0 },
      { ...good, input: { ...good.input, channels: 1.5 } },
      { ...good, window: { ...good.window, strideWidth: 0 } },
      { ...good, window: { ...good.window, padding: { ...NO_PADDING, left: -1 } } },
      { ...good, window: squareWindow(8, 1) },
      { ...good, outputRows: { from: 3, count: 3 } },
      { ...good, channelRange: { from: 0, count: 21 } },
      { ...good, epilogue: { ...good.epilogue, softmax: true } },
      { ...good, epilogue: { ...good.epilogue, activation: 'step' as 'relu' } },
      { ...good, weights: 'int8' as 'float32' },
      { ...good, blocking: { ...good.blocking, tileRows: 0 } },
      { ...good, input: { height: 2 ** 15, width: 2 ** 15, channels: 3 } },
      { ...good, channelRange: { from: 4, count: 16 } },
    ];
    for (const description of bad) {
      const load = () => host.load([description], host.createMemory(64));
      expect(load, JSON.stringify(description)).toThrow(InvalidArgumentError);
    }
    const tile = { ...good, blocking: { ...good.blocking, tileColumns: 99 } };
    expect(() => host.load([tile], host.createMemory(64))).toThrow(RegisterBudgetError);
  });

  it('cannot be planned for a range of channels that cuts a vector', () => {
    const plan = (from: number, count: number) => () =>
      planConvolution({ ...base, channelRange: { from, count } }, traits);
    expect(plan(8, 12)).not.toThrow();
    expect(plan(8, 8)).not.toThrow();
    expect(plan(4, 16)).toThrow(InvalidArgumentError);
    expect(plan(0, 10)).toThrow(InvalidArgumentError);
  });

  it('have a key each', () => {
    const variants: KernelDescription[] = [
      good,
      { ...good, batch: 2 },
      { ...good, weights: 'float16' },
      { ...good, outputRows: { from: 0, count: 4 } },
      { ...good, channelRange: { from: 0, count: 16 } },
      { ...good, epilogue: { ...good.epilogue, bias: false } },
      { ...good, blocking: { ...good.blocking, outerLoop: 'rows' } },
      { ...good, window: { ...good.window, padding: { top: 1, left: 1, bottom: 1, right: 11 } } },
      { ...good, window: { ...good.window, padding: { top: 11, left: 1, bottom: 1, right: 1 } } },
      planDepthwise({ ...base, multiplier: 1 }, traits),
    ];
    expect(new Set(variants.map(kernelKey)).size).toBe(variants.length);
  });

  it('that are planned fit every target, for every small number of channels', () => {
    for (const target of [traits, ...Object.values(WASM_TRAITS)]) {
      for (let channels = 1; channels <= 70; channels += 3) {
        const wanted = { ...base, outputChannels: channels, channelRange: { from: 0, count: channels } };
        const blockings = convolutionBlockings(wanted, target);
        expect(blockings.length).toBeGreaterThan(0);
        expect(new Set(blockings.map((blocking) => JSON.stringify(blocking))).size).toBe(blockings.length);
        const trial = kernelTrial({ ...wanted, blocking: blockings[0]! }, target, 'sample', 1);
        expect(trial.byteLength).toBeGreaterThan(0);
      }
    }
  });
});
