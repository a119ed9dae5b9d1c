import './relaxed-simd.ts';
import { CapabilityUnavailableError, InvalidArgumentError } from '@qedge/core';
import { loadKoffi } from '@qedge/core/node';
import type { Rank, Tensor, Tensor2D, Tensor4D, Variable } from '@tensorflow/tfjs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accelerate as accelerateInNode, loadTensorflow } from '../src/node.ts';
import { type Acceleration, accelerate, type Tensorflow } from '../src/tfjs.ts';
import { type KernelCall, largestDifference } from './kernel-comparison.ts';

/** Sums of up to some hundreds of products of numbers below 1, relative to the largest of the results. */
const TOLERANCE = 2 ** -17;

let tf: Tensorflow;

beforeAll(async () => {
  ({ tf } = await loadTensorflow<Tensorflow>({ prefer: ['wasm'] }));
});

const WAYS: readonly (readonly [string, () => Promise<Acceleration>])[] = [
  ['WebAssembly', () => accelerate(tf)],
  ...(loadKoffi().available && process.env.QEDGE_NATIVE !== '0'
    ? ([
        ['machine code', () => accelerateInNode(tf)],
        ['AVX2 on two threads', () => accelerateInNode(tf, { isa: 'avx2', threads: 2 })],
      ] as const)
    : []),
];

const size = (max: number) => fc.integer({ min: 1, max });
const pair = (max: number) => fc.tuple(size(max), size(max));
const DILATIONS = [1, 1];

const products = fc
  .record({
    m: size(40),
    k: size(70),
    n: size(40),
    batch: fc.constantFrom<[number[], number[]]>(
      [[], []],
      [[3], [3]],
      [[4], [1]],
      [[1], [4]],
      [
        [2, 2],
        [2, 2],
      ],
    ),
    transposeA: fc.boolean(),
    transposeB: fc.boolean(),
    activation: fc.constantFrom(null, 'linear', 'relu', 'relu6', 'sigmoid'),
  })
  .map(({ m, k, n, batch, transposeA, transposeB, activation }): KernelCall => {
    const a = [...(activation ? [] : batch[0]), ...(transposeA ? [k, m] : [m, k])];
    const b = [...(activation ? [] : batch[1]), ...(transposeB ? [n, k] : [k, n])];
    const attrs = { transposeA, transposeB };
    if (activation === null) return { kernel: 'BatchMatMul', inputs: { a, b }, attrs };
    return { kernel: '_FusedMatMul', inputs: { a, b, bias: [n] }, attrs: { ...attrs, activation } };
  });

const windows = fc
  .record({
    batch: size(3),
    image: pair(11),
    channels: size(20),
    filter: pair(4),
    outputs: size(20),
    strides: pair(3),
    pad: fc.constantFrom('same', 'valid'),
  })
  .filter(({ image, filter }) => filter[0] <= image[0] && filter[1] <= image[1])
  .map(({ batch, image, channels, filter, outputs, strides, pad }) => {
    const rows = (axis: 0 | 1) => {
      const span = pad === 'same' ? image[axis] : image[axis] - filter[axis] + 1;
      return Math.ceil(span / strides[axis]);
    };
    return {
      x: [batch, ...image, channels],
      filter,
      channels,
      outputs,
      output: [batch, rows(0), rows(1)],
      attrs: { strides, pad, dilations: DILATIONS, dataFormat: 'NHWC' },
    };
  });

const convolutions = fc.tuple(windows, fc.constantFrom(0, 1, 2, 3)).map(([window, which]): KernelCall => {
  const { x, channels, outputs, output, attrs } = window;
  const filter = [...window.filter, channels, outputs];
  const dy = [...output, outputs];
  const calls: readonly KernelCall[] = [
    { kernel: 'Conv2D', inputs: { x, filter }, attrs },
    {
      kernel: 'FusedConv2D',
      inputs: { x, filter, bias: [outputs] },
      attrs: { ...attrs, activation: 'relu' },
    },
    { kernel: 'Conv2DBackpropInput', inputs: { dy, filter }, attrs: { ...attrs, inputShape: x } },
    { kernel: 'Conv2DBackpropFilter', inputs: { x, dy }, attrs: { ...attrs, filterShape: filter } },
  ];
  return calls[which]!;
});

const depthwise = fc
  .tuple(windows, fc.constantFrom(0, 1, 2, 3), fc.constantFrom(1, 1, 2))
  .map(([window, which, multiplier]): KernelCall => {
    const { x, channels, output, attrs } = window;
    const filter = [...window.filter, channels, multiplier];
    const dy = [...output, channels * multiplier];
    const calls: readonly KernelCall[] = [
      { kernel: 'DepthwiseConv2dNative', inputs: { x, filter }, attrs },
      {
        kernel: 'FusedDepthwiseConv2D',
        inputs: { x, filter, bias: [channels * multiplier] },
        attrs: { ...attrs, activation: 'relu6' },
      },
      {
        kernel: 'DepthwiseConv2dNativeBackpropInput',
        inputs: { dy, filter },
        attrs: { ...attrs, inputShape: x },
      },
      {
        kernel: 'DepthwiseConv2dNativeBackpropFilter',
        inputs: { x, dy },
        attrs: { ...attrs, filterShape: filter },
      },
    ];
    return calls[which]!;
  });

