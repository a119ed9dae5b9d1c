import { type OperatorOf, type PointwiseFunction, Random } from '@qedge/core';
import * as tf from '@tensorflow/tfjs';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ValueData } from '../src/graph/operators/operator-definition.ts';
import {
  errorFunction,
  PLAIN_FUNCTIONS,
  POINTWISE_OPERATIONS,
  roundHalfToEven,
} from '../src/graph/operators/pointwise-function.ts';
import { evaluate, expectClose, floats, value } from './operator-cases.ts';

beforeAll(async () => {
  // Else the backend prints advice on its first tensor.
  tf.env().set('PROD', true);
  await tf.setBackend('cpu');
});

function tensor({ shape, data, dtype }: ValueData): tf.Tensor {
  return tf.tensor(data as Float32Array, [...shape], dtype === 'float32' ? 'float32' : 'int32');
}

/** Calculates with tensors of the values, and gives the result as a value. */
function withTensors(
  work: (...tensors: tf.Tensor[]) => tf.Tensor,
  ...values: readonly ValueData[]
): ValueData {
  return tf.tidy(() => {
    const result = work(...values.map(tensor));
    const data = result.dataSync() as Float32Array;
    return { dtype: 'float32', shape: result.shape, data: data.slice() };
  });
}

/** The reference sums in float64; TensorFlow.js on the cpu backend sums `terms` products of numbers below 1 in float32. */
function tolerance(terms: number): number {
  return 2 * (terms + 2) * 2 ** -24 * terms;
}

const PARAMETERS = { seed: 7, numRuns: 40 };
/** Leading axes of both operands. */
const LEADING: readonly (readonly [number[], number[]])[] = [
  [[], []],
  [[3], [3]],
  [
    [2, 3],
    [1, 3],
  ],
  [
    [2, 1],
    [2, 3],
  ],
];
const small = fc.integer({ min: 1, max: 6 });

