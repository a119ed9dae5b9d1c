import { describe, it } from 'vitest';
import { all, codes, fixed, floats, integers, scalar } from './onnx-cases.ts';
import type { WrittenTensor, WrittenType } from './onnx-writer.ts';

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