const pools = fc
  .tuple(windows, fc.constantFrom('MaxPool', 'AvgPool', 'MaxPoolGrad', 'AvgPoolGrad'))
  .map(([{ x, filter, channels, output, attrs }, kernel]): KernelCall => {
    const pooled = { filterSize: filter, strides: attrs.strides, pad: attrs.pad };
    if (!kernel.endsWith('Grad')) return { kernel, inputs: { x }, attrs: pooled };
    return { kernel, inputs: { dy: [...output, channels], input: x }, attrs: pooled };
  });

/** Shapes that differ in axes of 1, and in rank. */
const broadcasts = fc
  .record({
    shape: fc.array(size(7), { minLength: 1, maxLength: 4 }),
    ones: fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
    cut: fc.integer({ min: 0, max: 3 }),
    exchanged: fc.boolean(),
    kernel: fc.constantFrom('Add', 'Sub', 'Multiply', 'RealDiv', 'SquaredDifference'),
  })
  .map(({ shape, ones, cut, exchanged, kernel }): KernelCall => {
    const other = shape.map((extent, axis) => (ones[axis] ? 1 : extent)).slice(Math.min(cut, shape.length));
    const [a, b] = exchanged ? [other, shape] : [shape, other];
    return { kernel, inputs: { a, b }, offset: kernel === 'RealDiv' ? 2 : 0 };
  });

const UNARY = [
  ...['Relu', 'Relu6', 'Sigmoid', 'Tanh', 'Exp', 'Elu', 'LeakyRelu', 'Neg', 'Abs', 'Square', 'Step', 'Sqrt'],
  ...['Rsqrt', 'Identity'],
];

const reductions = fc
  .tuple(fc.array(size(9), { minLength: 1, maxLength: 4 }), size(4), fc.boolean(), fc.boolean(), fc.boolean())
  .map(([shape, wanted, fromEnd, keepDims, mean]): KernelCall => {
    const count = Math.min(wanted, shape.length);
    const first = fromEnd ? shape.length - count : 0;
    const axis = Array.from({ length: count }, (_, i) => first + i);
    return { kernel: mean ? 'Mean' : 'Sum', inputs: { x: shape }, attrs: { axis, keepDims } };
  });

const rows = fc.tuple(size(9), size(50), fc.boolean()).map(([count, width, isSoftmax]): KernelCall => {
  if (isSoftmax) return { kernel: 'Softmax', inputs: { logits: [count, width] }, attrs: { dim: -1 } };
  return {
    kernel: 'FusedBatchNorm',
    inputs: { x: [1, count, 2, width], mean: [width], variance: [width], offset: [width], scale: [width] },
    attrs: { varianceEpsilon: 0.001 },
    offset: 1.5,
  };
});

const segments = fc
  .tuple(fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 12 }), size(9))
  .map(([ids, width]): KernelCall => {
    const segmentIds = { shape: [ids.length], values: Int32Array.from(ids) };
    return {
      kernel: 'UnsortedSegmentSum',
      inputs: { x: [ids.length, width], segmentIds },
      attrs: { numSegments: 6 },
    };
  });

/** Floats or integers; a size of -1 reaches to the end, and attributes may name the first axes only. */
const slices = fc
  .tuple(
    fc.array(fc.tuple(size(7), fc.nat(6), fc.nat(6), fc.boolean()), { minLength: 1, maxLength: 5 }),
    fc.boolean(),
    fc.boolean(),
  )
  .map(([axes, isShort, isInteger]): KernelCall => {
    const shape = axes.map(([extent]) => extent);
    const begin = axes.map(([extent, first]) => first % extent);
    const size = axes.map(([extent, , more, isRest], axis) => {
      return isRest ? -1 : 1 + (more % (extent - begin[axis]!));
    });
    const count = shape.reduce((a, b) => a * b, 1);
    const x = isInteger ? { shape, values: Int32Array.from({ length: count }, (_, i) => 7 * i) } : shape;
    const attrs = isShort ? { begin: begin.slice(0, 1), size: size.slice(0, 1) } : { begin, size };
    return { kernel: 'Slice', inputs: { x }, attrs };
  });

