import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectSameAsPeer, type OperatorCase } from './onnx-peer.ts';
import type { WrittenAttribute, WrittenTensor, WrittenType } from './onnx-writer.ts';

/** Numbers from -1 to 1, the same for a seed. */
function floats(shape: readonly number[], seed = 1, low = -1, high = 1): WrittenTensor {
  let state = (seed * 2654435761 + shape.length) >>> 0;
  const numbers = Array.from({ length: count(shape) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.fround(low + (state / 2 ** 32) * (high - low));
  });
  return { type: 'float32', shape, numbers };
}

function codes(type: WrittenType, shape: readonly number[], seed = 1): WrittenTensor {
  const [low, high] = type === 'uint8' ? [0, 256] : type === 'bool' ? [0, 2] : [-128, 128];
  return {
    ...floats(shape, seed, low, high),
    type,
    numbers: floats(shape, seed, low, high).numbers.map(Math.floor),
  };
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function integers(...numbers: number[]): { readonly fixed: WrittenTensor } {
  return { fixed: { type: 'int64', shape: [numbers.length], numbers } };
}

function scalar(number: number, type: WrittenType = 'float32'): { readonly fixed: WrittenTensor } {
  return { fixed: { type, shape: [], numbers: [number] } };
}

const fixed = (tensor: WrittenTensor) => ({ fixed: tensor });

async function all(cases: readonly OperatorCase[]): Promise<void> {
  for (const each of cases) {
    await expectSameAsPeer(each).catch((error) => {
      throw new Error(
        `${each.operator} ${JSON.stringify(each.attributes ?? {})} version ${each.operatorSet}: ${error.message}`,
        { cause: error },
      );
    });
  }
}

/** Runs a random case per seed. */
async function property<Value>(
  arbitrary: fc.Arbitrary<Value>,
  test: (value: Value) => OperatorCase,
  numRuns = 20,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(arbitrary, (value) => expectSameAsPeer(test(value))),
    { seed: 20240607, numRuns: numRuns * (process.env.QEDGE_FULL === '1' ? 20 : 1) },
  );
}

describe('operators without parameters', () => {
  const x = floats([2, 3, 5], 3, -4, 4);
  const positive = floats([2, 3, 5], 4, 0.01, 4);

  it('of one input', async () => {
    const names = [
      'Relu',
      'Sigmoid',
      'Tanh',
      'Erf',
      'Abs',
      'Neg',
      'Exp',
      'Reciprocal',
      'Floor',
      'Ceil',
      'Round',
      'Sign',
    ];
    await all(
      [
        ...names,
        'Softplus',
        'Softsign',
        'HardSwish',
        'Mish',
        'Identity',
        'Dropout',
        'Elu',
        'Selu',
        'Celu',
        'ThresholdedRelu',
        'LeakyRelu',
        'HardSigmoid',
      ].map((operator) => {
        return { operator, inputs: [x], operatorSet: operator === 'Mish' ? 18 : 17 };
      }),
    );
    await all(['Log', 'Sqrt'].map((operator) => ({ operator, inputs: [positive] })));
    const special: WrittenTensor = {
      type: 'float32',
      shape: [7],
      numbers: [0, -0, 0.5, -0.5, 2.5, Number.POSITIVE_INFINITY, -1e30],
    };
    await all(
      ['Round', 'Sign', 'Relu', 'Erf', 'Sigmoid', 'Softplus', 'Floor'].map((operator) => ({
        operator,
        inputs: [special],
      })),
    );
  });

  it('with numbers of their own', async () => {
    const alpha = { alpha: { float: 0.3 } };
    await all([
      { operator: 'Elu', inputs: [x], attributes: alpha },
      { operator: 'LeakyRelu', inputs: [x], attributes: alpha },
      { operator: 'Celu', inputs: [x], attributes: alpha },
      { operator: 'ThresholdedRelu', inputs: [x], attributes: alpha },
      { operator: 'HardSigmoid', inputs: [x], attributes: { ...alpha, beta: { float: 0.1 } } },
      { operator: 'Selu', inputs: [x], attributes: { ...alpha, gamma: { float: 1.5 } } },
      { operator: 'PRelu', inputs: [x, fixed(floats([3, 1]))] },
      { operator: 'PRelu', inputs: [x, floats([5])] },
      { operator: 'Gelu', inputs: [x], operatorSet: 20 },
      { operator: 'Gelu', inputs: [x], operatorSet: 20, attributes: { approximate: 'tanh' } },
      { operator: 'Gelu', inputs: [x], domain: 'com.microsoft' },
      { operator: 'QuickGelu', inputs: [x], domain: 'com.microsoft' },
      { operator: 'FastGelu', inputs: [x], domain: 'com.microsoft', tolerance: 1e-5 },
      { operator: 'FastGelu', inputs: [x, floats([5], 8)], domain: 'com.microsoft', tolerance: 1e-5 },
      { operator: 'BiasGelu', inputs: [x, floats([5], 8)], domain: 'com.microsoft' },
    ]);
  });

  it('Clip takes bounds as attributes or inputs', async () => {
    await all([
      {
        operator: 'Clip',
        inputs: [x],
        attributes: { min: { float: -1 }, max: { float: 2 } },
        operatorSet: 10,
      },
      { operator: 'Clip', inputs: [x], attributes: { max: { float: 2 } }, operatorSet: 7 },
      { operator: 'Clip', inputs: [x, scalar(-1), scalar(2)], operatorSet: 11 },
      { operator: 'Clip', inputs: [x, null, scalar(2)], operatorSet: 13 },
      { operator: 'Clip', inputs: [x, scalar(0)], operatorSet: 13 },
      { operator: 'Clip', inputs: [x, floats([], 1), { ...floats([]), numbers: [3] }], operatorSet: 13 },
      { operator: 'Clip', inputs: [x], operatorSet: 13 },
    ]);
  });
});