describe('matrix products', () => {
  it('broadcast, transpose, scale and shift', () => {
    const cases = fc.record({
      m: small,
      k: small,
      n: small,
      batch: fc.constantFrom(...LEADING),
      transposeA: fc.boolean(),
      transposeB: fc.boolean(),
      alpha: fc.constantFrom(1, 0.5),
      relu: fc.boolean(),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(cases, ({ m, k, n, batch, transposeA, transposeB, alpha, relu, seed }) => {
        const a = floats(seed, ...batch[0], ...(transposeA ? [k, m] : [m, k]));
        const b = floats(seed + 1, ...batch[1], ...(transposeB ? [n, k] : [k, n]));
        const bias = floats(seed + 2, n);
        const activation = relu ? ({ kind: 'relu' } as const) : null;
        const [actual] = evaluate({ kind: 'matmul', transposeA, transposeB, alpha, activation }, a, b, bias);
        const expected = withTensors(
          (x, y, shift) => {
            // Its cpu backend multiplies the wrong matrices when leading axes of both operands are broadcast.
            const leading = actual!.shape.slice(0, -2);
            const [left, right] = [x!, y!].map((each) => {
              return tf.broadcastTo(each, [...leading, ...each.shape.slice(-2)]);
            });
            const sum = tf.matMul(left!, right!, transposeA, transposeB).mul(alpha).add(shift!);
            return relu ? sum.relu() : sum;
          },
          a,
          b,
          bias,
        );
        expectClose(actual!, expected, tolerance(k));
      }),
      PARAMETERS,
    );
  });

  it('of a vector with two matrices give one row each', () => {
    const product = {
      kind: 'matmul',
      transposeA: false,
      transposeB: false,
      alpha: 1,
      activation: null,
    } as const;
    const [actual] = evaluate(
      product,
      value('float32', [1, 2], [1, 2]),
      value('float32', [2, 2, 1], [1, 2, 3, 4]),
    );
    expect(actual).toEqual(value('float32', [2, 1, 1], [5, 11]));
  });
});

describe('windows', () => {
  const cases = fc.record({
    size: fc.integer({ min: 3, max: 7 }),
    channels: fc.constantFrom(1, 2, 3),
    outputs: fc.constantFrom(1, 4),
    taps: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    strides: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 3 })),
    dilated: fc.boolean(),
    padding: fc.tuple(fc.nat({ max: 1 }), fc.nat({ max: 1 }), fc.nat({ max: 1 }), fc.nat({ max: 1 })),
    seed: fc.nat(),
  });

  function explicit([top, left, bottom, right]: readonly number[]): [
    [number, number],
    [number, number],
    [number, number],
    [number, number],
  ] {
    return [
      [0, 0],
      [top!, bottom!],
      [left!, right!],
      [0, 0],
    ];
  }

  it('convolve, with a residual before the activation', () => {
    fc.assert(
      fc.property(cases, ({ size, channels, outputs, taps, strides, dilated, padding, seed }) => {
        const dilations = dilated ? ([2, 2] as const) : ([1, 1] as const);
        const steps = dilated ? ([1, 1] as const) : strides;
        fc.pre((Math.max(...taps) - 1) * dilations[0] + 1 <= size);
        const window = { size: taps, strides: steps, dilations, padding };
        const images = floats(seed, 2, size, size, channels);
        const weights = floats(seed + 1, ...taps, channels, outputs);
        const operator = { kind: 'convolution', window, groups: 1, activation: null } as const;
        const [sums] = evaluate(operator, images, weights);
        const expected = withTensors(
          (x, w) => {
            const [tapped, kernel] = [x as tf.Tensor4D, w as tf.Tensor4D];
            return tf.conv2d(tf.pad(tapped, explicit(padding)), kernel, [...steps], 'valid', 'NHWC', [
              ...dilations,
            ]);
          },
          images,
          weights,
        );
        expectClose(sums!, expected, tolerance(taps[0] * taps[1] * channels));
        const bias = floats(seed + 2, outputs);
        const [fused] = evaluate({ ...operator, activation: { kind: 'relu' } }, images, weights, bias, sums!);
        const twice = withTensors((x, shift) => x!.mul(2).add(shift!).relu(), sums!, bias);
        expectClose(fused!, twice, tolerance(taps[0] * taps[1] * channels));
      }),
      PARAMETERS,
    );
  });

  it('convolve channels one by one, and in groups', () => {
    fc.assert(
      fc.property(cases, ({ size, channels, outputs, taps, strides, padding, seed }) => {
        const step = strides[0];
        const window = { size: taps, strides: [step, step], dilations: [1, 1], padding } as const;
        const images = floats(seed, 2, size, size, channels * 2);
        const depthwise = floats(seed + 1, ...taps, 1, channels * 2);
        const operator = { kind: 'convolution', window, groups: channels * 2, activation: null } as const;
        const [actual] = evaluate(operator, images, depthwise);
        const expected = withTensors(
          (x, w) => {
            const kernel = w!.reshape([...taps, channels * 2, 1]) as tf.Tensor4D;
            return tf.depthwiseConv2d(tf.pad(x as tf.Tensor4D, explicit(padding)), kernel, step, 'valid');
          },
          images,
          depthwise,
        );
        expectClose(actual!, expected, tolerance(9));
        // Two groups are two convolutions of half of the channels.
        const weights = floats(seed + 2, ...taps, channels, outputs * 2);
        const [grouped] = evaluate({ ...operator, groups: 2 }, images, weights);
        const halves = withTensors(
          (x, w) => {
            const [images2, kernels] = [
              tf.split(tf.pad(x as tf.Tensor4D, explicit(padding)), 2, 3),
              tf.split(w as tf.Tensor4D, 2, 3),
            ];
            return tf.concat(
              images2.map((each, i) =>
                tf.conv2d(each as tf.Tensor4D, kernels[i] as tf.Tensor4D, step, 'valid'),
              ),
              3,
            );
          },
          images,
          weights,
        );
        expectClose(grouped!, halves, tolerance(9 * channels));
      }),
      PARAMETERS,
    );
  });

  it('take the largest cell, or the mean of those inside the image', () => {
    fc.assert(
      fc.property(cases, ({ size, channels, taps, strides, seed }) => {
        const images = floats(seed, 2, size, size, channels);
        const padding = [0, 1].map((axis) => {
          const cells = Math.ceil(size / strides[axis]!);
          return Math.max(0, (cells - 1) * strides[axis]! + taps[axis]! - size);
        });
        const [top, left] = padding.map((total) => Math.floor(total / 2)) as [number, number];
        const window: OperatorOf<'pooling'>['window'] = {
          size: taps,
          strides,
          dilations: [1, 1],
          padding: [top, left, padding[0]! - top, padding[1]! - left],
        };
        const pool = (type: 'max' | 'avg') => (x?: tf.Tensor) => {
          return tf.pool(x as tf.Tensor4D, [...taps], type, 'same', [1, 1], [...strides]);
        };
        const [largest] = evaluate({ kind: 'pooling', operation: 'max', window }, images);
        expectClose(largest!, withTensors(pool('max'), images), 0);
        const [mean] = evaluate({ kind: 'pooling', operation: 'average', window }, images);
        expectClose(mean!, withTensors(pool('avg'), images), 1e-6);
        const [all] = evaluate({ kind: 'pooling', operation: 'average-with-padding', window }, images);
        const padded = withTensors((x) => {
          const around = tf.pad(x as tf.Tensor4D, explicit(window.padding));
          return tf.pool(around, [...taps], 'avg', 'valid', [1, 1], [...strides]);
        }, images);
        expectClose(all!, padded, 1e-6);
      }),
      PARAMETERS,
    );
  });
});