const GROUPS = {
  'matrix products with every transposition': [products, 40],
  'convolutions and their gradients': [convolutions, 60],
  'depthwise convolutions and their gradients': [depthwise, 60],
  'pools and their gradients': [pools, 50],
  'arithmetic of broadcast tensors': [broadcasts, 60],
  'sums and means': [reductions, 40],
  'softmax and batch normalisation': [rows, 30],
  'sums of segments': [segments, 20],
  slices: [slices, 60],
} as const;

describe.each(WAYS)('a backend accelerated by %s', (_way, start) => {
  let acceleration: Acceleration;

  beforeAll(async () => {
    acceleration = await start();
  });

  afterAll(() => acceleration.dispose());

  it('installs every kernel', () => {
    const why = acceleration.fallbacks.filter(({ from }) => from.startsWith('generated code'));
    expect(why).toEqual([]);
    expect(acceleration.kernels.length).toBeGreaterThan(35);
  });

  it.each(Object.entries(GROUPS))('computes %s as the cpu backend does', (_name, [calls, runs]) => {
    fc.assert(
      fc.property(calls, size(1000), (call, seed) => {
        expect(largestDifference(tf, call, seed)).toBeLessThan(TOLERANCE);
      }),
      { seed: 20, numRuns: runs },
    );
  });

  it.each(UNARY)('computes %s of tensors of every length as the cpu backend does', (kernel) => {
    for (const length of [1, 3, 16, 37, 200]) {
      const offset = kernel.endsWith('qrt') ? 1.5 : 0;
      const call = { kernel, inputs: { x: [length] }, attrs: { alpha: 0.25 }, offset };
      expect(largestDifference(tf, call, length)).toBeLessThan(TOLERANCE);
    }
  });

  it('serves what it was made for, and reports what it passed on', () => {
    const uses = new Map(acceleration.report().map((use) => [use.kernel, use]));
    for (const { kernel, served } of uses.values()) {
      if (kernel.includes('.')) continue;
      expect([kernel, served > 0]).toEqual([kernel, true]);
    }
    const before = uses.get('Add')!;
    tf.tidy(() => tf.add(tf.tensor1d([1, 2], 'int32'), tf.tensor1d([3, 4], 'int32')));
    const after = acceleration.report().find(({ kernel }) => kernel === 'Add')!;
    expect(after).toEqual({ ...before, passed: before.passed + 1 });
  });

  it('lets empty tensors and other types through to the stock kernels', () => {
    const empty = tf.tidy(() => tf.matMul(tf.zeros([0, 3]), tf.zeros([3, 4])));
    expect(empty.shape).toEqual([0, 4]);
    const integers = tf.tidy(() => tf.mul(tf.tensor1d([2, 3], 'int32'), tf.tensor1d([5, 7], 'int32')));
    expect([...integers.dataSync()]).toEqual([10, 21]);
    tf.dispose([empty, integers]);
  });

  it('refuses a gradient whose shape is not that of the output', () => {
    const call = { kernel: 'Conv2DBackpropFilter', inputs: { x: [1, 5, 5, 2], dy: [1, 9, 9, 3] } };
    const attrs = { strides: [1, 1], pad: 'valid', dataFormat: 'NHWC', filterShape: [2, 2, 2, 3] };
    expect(() => largestDifference(tf, { ...call, attrs }, 1)).toThrow(InvalidArgumentError);
  });

  it('follows the memory of the backend when it grows', () => {
    const heap = () => (tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } }).wasm.HEAPU8;
    const a = tf.randomUniform([64, 64], -1, 1, 'float32', 1) as Tensor2D;
    const expected = tf.tidy(() => tf.matMul(a, a).dataSync());
    const before = heap().buffer;
    const large = tf.zeros([heap().length / 4]);
    expect(heap().buffer).not.toBe(before);
    expect(before.byteLength).toBe(0);
    const again = tf.tidy(() => tf.matMul(a, a).dataSync());
    expect(again).toEqual(expected);
    const far = tf.tidy(() => tf.matMul(tf.add(a, 0) as typeof a, a).dataSync());
    expect(far).toEqual(expected);
    tf.dispose([a, large]);
  });
});