describe('operators of several inputs', () => {
  const pairs = [
    [
      [2, 3, 4],
      [2, 3, 4],
    ],
    [[2, 3, 4], [4]],
    [
      [2, 1, 4],
      [3, 1],
    ],
    [[], [2, 2]],
    [
      [0, 3],
      [1, 3],
    ],
  ] as const;

  it('broadcast arithmetic', async () => {
    for (const [left, right] of pairs) {
      const [a, b] = [floats(left, 1, 0.5, 2), floats(right, 2, 0.5, 2)];
      await all(
        ['Add', 'Sub', 'Mul', 'Div', 'Pow', 'Min', 'Max', 'Sum', 'Mean'].map((operator) => ({
          operator,
          inputs: [a, b],
        })),
      );
      await all(
        ['Add', 'Sub', 'Div'].map((operator) => ({ operator, inputs: [fixed(b), a], operatorSet: 7 })),
      );
    }
    const three = [floats([2, 3]), floats([3], 2), floats([2, 1], 3)];
    await all(['Min', 'Max', 'Sum', 'Mean'].map((operator) => ({ operator, inputs: three })));
    await all(['Max', 'Sum', 'Mean'].map((operator) => ({ operator, inputs: [floats([2, 3])] })));
  });

  it('integers divide towards zero', async () => {
    const a: WrittenTensor = { type: 'int64', shape: [6], numbers: [7, -7, 7, -7, 0, 100000] };
    const b: WrittenTensor = { type: 'int64', shape: [6], numbers: [2, 2, -2, -2, 5, 3] };
    await all(
      ['Add', 'Sub', 'Mul', 'Div', 'Mod'].flatMap((operator) => {
        const outputs = ['int64'] as const;
        return [
          { operator, inputs: [a, b], outputs },
          { operator, inputs: [fixed(a), fixed(b)], outputs },
        ];
      }),
    );
    const [x, y] = [floats([6], 1, -9, 9), floats([6], 2, 1, 3)];
    await all([
      { operator: 'Mod', inputs: [x, y], attributes: { fmod: 1 } },
      { operator: 'Mod', inputs: [fixed(x), fixed(y)], attributes: { fmod: 1 } },
    ]);
  });

  it('compare and choose', async () => {
    const a = { ...floats([5]), numbers: [1, 2, 3, Number.NaN, -0] };
    const b = { ...floats([5]), numbers: [1, 3, 2, 1, 0] };
    const outputs = ['bool'] as const;
    for (const inputs of [
      [a, b],
      [fixed(a), fixed(b)],
    ])
      await all(
        ['Equal', 'Less', 'Greater', 'LessOrEqual', 'GreaterOrEqual'].map((operator) => ({
          operator,
          inputs,
          outputs,
        })),
      );
    const [p, q] = [codes('bool', [2, 4], 5), codes('bool', [4], 6)];
    for (const inputs of [
      [p, q],
      [fixed(p), q],
      [fixed(p), fixed(q)],
    ])
      await all(['And', 'Or', 'Xor', 'Equal'].map((operator) => ({ operator, inputs, outputs })));
    await all([
      { operator: 'Not', inputs: [p], outputs },
      { operator: 'Not', inputs: [fixed(p)], outputs },
      { operator: 'Where', inputs: [p, floats([2, 4]), floats([4], 3)] },
      { operator: 'Where', inputs: [fixed(q), floats([2, 4]), fixed(floats([], 3))] },
    ]);
  });

  it('cast', async () => {
    const x = floats([9], 2, -100, 100);
    const cases: [WrittenTensor, number, WrittenType][] = [
      [x, 6, 'int32'],
      [x, 7, 'int64'],
      [x, 9, 'bool'],
      [{ ...x, numbers: [0, 1, -1, 0.4, Number.NaN, 2, 3, 4, 5] }, 9, 'bool'],
      [codes('uint8', [4]), 1, 'float32'],
      [codes('int64', [4]), 1, 'float32'],
      [codes('int64', [4]), 6, 'int32'],
      [codes('bool', [4]), 7, 'int64'],
      [codes('bool', [4]), 1, 'float32'],
      [codes('int8', [4]), 9, 'bool'],
      [{ ...x, type: 'float64' }, 1, 'float32'],
      [x, 11, 'float64'],
    ];
    await all(
      cases.flatMap(([input, to, output]) => {
        const attributes = { to };
        return [
          { operator: 'Cast', inputs: [input], attributes, outputs: [output] },
          { operator: 'Cast', inputs: [fixed(input)], attributes, outputs: [output] },
        ];
      }),
    );
  });
});

/** Window attributes of a random size. */
const windows = fc.record({
  spatial: fc.array(fc.integer({ min: 4, max: 9 }), { minLength: 1, maxLength: 2 }),
  kernel: fc.integer({ min: 1, max: 4 }),
  stride: fc.integer({ min: 1, max: 3 }),
  dilation: fc.integer({ min: 1, max: 2 }),
  pads: fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 4, maxLength: 4 }),
  auto: fc.constantFrom('NOTSET', 'NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'),
  groups: fc.constantFrom(1, 1, 2, 4),
  bias: fc.boolean(),
  seed: fc.nat(1000),
});

type Window = typeof windows extends fc.Arbitrary<infer Value> ? Value : never;

function windowAttributes({
  spatial,
  stride,
  dilation,
  pads,
  auto,
}: Window): Record<string, WrittenAttribute> {
  const rank = spatial.length;
  const each = (value: number) => spatial.map((_, axis) => Math.max(1, value - axis));
  const explicit = auto === 'NOTSET' ? { pads: rank === 1 ? pads.slice(0, 2) : pads } : { auto_pad: auto };
  // ONNX Runtime does not dilate windows whose padding it computes.
  const spread = auto.startsWith('SAME') ? 1 : dilation;
  return { strides: each(stride), dilations: each(spread), ...explicit };
}

