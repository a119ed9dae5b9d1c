import fc from 'fast-check';
import { describe, it } from 'vitest';
import { all, codes, fixed, floats, property, scalar } from './onnx-cases.ts';
import type { WrittenTensor } from './onnx-writer.ts';

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
        {
          operator: 'GroupNormalization',
          inputs: [floats(shape), fixed(positive([2], 1)), floats([2], 2)],
          attributes: { num_groups: 2 },
          operatorSet: 18,
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
  });
});