describe('pointwise functions', () => {
  const TENSORFLOW: Partial<Record<PointwiseFunction['kind'], (x: tf.Tensor) => tf.Tensor>> = {
    relu: (x) => x.relu(),
    relu6: (x) => x.relu6(),
    sigmoid: (x) => x.sigmoid(),
    tanh: (x) => x.tanh(),
    gelu: (x) => x.mul(0.5).mul(x.div(Math.SQRT2).erf().add(1)),
    silu: (x) => x.mul(x.sigmoid()),
    'hard-swish': (x) => x.mul(x.add(3).clipByValue(0, 6)).div(6),
    softplus: (x) => x.softplus(),
    absolute: (x) => x.abs(),
    negate: (x) => x.neg(),
    exponential: (x) => x.exp(),
    logarithm: (x) => x.log(),
    'square-root': (x) => x.sqrt(),
    reciprocal: (x) => x.reciprocal(),
    'error-function': (x) => x.erf(),
    floor: (x) => x.floor(),
    ceiling: (x) => x.ceil(),
    round: (x) => x.round(),
    sign: (x) => x.sign(),
    clip: (x) => x.clipByValue(-0.5, 2),
    'leaky-relu': (x) => tf.leakyRelu(x, 0.1),
    elu: (x) => x.elu(),
    'hard-sigmoid': (x) => x.mul(0.2).add(0.5).clipByValue(0, 1),
    'gelu-tanh': (x) => {
      const inner = x.add(x.mul(x).mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
      return x.mul(0.5).mul(inner.tanh().add(1));
    },
  };
  const functions: PointwiseFunction[] = [
    ...PLAIN_FUNCTIONS.map((kind) => ({ kind })),
    { kind: 'clip', low: -0.5, high: 2 },
    { kind: 'leaky-relu', alpha: 0.1 },
    { kind: 'elu', alpha: 1 },
    { kind: 'hard-sigmoid', alpha: 0.2, beta: 0.5 },
  ];

  it.each(functions)('are those of TensorFlow.js: $kind', (apply) => {
    const positive = ['logarithm', 'square-root'].includes(apply.kind);
    const numbers = Array.from({ length: 161 }, (_, i) => (positive ? i / 8 : (i - 80) / 8));
    const x = value('float32', [161], numbers);
    const [actual] = evaluate({ kind: 'pointwise', expression: { apply, to: { input: 0 } } }, x);
    const expected = withTensors((t) => TENSORFLOW[apply.kind]!(t!), x);
    for (let i = 0; i < 161; i++) {
      const [a, e] = [actual!.data[i]!, expected.data[i]!];
      if (a === e || (Number.isNaN(a) && Number.isNaN(e))) continue;
      // TensorFlow.js: erf by a polynomial of error 1.5e-7, times |x| <= 10 in gelu.
      expect(Math.abs(a - e), `at ${numbers[i]}`).toBeLessThan(3e-6 + 1e-6 * Math.abs(e));
    }
  });

  it('know the error function to 1e-15', () => {
    // Abramowitz and Stegun, table 7.1; erfc(4) from its continued fraction.
    expect(errorFunction(0.5)).toBeCloseTo(0.5204998778130465, 15);
    expect(errorFunction(-1)).toBeCloseTo(-0.8427007929497149, 15);
    expect(errorFunction(2)).toBeCloseTo(0.9953222650189527, 15);
    expect(1 - errorFunction(4)).toBeCloseTo(1.541725790028002e-8, 15);
    expect([errorFunction(7), errorFunction(-0), errorFunction(Number.NaN)]).toEqual([1, -0, Number.NaN]);
  });

  it('round halves to the even integer', () => {
    expect([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 0.49999999999999994, 2 ** 52 + 1].map(roundHalfToEven)).toEqual([
      -2,
      -2,
      -0,
      0,
      2,
      2,
      0,
      2 ** 52 + 1,
    ]);
  });

  it('combine and choose with broadcasting', () => {
    const a = floats(1, 2, 1, 3);
    const b = value('float32', [4, 1], [0.1, -0.2, 0.3, a.data[0]!]);
    const tensorflow: Record<string, (x: tf.Tensor, y: tf.Tensor) => tf.Tensor> = {
      add: tf.add,
      subtract: tf.sub,
      multiply: tf.mul,
      divide: tf.div,
      minimum: tf.minimum,
      maximum: tf.maximum,
      power: (x, y) => tf.pow(x.abs(), y),
      equal: tf.equal,
      less: tf.less,
      greater: tf.greater,
    };
    for (const operation of POINTWISE_OPERATIONS) {
      const left =
        operation === 'power' ? ({ apply: { kind: 'absolute' }, to: { input: 0 } } as const) : { input: 0 };
      const expression = { operation, a: left, b: { input: 1 } } as const;
      const [actual] = evaluate({ kind: 'pointwise', expression }, a, b);
      expectClose(
        actual!,
        withTensors((x, y) => tensorflow[operation]!(x!, y!), a, b),
        1e-5,
      );
    }
    const condition = { operation: 'less', a: { input: 0 }, b: { input: 1 } } as const;
    const choice = { condition, a: { constant: 7 }, b: { input: 0 } } as const;
    const [chosen] = evaluate({ kind: 'pointwise', expression: choice }, a, b);
    const expected = withTensors(
      (x, y) => tf.where(tf.less(x!, y!), tf.fill([2, 4, 3], 7), x!.tile([1, 4, 1])),
      a,
      b,
    );
    expectClose(chosen!, expected, 0);
  });
});

describe('rows', () => {
  it('normalise, take the softmax, and its logarithm', () => {
    const x = floats(3, 4, 5, 7);
    const [gamma, beta] = [floats(4, 7), floats(5, 7)];
    const [normal] = evaluate({ kind: 'layer-normalization', epsilon: 1e-3 }, x, gamma, beta);
    const expected = withTensors(
      (t, factor, shift) => {
        const { mean, variance } = tf.moments(t!, -1, true);
        return t!.sub(mean).div(variance.add(1e-3).sqrt()).mul(factor!).add(shift!);
      },
      x,
      gamma,
      beta,
    );
    expectClose(normal!, expected, 1e-5);
    const [plain] = evaluate({ kind: 'layer-normalization', epsilon: 1e-3 }, x);
    const [one] = evaluate({ kind: 'layer-normalization', epsilon: 1e-3 }, x, null, beta);
    expectClose(
      one!,
      withTensors((t, shift) => t!.add(shift!), plain!, beta),
      1e-6,
    );
    const [shares] = evaluate({ kind: 'softmax', log: false }, x);
    expectClose(
      shares!,
      withTensors((t) => tf.softmax(t!), x),
      1e-6,
    );
    const [logs] = evaluate({ kind: 'softmax', log: true }, x);
    expectClose(
      logs!,
      withTensors((t) => tf.logSoftmax(t!), x),
      2e-6,
    );
    const [scaled] = evaluate({ kind: 'channel-scale', activation: { kind: 'relu' } }, x, gamma, beta);
    expectClose(
      scaled!,
      withTensors((t, f, s) => t!.mul(f!).add(s!).relu(), x, gamma, beta),
      1e-6,
    );
  });

  it('reduce over any axes', () => {
    const x = floats(6, 2, 3, 4, 5);
    const tensorflow = { sum: tf.sum, mean: tf.mean, maximum: tf.max, minimum: tf.min };
    for (const operation of ['sum', 'mean', 'maximum', 'minimum'] as const) {
      for (const axes of [[], [0], [3], [1, 2], [0, 3], [0, 1, 2, 3]]) {
        for (const keepAxes of [false, true]) {
          const [actual] = evaluate({ kind: 'reduction', operation, axes, keepAxes }, x);
          const expected = withTensors(
            (t) => (axes.length === 0 ? t! : tensorflow[operation](t!, axes, keepAxes)),
            x,
          );
          expectClose(actual!, expected, tolerance(120));
        }
      }
    }
    const [index] = evaluate({ kind: 'arg-extremum', operation: 'maximum', axis: 1, keepAxis: false }, x);
    expectClose(
      index!,
      withTensors((t) => tf.argMax(t!, 1), x),
      0,
    );
  });
});

describe('moves of elements', () => {
  it('transpose, slice, concatenate, pad, expand and gather exactly', () => {
    const shapes = fc.tuple(small, small, small, fc.nat());
    fc.assert(
      fc.property(shapes, ([a, b, c, seed]) => {
        const x = floats(seed, a, b, c);
        const random = new Random(seed);
        const permutation = [0, 1, 2].sort(() => random.uniform() - 0.5);
        const [moved] = evaluate({ kind: 'transpose', permutation }, x);
        expectClose(
          moved!,
          withTensors((t) => tf.transpose(t!, permutation), x),
          0,
        );
        const starts = [a, b, c].map((size) => Math.floor(random.uniform() * size));
        const sizes = [a, b, c].map((size, i) => Math.ceil(random.uniform() * (size - starts[i]!)));
        const [cut] = evaluate({ kind: 'slice', starts, steps: [1, 1, 1], sizes }, x);
        expectClose(
          cut!,
          withTensors((t) => tf.slice(t!, starts, sizes), x),
          0,
        );
        const reversed = {
          kind: 'slice',
          starts: [a - 1, 0, c - 1],
          steps: [-1, 1, -1],
          sizes: [a, b, c],
        } as const;
        expectClose(
          evaluate(reversed, x)[0]!,
          withTensors((t) => tf.reverse(t!, [0, 2]), x),
          0,
        );
        const [joined] = evaluate(
          { kind: 'concatenate', axis: 1 },
          x,
          cut!.shape[0] === a && cut!.shape[2] === c ? cut! : x,
        );
        expect(joined!.shape[1]).toBeGreaterThan(b);
        const [both] = evaluate({ kind: 'concatenate', axis: 2 }, x, x);
        expectClose(
          both!,
          withTensors((t) => tf.concat([t!, t!], 2), x),
          0,
        );
        const padding = {
          kind: 'pad',
          before: [1, 0, 2],
          after: [0, 3, 1],
          mode: 'constant',
          value: 9,
        } as const;
        expectClose(
          evaluate(padding, x)[0]!,
          withTensors(
            (t) =>
              tf.pad(
                t!,
                [
                  [1, 0],
                  [0, 3],
                  [2, 1],
                ],
                9,
              ),
            x,
          ),
          0,
        );
        const [wide] = evaluate({ kind: 'expand', shape: [2, a, b, c] }, x);
        expectClose(
          wide!,
          withTensors((t) => tf.stack([t!, t!]), x),
          0,
        );
        const indices = value('int32', [2], [b - 1, 0]);
        const [picked] = evaluate({ kind: 'gather', axis: 1 }, x, indices);
        expectClose(
          picked!,
          withTensors((t, at) => tf.gather(t!, at as tf.Tensor1D, 1), x, indices),
          0,
        );
      }),
      PARAMETERS,
    );
  });

  it('keep what is empty, or one number', () => {
    const empty = value('float32', [0, 3], []);
    expect(evaluate({ kind: 'transpose', permutation: [1, 0] }, empty)[0]!.shape).toEqual([3, 0]);
    expect(evaluate({ kind: 'concatenate', axis: 0 }, empty, floats(1, 2, 3))[0]!.shape).toEqual([2, 3]);
    expect([
      ...evaluate({ kind: 'reduction', operation: 'sum', axes: [0], keepAxes: false }, empty)[0]!.data,
    ]).toEqual([0, 0, 0]);
    const one = value('float32', [], [4]);
    expect(evaluate({ kind: 'transpose', permutation: [] }, one)[0]).toEqual(one);
    expect(evaluate({ kind: 'expand', shape: [2] }, one)[0]).toEqual(value('float32', [2], [4, 4]));
    expect(evaluate({ kind: 'pad', before: [], after: [], mode: 'edge', value: 0 }, one)[0]).toEqual(one);
    expect(evaluate({ kind: 'reshape', shape: [1, 1] }, one)[0]).toEqual(value('float32', [1, 1], [4]));
  });

  it('cast towards zero', () => {
    const x = value('float32', [5], [1.9, -1.9, 300, Number.NaN, -0.5]);
    expect([...evaluate({ kind: 'cast', dtype: 'int32' }, x)[0]!.data]).toEqual([1, -1, 300, 0, 0]);
    expect([...evaluate({ kind: 'cast', dtype: 'uint8' }, x)[0]!.data]).toEqual([1, 255, 44, 0, 0]);
  });
});