describe('windows', () => {
  it('Conv over signals and images, in groups, dilated, padded in every way', async () => {
    await property(
      windows,
      (window) => {
        const { spatial, kernel, groups, bias, seed } = window;
        const taps = spatial.map(() => kernel);
        const outputs = 4;
        // The windows fit: 4 + 4 cells around hold (4 - 1) * 2 + 1 taps only when padded, so small images have small windows.
        const cells = spatial.map((size) => size + (window.dilation === 2 ? 4 : 0));
        const weights = floats([outputs, 4 / groups, ...taps], seed + 1);
        return {
          operator: 'Conv',
          inputs: [
            floats([2, 4, ...cells], seed),
            seed % 2 ? weights : fixed(weights),
            ...(bias ? [floats([outputs], seed + 2)] : []),
          ],
          attributes: { ...windowAttributes(window), group: groups, kernel_shape: taps },
        };
      },
      40,
    );
  });

  it('ConvTranspose with padding of the output', async () => {
    await property(
      windows,
      (window) => {
        const { spatial, kernel, stride, dilation, groups, bias, seed, auto } = window;
        const taps = spatial.map(() => kernel + 1);
        const plain = {
          strides: spatial.map(() => stride),
          dilations: spatial.map(() => dilation),
          group: groups,
        };
        const extra = spatial.map((_, axis) => (seed >> axis) % stride);
        const pads = spatial.length === 1 ? [1, 0] : [1, 0, 0, 1];
        const padding = auto === 'NOTSET' ? { pads, output_padding: extra } : { auto_pad: auto };
        return {
          operator: 'ConvTranspose',
          inputs: [
            floats([1, 4, ...spatial], seed),
            fixed(floats([4, 2, ...taps], seed + 1)),
            ...(bias ? [floats([2 * groups], seed + 2)] : []),
          ],
          attributes: { ...plain, ...(window.dilation === 1 || auto === 'NOTSET' ? padding : { pads }) },
        };
      },
      40,
    );
    const strides = [2, 2];
    await all(
      [
        [7, 8],
        [9, 10],
      ].map((output_shape) => ({
        operator: 'ConvTranspose',
        inputs: [floats([1, 2, 4, 4]), fixed(floats([2, 3, 3, 3], 2))],
        attributes: { strides, output_shape },
      })),
    );
  });

  it('MaxPool and AveragePool, rounding up and counting padding', async () => {
    const poolings = fc.record({
      window: windows,
      average: fc.boolean(),
      ceil: fc.boolean(),
      padded: fc.boolean(),
    });
    await property(
      poolings,
      ({ window, average, ceil, padded }) => {
        const taps = window.spatial.map(() => window.kernel);
        // A padding that is as wide as the window is refused by ONNX Runtime.
        const pads = window.pads.map((pad) => Math.min(pad, window.kernel - 1));
        const stride = window.auto.startsWith('SAME')
          ? Math.min(window.stride, window.kernel)
          : window.stride;
        const { dilations, ...others } = windowAttributes({ ...window, pads, stride });
        const rounding = window.auto === 'NOTSET' && ceil ? { ceil_mode: 1 } : {};
        const attributes = { ...others, kernel_shape: taps, ...rounding };
        const inputs = [floats([2, 3, ...window.spatial.map((size) => size + 3)], window.seed)];
        return average
          ? {
              operator: 'AveragePool',
              inputs,
              attributes: { ...attributes, count_include_pad: padded ? 1 : 0 },
              operatorSet: 19,
            }
          : {
              operator: 'MaxPool',
              inputs,
              attributes: { ...attributes, dilations: dilations! },
              operatorSet: 12,
            };
      },
      80,
    );
    await all(
      ['GlobalAveragePool', 'GlobalMaxPool'].flatMap((operator) =>
        [
          [2, 3, 4, 5],
          [2, 3, 7],
        ].map((shape) => ({ operator, inputs: [floats(shape)] })),
      ),
    );
  });

  it('FusedConv of ONNX Runtime', async () => {
    const inputs = [floats([1, 2, 5, 6]), fixed(floats([3, 2, 3, 3], 2)), fixed(floats([3], 3))];
    const domain = 'com.microsoft';
    const pads = [1, 1, 1, 1];
    await all([
      { operator: 'FusedConv', domain, inputs, attributes: { pads, activation: 'Relu' } },
      {
        operator: 'FusedConv',
        domain,
        inputs,
        attributes: { pads, activation: 'LeakyRelu', activation_params: { floats: [0.2] } },
      },
      {
        operator: 'FusedConv',
        domain,
        inputs,
        attributes: { pads, activation: 'Clip', activation_params: { floats: [-0.1, 0.5] } },
      },
      {
        operator: 'FusedConv',
        domain,
        inputs: [...inputs, floats([1, 3, 5, 6], 7)],
        attributes: { pads, activation: 'Relu' },
      },
    ]);
  });
});