describe('accelerate', () => {
  it('gives back exactly the stock kernels, and does so once', async () => {
    const stock = tf.getKernelsForBackend('wasm');
    const { applyGradients } = tf.AdamOptimizer.prototype;
    const { numTensors } = tf.memory();
    const acceleration = await accelerate(tf);
    expect(tf.memory().numTensors).toBe(numTensors);
    expect(tf.getKernel('Conv2DBackpropFilter', 'wasm')).toBeDefined();
    expect(tf.AdamOptimizer.prototype.applyGradients).not.toBe(applyGradients);
    await expect(accelerate(tf)).rejects.toThrow(InvalidArgumentError);
    acceleration.dispose();
    acceleration.dispose();
    expect(new Set(tf.getKernelsForBackend('wasm'))).toEqual(new Set(stock));
    for (const config of stock) expect(tf.getKernel(config.kernelName, 'wasm')).toBe(config);
    expect(tf.getKernel('Conv2DBackpropFilter', 'wasm')).toBeUndefined();
    expect(tf.AdamOptimizer.prototype.applyGradients).toBe(applyGradients);
    (await accelerate(tf)).dispose();
  });

  it('leaves a kernel out that disagrees with the cpu backend, and says so', async () => {
    const right = tf.getKernel('Relu', 'cpu')!;
    const stock = tf.getKernel('Relu', 'wasm')!;
    tf.unregisterKernel('Relu', 'cpu');
    tf.registerKernel({ ...right, kernelFunc: tf.getKernel('Neg', 'cpu')!.kernelFunc });
    try {
      using acceleration = await accelerate(tf);
      expect(acceleration.kernels).not.toContain('Relu');
      expect(tf.getKernel('Relu', 'wasm')).toBe(stock);
      const [fallback] = acceleration.fallbacks.filter(({ to }) => to === 'the stock kernel');
      expect(fallback).toMatchObject({ from: 'generated code for Relu' });
      expect(fallback!.why).toMatch(/^trial 0: element \d+: expected .*, got /);
    } finally {
      tf.unregisterKernel('Relu', 'cpu');
      tf.registerKernel(right);
    }
  });

  it('forgets the shapes that were not used for longest, and computes them again', async () => {
    using acceleration = await accelerate(tf);
    const sum = (length: number) => {
      const values = tf.tidy(() => tf.add(tf.fill([length], 1), tf.fill([length], 2)).dataSync());
      return values.length === length && values.every((value) => value === 3);
    };
    const lengths = Array.from({ length: 1100 }, (_, i) => i + 1);
    expect(lengths.every(sum)).toBe(true);
    expect([1, 1100, 1].every(sum)).toBe(true);
    const use = acceleration.report().find(({ kernel }) => kernel === 'Add')!;
    expect(use).toEqual({ kernel: 'Add', served: 1103, passed: 0 });
  });

  it('packs weights again when they or the bias change', async () => {
    using _acceleration = await accelerate(tf);
    const x = tf.ones([1, 4, 4, 3]) as Tensor4D;
    const filter = tf.variable(tf.ones([3, 3, 3, 2])) as unknown as Variable<Rank.R4>;
    const compute = (bias: number) =>
      tf.tidy(() => {
        const options = { x, filter, strides: 1, pad: 'valid', bias: tf.fill([2], bias) } as const;
        return tf.fused.conv2d(options as never).dataSync()[0];
      });
    expect([1, 2, 3, 3].map(compute)).toEqual([28, 29, 30, 30]);
    const multiply = () => tf.tidy(() => tf.matMul(tf.ones([2, 3]), second as never).dataSync()[0]);
    const second = tf.variable(tf.ones([3, 4]));
    expect([multiply(), multiply(), multiply()]).toEqual([3, 3, 3]);
    filter.assign(tf.tidy(() => tf.fill([3, 3, 3, 2], 2)));
    second.assign(tf.fill([3, 4], 5));
    expect([compute(0), compute(0), compute(1)]).toEqual([54, 54, 55]);
    expect([multiply(), multiply(), multiply()]).toEqual([15, 15, 15]);
    tf.dispose([x, filter, second]);
  });

  it('takes tensors that are still on another backend', async () => {
    const conv = (x: Tensor, filter: Tensor, bias: Tensor) =>
      tf.tidy(() => {
        const options = { x, filter, strides: 1, pad: 'valid', bias, activation: 'relu' };
        return tf.fused.conv2d(options as never).dataSync()[0];
      });
    await tf.setBackend('cpu');
    const tensors = [tf.ones([1, 3, 3, 2]), tf.ones([3, 3, 2, 4]), tf.ones([4])] as const;
    await tf.setBackend('wasm');
    using acceleration = await accelerate(tf);
    expect(conv(...tensors)).toBe(19);
    expect(acceleration.report().find(({ kernel }) => kernel === 'FusedConv2D')).toMatchObject({ served: 1 });
    tf.dispose([...tensors]);
  });

  it('says why there is one thread where the memory of the backend is not shared', async () => {
    using acceleration = await accelerate(tf, { threads: 2 });
    expect(acceleration.threads).toBe(1);
    expect(acceleration.fallbacks.at(-1)).toEqual({
      from: '2 threads',
      to: 'one thread',
      why: 'the memory of the wasm backend is not shared',
    });
  });

  it('refuses other backends and impossible numbers of threads', async () => {
    await expect(accelerate(tf, { threads: 0 })).rejects.toThrow(InvalidArgumentError);
    await tf.setBackend('cpu');
    await expect(accelerate(tf)).rejects.toThrow(CapabilityUnavailableError);
    await tf.setBackend('wasm');
  });
});