describe('products', () => {
  it('MatMul of vectors, matrices and batches', async () => {
    const shapes = [
      [[4], [4]],
      [[3, 4], [4]],
      [[4], [4, 2]],
      [
        [3, 4],
        [4, 2],
      ],
      [
        [2, 1, 3, 4],
        [5, 4, 2],
      ],
      [
        [2, 3, 4],
        [2, 4, 1],
      ],
    ] as const;
    await all(
      shapes.flatMap(([a, b]) => [
        { operator: 'MatMul', inputs: [floats(a), floats(b, 2)] },
        { operator: 'MatMul', inputs: [floats(a), fixed(floats(b, 2))] },
      ]),
    );
  });

  it('Gemm with every kind of bias', async () => {
    for (const [transA, transB] of [
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
    ] as const) {
      const [a, b] = [floats(transA ? [4, 3] : [3, 4]), floats(transB ? [5, 4] : [4, 5], 2)];
      for (const c of [
        null,
        floats([5], 3),
        floats([1, 5], 3),
        floats([3, 1], 3),
        floats([3, 5], 3),
        floats([], 3),
      ]) {
        const attributes = {
          transA,
          transB,
          alpha: { float: 0.5 },
          beta: { float: c === null ? 1 : c.shape.length || 2 },
        };
        await all([
          { operator: 'Gemm', inputs: [a, fixed(b), ...(c ? [c] : [])], attributes, operatorSet: 11 },
        ]);
      }
    }
    await all([
      {
        operator: 'FusedMatMul',
        domain: 'com.microsoft',
        inputs: [floats([2, 4, 3]), floats([2, 5, 4], 2)],
        attributes: { transA: 1, transB: 1, alpha: { float: 0.25 } },
      },
    ]);
  });

  it('Einsum of products', async () => {
    const sizes: Record<string, number> = { b: 2, i: 3, j: 4, k: 5, h: 2 };
    const equations = [
      'ij,jk->ik',
      'bij,bjk->bik',
      'bij,bkj->bik',
      'bihj,bkhj->bhik',
      'ij->ji',
      'ij->i',
      'i,j->ij',
      'ij,ij->',
      'bij,jk',
      'bi,bi->b',
    ];
    await all(
      equations.map((equation) => {
        const terms = equation.split('->')[0]!.split(',');
        return {
          operator: 'Einsum',
          inputs: terms.map((term, index) =>
            floats(
              [...term].map((letter) => sizes[letter]!),
              index + 1,
            ),
          ),
          attributes: { equation },
        };
      }),
    );
  });

  it('MatMulNBits in 4 and 8 bits', async () => {
    for (const [bits, depth, columns, block, zeros] of [
      [4, 64, 6, 32, false],
      [4, 96, 5, 32, true],
      [4, 40, 3, 16, true],
      [8, 64, 4, 32, true],
    ] as const) {
      const groups = Math.ceil(depth / block);
      const weights = codes('uint8', [columns, groups, (block * bits) / 8], depth);
      const scales = floats([columns * groups], 4, 0.01, 0.1);
      const zeroPoints = codes('uint8', [columns * Math.ceil((groups * bits) / 8)], 5);
      await all([
        {
          operator: 'MatMulNBits',
          domain: 'com.microsoft',
          tolerance: 1e-5,
          inputs: [
            floats([2, 3, depth], 2),
            fixed(weights),
            fixed(scales),
            ...(zeros ? [fixed(zeroPoints)] : []),
          ],
          attributes: { K: depth, N: columns, bits, block_size: block },
        },
      ]);
    }
  });
});

describe('normalisations', () => {
  const positive = (shape: readonly number[], seed: number) => floats(shape, seed, 0.5, 2);

  it('of batches, instances and groups', async () => {
    for (const shape of [
      [3, 4],
      [2, 4, 5],
      [2, 4, 3, 5],
      [1, 4, 2, 3, 2],
    ]) {
      const parameters = [positive([4], 1), floats([4], 2), floats([4], 3), positive([4], 4)];
      const inputs = [floats(shape), ...parameters.map(fixed)];
      await all([
        { operator: 'BatchNormalization', inputs, attributes: { epsilon: { float: 0.01 } } },
        { operator: 'BatchNormalization', inputs: [floats(shape), ...parameters], operatorSet: 9 },
      ]);
      if (shape.length < 3) continue;
      await all([{ operator: 'InstanceNormalization', inputs: [floats(shape), ...parameters.slice(0, 2)] }]);
      await all([
        {
          operator: 'GroupNormalization',
          inputs: [floats(shape), ...parameters.slice(0, 2).map(fixed)],
          attributes: { num_groups: 2 },
          operatorSet: 21,
          tolerance: 1e-5,
        },
      ]);
    }
  });

  it('of layers', async () => {
    const x = floats([2, 3, 8], 5);
    const domain = 'com.microsoft';
    await all([
      { operator: 'LayerNormalization', inputs: [x, fixed(floats([8], 1)), fixed(floats([8], 2))] },
      { operator: 'LayerNormalization', inputs: [x, floats([8], 1)], attributes: { axis: -1 } },
      {
        operator: 'LayerNormalization',
        inputs: [x, floats([3, 8], 1), floats([3, 8], 2)],
        attributes: { axis: 1, epsilon: { float: 0.1 } },
      },
      { operator: 'SimplifiedLayerNormalization', inputs: [x, floats([8], 1)], attributes: { axis: -1 } },
      {
        operator: 'SkipLayerNormalization',
        domain,
        inputs: [x, floats([2, 3, 8], 6), floats([8], 1), floats([8], 2), floats([8], 3)],
        attributes: { epsilon: { float: 1e-12 } },
      },
      { operator: 'SkipLayerNormalization', domain, inputs: [x, floats([2, 3, 8], 6), floats([8], 1)] },
      {
        operator: 'SkipSimplifiedLayerNormalization',
        domain,
        inputs: [x, floats([2, 3, 8], 6), floats([8], 1)],
      },
    ]);
  });

  it('Softmax over one axis, and before version 13 over all from one on', async () => {
    for (const axis of [0, 1, 2, -1]) {
      for (const operator of ['Softmax', 'LogSoftmax'])
        await all(
          [12, 13].map((operatorSet) => ({
            operator,
            inputs: [floats([2, 3, 4])],
            attributes: { axis },
            operatorSet,
          })),
        );
    }
    await all(
      [7, 13].map((operatorSet) => ({ operator: 'Softmax', inputs: [floats([2, 3, 4])], operatorSet })),
    );
  });
});

describe('reductions', () => {
  it('with axes as attribute and as input', async () => {
    const x = floats([2, 3, 4], 3, 0.1, 2);
    const names = [
      'ReduceSum',
      'ReduceMean',
      'ReduceMax',
      'ReduceMin',
      'ReduceL1',
      'ReduceL2',
      'ReduceSumSquare',
      'ReduceLogSum',
      'ReduceLogSumExp',
    ];
    for (const operator of names) {
      for (const axes of [[1], [0, -1], [2, 1]]) {
        await all([
          { operator, inputs: [x], attributes: { axes, keepdims: axes.length - 1 }, operatorSet: 11 },
          {
            operator,
            inputs: [x, integers(...axes)],
            attributes: { keepdims: axes.length - 1 },
            operatorSet: 18,
          },
          { operator, inputs: [fixed(x), integers(...axes)], operatorSet: 18 },
        ]);
      }
      await all([
        { operator, inputs: [x], operatorSet: 18 },
        { operator, inputs: [x], attributes: { noop_with_empty_axes: 0, keepdims: 0 }, operatorSet: 18 },
      ]);
    }
    await all([
      {
        operator: 'ReduceSum',
        inputs: [x, integers()],
        attributes: { noop_with_empty_axes: 1 },
        operatorSet: 13,
      },
      { operator: 'ReduceProd', inputs: [fixed(x)], attributes: { axes: [1] }, operatorSet: 11 },
    ]);
  });

  it('ArgMax and ArgMin', async () => {
    const x: WrittenTensor = { ...codes('int8', [3, 4, 5], 9), type: 'float32' };
    const outputs = ['int64'] as const;
    for (const operator of ['ArgMax', 'ArgMin'])
      await all([
        { operator, inputs: [x], outputs },
        ...[0, 1, -1].map((axis) => ({ operator, inputs: [x], outputs, attributes: { axis, keepdims: 0 } })),
      ]);
  });
});

describe('shapes', () => {
  const x = floats([2, 3, 4]);

  it('Reshape, Flatten, Squeeze, Unsqueeze, Expand, Tile', async () => {
    await all([
      ...[[6, 4], [0, -1], [-1], [2, 0, 2, 2], [1, 2, 3, 4, 1]].map((shape) => ({
        operator: 'Reshape',
        inputs: [x, integers(...shape)],
      })),
      { operator: 'Reshape', inputs: [floats([0, 3]), integers(3, 0)], attributes: { allowzero: 1 } },
      ...[0, 1, 2, 3, -1].map((axis) => ({ operator: 'Flatten', inputs: [x], attributes: { axis } })),
      { operator: 'Squeeze', inputs: [floats([1, 3, 1])], operatorSet: 11 },
      { operator: 'Squeeze', inputs: [floats([1, 3, 1])], attributes: { axes: [-1] }, operatorSet: 11 },
      { operator: 'Squeeze', inputs: [floats([1, 3, 1]), integers(0)], operatorSet: 13 },
      { operator: 'Unsqueeze', inputs: [x], attributes: { axes: [0, 3] }, operatorSet: 11 },
      { operator: 'Unsqueeze', inputs: [x, integers(-1, 1)], operatorSet: 13 },
      { operator: 'Unsqueeze', inputs: [fixed(x), integers(0)], operatorSet: 13 },
      ...[[2, 3, 4], [5, 1, 3, 1], [1]].map((shape) => ({
        operator: 'Expand',
        inputs: [floats([3, 1]), integers(...shape)],
      })),
      { operator: 'Tile', inputs: [x, integers(2, 1, 3)] },
      { operator: 'Tile', inputs: [fixed(x), integers(1, 2, 1)] },
      { operator: 'Shape', inputs: [x], outputs: ['int64'] },
      { operator: 'Shape', inputs: [x], attributes: { start: -2, end: 2 }, outputs: ['int64'] },
      { operator: 'Size', inputs: [x], outputs: ['int64'] },
    ]);
  });

  it('Transpose and Concat', async () => {
    const permutations = [
      [2, 0, 1],
      [0, 2, 1],
      [2, 1, 0],
    ];
    await all([
      { operator: 'Transpose', inputs: [x] },
      ...permutations.flatMap((perm) =>
        [x, fixed(x)].map((input) => ({ operator: 'Transpose', inputs: [input], attributes: { perm } })),
      ),
      ...[0, 1, 2, -1].map((axis) => ({
        operator: 'Concat',
        inputs: [x, fixed(floats([2, 3, 4], 2)), x],
        attributes: { axis },
      })),
      { operator: 'Concat', inputs: [fixed(x), fixed(floats([2, 1, 4], 2))], attributes: { axis: 1 } },
      { operator: 'Concat', inputs: [x], attributes: { axis: 0 } },
    ]);
  });

  it('Split in every form', async () => {
    const y = floats([2, 7]);
    const two = ['float32', 'float32'] as const;
    await all([
      { operator: 'Split', inputs: [floats([4, 3])], outputs: two, operatorSet: 11 },
      {
        operator: 'Split',
        inputs: [y],
        attributes: { axis: 1, split: [3, 4] },
        outputs: two,
        operatorSet: 11,
      },
      {
        operator: 'Split',
        inputs: [y, integers(5, 2)],
        attributes: { axis: -1 },
        outputs: two,
        operatorSet: 13,
      },
      {
        operator: 'Split',
        inputs: [y],
        attributes: { axis: 1, num_outputs: 3 },
        outputs: ['float32', ...two],
        operatorSet: 18,
      },
    ]);
  });

  it('Slice with attributes and with inputs, in any direction', async () => {
    const bound = fc.integer({ min: -8, max: 8 });
    const slices = fc.record({
      start: bound,
      end: fc.oneof(bound, fc.constantFrom(-(2 ** 31), 2 ** 53)),
      step: fc.constantFrom(1, 1, 2, 3, -1, -2),
      axis: fc.integer({ min: -2, max: 1 }),
      known: fc.boolean(),
    });
    await property(
      slices,
      ({ start, end, step, axis, known }) => {
        const input = floats([3, 6]);
        return {
          operator: 'Slice',
          inputs: [
            known ? fixed(input) : input,
            integers(start),
            integers(end),
            integers(axis),
            integers(step),
          ],
        };
      },
      60,
    );
    await all([
      {
        operator: 'Slice',
        inputs: [x],
        attributes: { starts: [0, 1], ends: [1, -1], axes: [0, 2] },
        operatorSet: 9,
      },
      { operator: 'Slice', inputs: [x], attributes: { starts: [1], ends: [100] }, operatorSet: 7 },
      { operator: 'Slice', inputs: [x, integers(1, 1), integers(2, 3)], operatorSet: 10 },
    ]);
  });

  it('Pad in every mode, negative too', async () => {
    const pads = fc.record({
      mode: fc.constantFrom('constant', 'reflect', 'edge'),
      pads: fc.array(fc.integer({ min: -1, max: 2 }), { minLength: 4, maxLength: 4 }),
      value: fc.boolean(),
    });
    await property(
      pads,
      ({ mode, pads: numbers, value }) => {
        // ONNX Runtime mirrors before it cuts: the two together are tested apart.
        const sizes = mode === 'constant' ? numbers : numbers.map(Math.abs);
        return {
          operator: 'Pad',
          inputs: [floats([4, 5]), integers(...sizes), ...(value ? [scalar(2.5)] : [])],
          attributes: { mode },
        };
      },
      30,
    );
    await all([
      {
        operator: 'Pad',
        inputs: [x],
        attributes: { pads: [0, 1, 0, 0, 2, 1], value: { float: 3 } },
        operatorSet: 10,
      },
      {
        operator: 'Pad',
        inputs: [x],
        attributes: { pads: [0, 1, 2, 0, 1, 1], mode: 'reflect' },
        operatorSet: 7,
      },
      { operator: 'Pad', inputs: [x, integers(1, 2), scalar(0), integers(-1)], operatorSet: 18 },
    ]);
  });

  it('Gather and GatherElements', async () => {
    const indices: WrittenTensor = { type: 'int64', shape: [2, 2], numbers: [0, -1, 1, 1] };
    for (const axis of [0, 1, -1])
      await all(
        [
          [x, fixed(indices)],
          [x, indices],
          [fixed(x), fixed(indices)],
        ].map((inputs) => ({ operator: 'Gather', inputs, attributes: { axis } })),
      );
    await all([
      { operator: 'Gather', inputs: [x, scalar(2, 'int64')], attributes: { axis: 1 } },
      { operator: 'GatherElements', inputs: [floats([3, 2]), fixed(indices)], attributes: { axis: 0 } },
      { operator: 'GatherElements', inputs: [floats([2, 3]), fixed(indices)], attributes: { axis: 1 } },
      { operator: 'Trilu', inputs: [fixed(floats([2, 3, 4])), scalar(1, 'int64')], attributes: { upper: 0 } },
      { operator: 'Trilu', inputs: [fixed(floats([3, 4]))] },
    ]);
  });

  it('constants', async () => {
    const tensor: WrittenTensor = { type: 'int64', shape: [1], numbers: [-3] };
    const outputs = ['int64'] as const;
    await all([
      { operator: 'Constant', inputs: [], attributes: { value: { tensor } }, outputs },
      { operator: 'Constant', inputs: [], attributes: { value_ints: [1, -2, 3] }, outputs },
      { operator: 'Constant', inputs: [], attributes: { value_float: { float: 1.5 } } },
      { operator: 'Constant', inputs: [], attributes: { value_floats: { floats: [1.5, 2] } } },
      { operator: 'Constant', inputs: [], attributes: { value_int: -7 }, outputs },
      { operator: 'ConstantOfShape', inputs: [integers(2, 3)] },
      {
        operator: 'ConstantOfShape',
        inputs: [integers(400, 300)],
        attributes: { value: { tensor } },
        outputs,
      },
      { operator: 'Range', inputs: [scalar(2, 'int64'), scalar(11, 'int64'), scalar(3, 'int64')], outputs },
      { operator: 'Range', inputs: [scalar(5), scalar(-1), scalar(-1.5)] },
    ]);
  });

  it('DepthToSpace and SpaceToDepth', async () => {
    await all([
      {
        operator: 'DepthToSpace',
        inputs: [floats([2, 12, 2, 3])],
        attributes: { blocksize: 2, mode: 'DCR' },
      },
      {
        operator: 'DepthToSpace',
        inputs: [floats([2, 12, 2, 3])],
        attributes: { blocksize: 2, mode: 'CRD' },
      },
      {
        operator: 'DepthToSpace',
        inputs: [floats([1, 9, 1, 2])],
        attributes: { blocksize: 3 },
        operatorSet: 9,
      },
      { operator: 'SpaceToDepth', inputs: [floats([2, 3, 4, 6])], attributes: { blocksize: 2 } },
    ]);
  });
});

describe('Resize', () => {
  const modes = ['nearest', 'linear', 'cubic'] as const;
  const transformations = ['half_pixel', 'pytorch_half_pixel', 'asymmetric', 'align_corners'];

  it('by scales and by sizes, in every mode', async () => {
    const resizes = fc.record({
      mode: fc.constantFrom(...modes),
      transformation: fc.constantFrom(...transformations),
      nearest: fc.constantFrom('round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'),
      scales: fc.array(fc.constantFrom(0.5, 0.75, 1, 1.5, 2, 2.6, 3), { minLength: 2, maxLength: 2 }),
      bySize: fc.boolean(),
      seed: fc.nat(100),
    });
    await property(
      resizes,
      ({ mode, transformation, nearest, scales, bySize, seed }) => {
        const [height, width] = [4, 5];
        const sizes = [1, 2, Math.floor(height * scales[0]!), Math.floor(width * scales[1]!)];
        const four: WrittenTensor = { type: 'float32', shape: [4], numbers: [1, 1, ...scales] };
        const attributes = {
          mode,
          coordinate_transformation_mode: transformation,
          ...(mode === 'nearest' ? { nearest_mode: nearest } : {}),
          ...(mode === 'cubic' ? { cubic_coeff_a: { float: -0.5 } } : {}),
        };
        return {
          operator: 'Resize',
          operatorSet: 13,
          attributes,
          tolerance: 2e-6,
          inputs: [
            floats([1, 2, height, width], seed),
            null,
            ...(bySize ? [null, integers(...sizes)] : [fixed(four)]),
          ],
        };
      },
      60,
    );
  });

  it('of older versions, of Upsample, of signals and of channels-last images', async () => {
    const scales = (...numbers: number[]) => fixed({ type: 'float32', shape: [numbers.length], numbers });
    await all([
      {
        operator: 'Upsample',
        inputs: [floats([1, 2, 3, 4])],
        attributes: { scales: { floats: [1, 1, 2, 2] }, mode: 'nearest' },
        operatorSet: 7,
      },
      {
        operator: 'Upsample',
        inputs: [floats([1, 2, 3, 4]), scales(1, 1, 2, 3)],
        attributes: { mode: 'linear' },
        operatorSet: 9,
      },
      {
        operator: 'Resize',
        inputs: [floats([1, 2, 3, 4]), scales(1, 1, 2, 2)],
        attributes: { mode: 'nearest' },
        operatorSet: 10,
      },
      {
        operator: 'Resize',
        inputs: [floats([1, 3, 4, 2]), null, scales(1, 2, 2, 1)],
        attributes: { mode: 'nearest' },
        operatorSet: 13,
      },
      {
        operator: 'Resize',
        inputs: [floats([2, 3, 5]), null, scales(1, 1, 2)],
        attributes: { mode: 'linear' },
        operatorSet: 13,
      },
      {
        operator: 'Resize',
        inputs: [floats([1, 2, 3, 4]), null, null, integers(6, 8)],
        attributes: { mode: 'nearest', axes: [2, 3] },
        operatorSet: 18,
      },
      {
        operator: 'Resize',
        inputs: [floats([3, 4]), null, scales(2, 1.5)],
        attributes: { mode: 'linear' },
        operatorSet: 18,
      },
    ]);
  });
});

describe('recurrent layers', () => {
  it('LSTM and GRU in every direction, with and without states', async () => {
    const layers = fc.record({
      lstm: fc.boolean(),
      direction: fc.constantFrom('forward', 'reverse', 'bidirectional'),
      bias: fc.boolean(),
      state: fc.boolean(),
      before: fc.boolean(),
      lengths: fc.boolean(),
      seed: fc.nat(100),
    });
    const [time, batch, width, hidden] = [4, 2, 3, 5];
    await property(
      layers,
      ({ lstm, direction, bias, state, before, lengths, seed }) => {
        const directions = direction === 'bidirectional' ? 2 : 1;
        const rows = (lstm ? 4 : 3) * hidden;
        const states = lstm ? [1, 2] : [1];
        const same: WrittenTensor = { type: 'int32', shape: [batch], numbers: [time, time] };
        return {
          operator: lstm ? 'LSTM' : 'GRU',
          inputs: [
            floats([time, batch, width], seed),
            fixed(floats([directions, rows, width], seed + 1)),
            fixed(floats([directions, rows, hidden], seed + 2)),
            bias ? fixed(floats([directions, 2 * rows], seed + 3)) : null,
            lengths ? fixed(same) : null,
            ...states.map((each) => (state ? floats([directions, batch, hidden], seed + 3 + each) : null)),
          ],
          outputs: lstm ? ['float32', 'float32', 'float32'] : ['float32', 'float32'],
          attributes: {
            hidden_size: hidden,
            direction,
            ...(lstm ? {} : { linear_before_reset: before ? 1 : 0 }),
          },
          tolerance: 1e-5,
        };
      },
      24,
    );
  });
});

describe('codes', () => {
  const scale = scalar(0.03);

  it('QuantizeLinear and DequantizeLinear, per tensor and per axis', async () => {
    const x = floats([2, 3, 4], 5, -5, 5);
    const scales = fixed(floats([3], 2, 0.01, 0.05));
    for (const type of ['uint8', 'int8'] as const) {
      const zeros = fixed(codes(type, [3], 8));
      await all([
        { operator: 'QuantizeLinear', inputs: [x, scale, scalar(3, type)], outputs: [type], operatorSet: 10 },
        {
          operator: 'QuantizeLinear',
          inputs: [x, scales, zeros],
          attributes: { axis: 1 },
          outputs: [type],
          operatorSet: 13,
        },
        {
          operator: 'DequantizeLinear',
          inputs: [codes(type, [2, 3, 4]), scale, scalar(3, type)],
          operatorSet: 10,
        },
        {
          operator: 'DequantizeLinear',
          inputs: [codes(type, [2, 3, 4]), scales, zeros],
          attributes: { axis: -2 },
          operatorSet: 13,
        },
        { operator: 'DequantizeLinear', inputs: [fixed(codes(type, [2, 3])), scale], operatorSet: 13 },
      ]);
    }
    await all([
      { operator: 'QuantizeLinear', inputs: [x, scale], outputs: ['uint8'], operatorSet: 13 },
      {
        operator: 'DequantizeLinear',
        inputs: [{ ...codes('int8', [4]), type: 'int32' }, scale],
        operatorSet: 13,
      },
      {
        operator: 'DynamicQuantizeLinear',
        inputs: [x],
        outputs: ['uint8', 'float32', 'uint8'],
        operatorSet: 11,
      },
      {
        operator: 'DynamicQuantizeLinear',
        inputs: [floats([9], 2, 1, 5)],
        outputs: ['uint8', 'float32', 'uint8'],
        operatorSet: 11,
      },
      {
        operator: 'DynamicQuantizeLinear',
        inputs: [floats([9], 2, -5, -1)],
        outputs: ['uint8', 'float32', 'uint8'],
        operatorSet: 11,
      },
    ]);
  });

  it('integer products', async () => {
    const outputs = ['int32'] as const;
    await all([
      {
        operator: 'MatMulInteger',
        inputs: [codes('uint8', [3, 8]), codes('int8', [8, 4], 2)],
        outputs,
        operatorSet: 10,
      },
      {
        operator: 'MatMulInteger',
        inputs: [
          codes('uint8', [2, 3, 8]),
          fixed(codes('uint8', [8, 4], 2)),
          scalar(7, 'uint8'),
          scalar(100, 'uint8'),
        ],
        outputs,
        operatorSet: 10,
      },
      {
        operator: 'ConvInteger',
        inputs: [
          codes('uint8', [1, 2, 4, 4]),
          fixed(codes('uint8', [3, 2, 3, 3], 2)),
          scalar(9, 'uint8'),
          scalar(3, 'uint8'),
        ],
        outputs,
        attributes: { pads: [1, 1, 1, 1] },
        operatorSet: 10,
      },
      {
        operator: 'QLinearMatMul',
        inputs: [
          codes('uint8', [3, 8]),
          scale,
          scalar(100, 'uint8'),
          fixed(codes('uint8', [8, 4], 2)),
          scalar(0.02),
          scalar(120, 'uint8'),
          scalar(0.11),
          scalar(128, 'uint8'),
        ],
        outputs: ['uint8'],
        operatorSet: 10,
      },
      {
        operator: 'QLinearConv',
        inputs: [
          codes('uint8', [1, 2, 4, 4]),
          scale,
          scalar(100, 'uint8'),
          fixed(codes('int8', [3, 2, 3, 3], 2)),
          fixed(floats([3], 3, 0.01, 0.02)),
          fixed({ type: 'int8', shape: [3], numbers: [0, 0, 0] }),
          scalar(0.13),
          scalar(128, 'uint8'),
          fixed({ type: 'int32', shape: [3], numbers: [100, -200, 300] }),
        ],
        outputs: ['uint8'],
        attributes: { pads: [1, 1, 1, 1] },
        operatorSet: 10,
      },
    ]);
  });
});

describe('attention', () => {
  const domain = 'com.microsoft';

  it('Attention and MultiHeadAttention of ONNX Runtime', async () => {
    const x = floats([2, 5, 8]);
    const [weights, bias] = [fixed(floats([8, 24], 2)), fixed(floats([24], 3))];
    const seen: WrittenTensor = { type: 'int32', shape: [2, 5], numbers: [1, 1, 1, 0, 0, 1, 1, 1, 1, 1] };
    const parts = [floats([2, 5, 8], 4), floats([2, 6, 8], 5), floats([2, 6, 8], 6)];
    await all([
      { operator: 'Attention', domain, inputs: [x, weights, bias], attributes: { num_heads: 2 } },
      { operator: 'Attention', domain, inputs: [x, weights, bias, seen], attributes: { num_heads: 2 } },
      {
        operator: 'Attention',
        domain,
        inputs: [x, weights, bias],
        attributes: { num_heads: 4, unidirectional: 1, scale: { float: 0.3 } },
      },
      { operator: 'MultiHeadAttention', domain, inputs: parts, attributes: { num_heads: 2 } },
      { operator: 'MultiHeadAttention', domain, inputs: [...parts, bias], attributes: { num_heads: 2 } },
      {
        operator: 'MultiHeadAttention',
        domain,
        inputs: [...parts, null, null, floats([1, 2, 5, 6], 9)],
        attributes: { num_heads: 2 },
      },
    ]);
  });

  it("ONNX's own, with and without heads apart", async () => {
    const operatorSet = 23;
    const flat = [floats([2, 5, 8], 4), floats([2, 5, 4], 5), floats([2, 5, 4], 6)];
    const split = [floats([2, 4, 5, 3], 4), floats([2, 2, 6, 3], 5), floats([2, 2, 6, 3], 6)];
    await all([
      { operator: 'Attention', inputs: flat, attributes: { q_num_heads: 4, kv_num_heads: 2 }, operatorSet },
      {
        operator: 'Attention',
        inputs: flat,
        attributes: { q_num_heads: 4, kv_num_heads: 2, is_causal: 1, scale: { float: 0.7 } },
        operatorSet,
      },
      { operator: 'Attention', inputs: split, operatorSet },
      { operator: 'Attention', inputs: [...split, floats([5, 6], 8)], operatorSet },
      {
        operator: 'Attention',
        inputs: [
          ...split,
          fixed({
            type: 'bool',
            shape: [5, 6],
            numbers: Array.from({ length: 30 }, (_, i) => (i % 4 ? 1 : 0)),
          }),
        ],
        operatorSet,
      },
      { operator: 'RMSNormalization', inputs: [floats([2, 8]), floats([8], 2)], operatorSet },
    ]);
    expect(split).toHaveLength(3);
  });
});
