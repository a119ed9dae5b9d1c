import type { Operator, OperatorOf } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ValueData } from '../src/graph/operators/operator-definition.ts';
import type { OnnxAttribute } from '../src/ort/onnx-file.ts';
import { evaluate, expectClose, floats, integers, runOnnxOperator, value } from './operator-cases.ts';

/** Runs one operator here and in ONNX Runtime and compares all outputs. */
async function compare(
  operator: Operator,
  inputs: readonly (ValueData | null)[],
  node: { operator: string; attributes?: Record<string, OnnxAttribute>; domain?: string },
  tolerance: number,
  onnxInputs = inputs,
): Promise<void> {
  const actual = evaluate(operator, ...inputs);
  const expected = await runOnnxOperator(node, onnxInputs, actual);
  for (const [i, each] of actual.entries()) expectClose(each, expected[i]!, tolerance);
}

const PARAMETERS = { seed: 20250, numRuns: 12 };

/** Images of ONNX are channels-first. */
function channelsFirst(images: ValueData): ValueData {
  return evaluate({ kind: 'transpose', permutation: [0, 3, 1, 2] }, images)[0]!;
}

describe('recurrent layers', () => {
  // Gates of up to 40 products of numbers below 1 in float32: 40 * 40 * 2^-24 = 1e-4 at the very worst, before a sigmoid of slope 1/4.
  const TOLERANCE = 2e-5;

  it.each(['lstm', 'gru'] as const)('compute what ONNX Runtime computes: %s', async (cell) => {
    const sizes = fc.record({
      time: fc.integer({ min: 1, max: 5 }),
      batch: fc.integer({ min: 1, max: 3 }),
      input: fc.integer({ min: 1, max: 9 }),
      hidden: fc.integer({ min: 1, max: 9 }),
      direction: fc.constantFrom('forward', 'reverse', 'bidirectional' as const),
      linear: fc.boolean(),
      bias: fc.boolean(),
      states: fc.boolean(),
      seed: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(
        sizes,
        async ({ time, batch, input, hidden, direction, linear, bias, states, seed }) => {
          const directions = direction === 'bidirectional' ? 2 : 1;
          const gates = cell === 'lstm' ? 4 : 3;
          const inputs = [
            floats(seed, time, batch, input),
            floats(seed + 1, directions, gates * hidden, input),
            floats(seed + 2, directions, gates * hidden, hidden),
            bias ? floats(seed + 3, directions, 2 * gates * hidden) : null,
            null,
            states ? floats(seed + 4, directions, batch, hidden) : null,
            ...(cell === 'lstm' ? [states ? floats(seed + 5, directions, batch, hidden) : null] : []),
          ];
          const attributes: Record<string, OnnxAttribute> = {
            hidden_size: hidden,
            direction: { text: direction },
          };
          if (cell === 'gru') attributes.linear_before_reset = linear ? 1 : 0;
          const operator = {
            kind: 'recurrent',
            cell,
            direction,
            hiddenSize: hidden,
            linearBeforeReset: linear,
          } as const;
          await compare(operator, inputs, { operator: cell.toUpperCase(), attributes }, TOLERANCE);
        },
      ),
      PARAMETERS,
    );
  });
});

describe('resize', () => {
  const COORDINATES = {
    'half-pixel': 'half_pixel',
    'pytorch-half-pixel': 'pytorch_half_pixel',
    asymmetric: 'asymmetric',
    'align-corners': 'align_corners',
    'half-pixel-symmetric': 'half_pixel_symmetric',
  } as const;

  it.each(Object.keys(COORDINATES) as (keyof typeof COORDINATES)[])(
    'finds the cells that ONNX Runtime finds: %s',
    async (coordinates) => {
      const cases = fc.record({
        height: fc.integer({ min: 1, max: 7 }),
        width: fc.integer({ min: 1, max: 7 }),
        scales: fc.tuple(fc.constantFrom(0.5, 0.6, 1, 1.5, 2, 2.7, 3), fc.constantFrom(0.5, 0.7, 1, 2, 3.3)),
        nearest: fc.constantFrom('round-prefer-floor', 'round-prefer-ceil', 'floor', 'ceil' as const),
        mode: fc.constantFrom('nearest', 'linear', 'cubic' as const),
        cubic: fc.constantFrom(-0.75, -0.5),
        seed: fc.nat(),
      });
      await fc.assert(
        fc.asyncProperty(cases, async ({ height, width, scales, nearest, mode, cubic, seed }) => {
          const size = [Math.floor(height * scales[0]), Math.floor(width * scales[1])] as const;
          fc.pre(size[0] > 0 && size[1] > 0);
          const images = floats(seed, 1, height, width, 2);
          const operator: OperatorOf<'resize'> = {
            kind: 'resize',
            size,
            scales,
            mode,
            coordinates,
            nearest,
            cubicCoefficient: cubic,
          };
          const [actual] = evaluate(operator, images);
          const attributes = {
            mode: { text: mode },
            coordinate_transformation_mode: { text: COORDINATES[coordinates] },
            nearest_mode: { text: nearest.replaceAll('-', '_') },
            cubic_coeff_a: { float: cubic },
          };
          const inputs = [channelsFirst(images), null, value('float32', [4], [1, 1, ...scales])];
          const [expected] = await runOnnxOperator({ operator: 'Resize', attributes }, inputs, [
            channelsFirst(actual!),
          ]);
          // Sixteen products with coordinates that are exact to 2^-22 of at most 21 cells.
          expectClose(channelsFirst(actual!), expected!, mode === 'nearest' ? 0 : 2e-5);
        }),
        { ...PARAMETERS, numRuns: 40 },
      );
    },
  );
});

describe('quantisation', () => {
  it.each(['int8', 'uint8'] as const)('rounds halves to even and saturates: %s', async (dtype) => {
    const x = value('float32', [10], [-1000, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.49, 1000, -0.3]);
    const zero = value(dtype, [], [3]);
    const inputs = [x, value('float32', [], [1]), zero];
    await compare({ kind: 'quantize', axis: null, dtype }, inputs, { operator: 'QuantizeLinear' }, 0);
    const [codes] = evaluate({ kind: 'quantize', axis: null, dtype }, ...inputs);
    expect([...codes!.data].slice(1, 7)).toEqual(
      [-2, -2, 0, 0, 2, 2].map((code) => (dtype === 'uint8' ? Math.max(code + 3, 0) : code + 3)),
    );
  });

  it('takes one scale and zero point per index of an axis', async () => {
    const x = floats(1, 3, 4, 2);
    const scale = value('float32', [4], [0.01, 0.02, 0.003, 0.5]);
    const zero = value('uint8', [4], [0, 128, 255, 7]);
    const attributes = { axis: 1 };
    await compare(
      { kind: 'quantize', axis: 1, dtype: 'uint8' },
      [x, scale, zero],
      { operator: 'QuantizeLinear', attributes },
      0,
    );
    for (const zeroPoint of [zero, null]) {
      const codes = integers(2, 'uint8', [0, 256], 3, 4, 2);
      const node = { operator: 'DequantizeLinear', attributes };
      await compare({ kind: 'dequantize', axis: 1 }, [codes, scale, zeroPoint], node, 0);
    }
  });
});

describe('products with weights in groups', () => {
  it.each([
    { bits: 4, zeros: true, k: 64 },
    { bits: 4, zeros: false, k: 80 },
    { bits: 8, zeros: true, k: 70 },
  ] as const)(
    'decode as MatMulNBits: $bits bits, zero points $zeros, $k terms',
    async ({ bits, zeros, k }) => {
      const [groupSize, columns] = [32, 5];
      const groups = Math.ceil(k / groupSize);
      const codes = integers(1, 'uint8', [0, 256], columns, groups, (groupSize * bits) / 8);
      const scales = floats(2, columns, groups);
      const points = zeros ? integers(3, 'uint8', [0, 256], columns, Math.ceil((groups * bits) / 8)) : null;
      const a = floats(4, 2, 3, k);
      const operator = { kind: 'grouped-matmul', bits, groupSize, columns, activation: null } as const;
      const attributes = { K: k, N: columns, bits, block_size: groupSize };
      const node = { operator: 'MatMulNBits', domain: 'com.microsoft', attributes };
      const flat = (each: ValueData | null) => each && { ...each, shape: [each.data.length] };
      // Weights reach 15 or 255; errors of k products of that size in float32.
      const tolerance = k * k * 2 ** bits * 2 ** -24;
      await compare(operator, [a, codes, scales, points], node, tolerance, [
        a,
        codes,
        flat(scales),
        flat(points),
      ]);
    },
  );
});

describe('attention', () => {
  it.each([
    { heads: 4, keyHeads: 4, causal: false },
    { heads: 4, keyHeads: 2, causal: false },
    { heads: 3, keyHeads: 1, causal: true },
  ])('computes the chain of products: %o', async ({ heads, keyHeads, causal }) => {
    const [tokens, keys, size] = [6, causal ? 6 : 9, 5];
    const inputs = [
      floats(1, 2, tokens, heads * size),
      floats(2, 2, keys, keyHeads * size),
      floats(3, 2, keys, keyHeads * 3),
    ];
    const mask = floats(4, 2, 1, 1, keys);
    const operator = { kind: 'attention', heads, keyHeads, scale: 0.3, causal } as const;
    const [actual] = evaluate(operator, ...inputs, mask);
    const expected = attentionChain(operator, inputs, mask);
    expectClose(actual!, expected, 1e-6);
  });

  it('is what ONNX Runtime computes with several heads', async () => {
    const inputs = [floats(1, 2, 5, 24), floats(2, 2, 7, 24), floats(3, 2, 7, 24)];
    const operator = { kind: 'attention', heads: 3, keyHeads: 3, scale: 0.25, causal: false } as const;
    const attributes = { num_heads: 3, scale: { float: 0.25 } };
    const node = { operator: 'MultiHeadAttention', domain: 'com.microsoft', attributes };
    await compare(operator, inputs, node, 1e-6);
  });
});

/** The same from matrix products, a softmax and transpositions of this package, which are tested on their own. */
function attentionChain(
  { heads, keyHeads, scale, causal }: OperatorOf<'attention'>,
  [q, k, v]: readonly ValueData[],
  mask: ValueData,
): ValueData {
  const split = ({ shape, dtype, data }: ValueData, count: number) => {
    const parts = { dtype, data, shape: [shape[0]!, shape[1]!, count, shape[2]! / count] };
    const [moved] = evaluate({ kind: 'transpose', permutation: [0, 2, 1, 3] }, parts);
    const indices = value(
      'int32',
      [heads],
      Array.from({ length: heads }, (_, i) => Math.floor((i * count) / heads)),
    );
    return evaluate({ kind: 'gather', axis: 1 }, moved!, indices)[0]!;
  };
  const product = { kind: 'matmul', transposeA: false, alpha: 1, activation: null } as const;
  const [scores] = evaluate(
    { ...product, transposeB: true, alpha: scale },
    split(q!, heads),
    split(k!, keyHeads),
  );
  const sum = { operation: 'add', a: { input: 0 }, b: { input: 1 } } as const;
  let [masked] = evaluate({ kind: 'pointwise', expression: sum }, scores!, mask);
  if (causal) {
    const [, , rows, columns] = masked!.shape as [number, number, number, number];
    const triangle = Array.from({ length: rows * columns }, (_, i) => {
      return i % columns > Math.floor(i / columns) ? Number.NEGATIVE_INFINITY : 0;
    });
    [masked] = evaluate(
      { kind: 'pointwise', expression: sum },
      masked!,
      value('float32', [rows, columns], triangle),
    );
  }
  const [shares] = evaluate({ kind: 'softmax', log: false }, masked!);
  const [mixed] = evaluate({ ...product, transposeB: false }, shares!, split(v!, keyHeads));
  const [back] = evaluate({ kind: 'transpose', permutation: [0, 2, 1, 3] }, mixed!);
  const [batch, tokens, , size] = back!.shape as [number, number, number, number];
  return { ...back!, shape: [batch, tokens, heads * size] };
}

describe('moves', () => {
  it.each(['constant', 'reflect', 'edge'] as const)('pad as ONNX Runtime does: %s', async (mode) => {
    const x = floats(1, 3, 1, 4);
    const [before, after] = [
      [1, 0, 3],
      [2, 0, 1],
    ];
    const pads = { ...value('int32', [6], [...before, ...after]) };
    const operator = { kind: 'pad', before, after, mode, value: mode === 'constant' ? 2.5 : 0 } as const;
    const [actual] = evaluate(operator, x);
    // ONNX takes the amounts as a 64-bit tensor, here made by a cast in its own graph.
    const expected = await runPad(x, pads, mode, actual!);
    expectClose(actual!, expected, 0);
  });

  it('gather with indices from the end', async () => {
    const data = floats(1, 4, 5, 3);
    const indices = value('int32', [2, 2], [0, -1, 3, -5]);
    await compare(
      { kind: 'gather', axis: 1 },
      [data, indices],
      { operator: 'Gather', attributes: { axis: 1 } },
      0,
    );
    expect(() => evaluate({ kind: 'gather', axis: 1 }, data, value('int32', [1], [-6]))).toThrow(
      /out of range/,
    );
    expect(() => evaluate({ kind: 'gather', axis: 1 }, data, value('int32', [1], [5]))).toThrow(
      /out of range/,
    );
  });

  it('find the first of equal extrema', async () => {
    const x = value('float32', [2, 3], [1, 3, 3, -1, -1, -2]);
    for (const [operation, operator] of [
      ['maximum', 'ArgMax'],
      ['minimum', 'ArgMin'],
    ] as const) {
      const [actual] = evaluate({ kind: 'arg-extremum', operation, axis: 1, keepAxis: true }, x);
      expect([...actual!.data]).toEqual(operator === 'ArgMax' ? [1, 0] : [0, 2]);
    }
  });
});

async function runPad(x: ValueData, pads: ValueData, mode: string, like: ValueData): Promise<ValueData> {
  const { encodeOnnxFile } = await import('../src/ort/onnx-file.ts');
  const { runOnnx } = await import('./operator-cases.ts');
  const file = encodeOnnxFile(
    {
      name: 'pad',
      nodes: [
        {
          operator: 'Pad',
          inputs: ['x', 'pads', ...(mode === 'constant' ? ['value'] : [])],
          output: 'y',
          attributes: { mode: { text: mode } },
        },
      ],
      tensors: [
        { name: 'pads', type: 'int64', shape: [6], data: BigInt64Array.from(pads.data, BigInt) },
        { name: 'value', type: 'float32', shape: [], data: Float32Array.of(2.5) },
      ],
      inputs: [{ name: 'x', type: 'float32', shape: x.shape }],
      outputs: [{ name: 'y', type: 'float32', shape: like.shape }],
    },
    18,
  );
  return (await runOnnx(file, { x })).y!;
}

describe('transposed convolutions', () => {
  it('are what ONNX Runtime computes, with groups, dilations and output padding', async () => {
    const cases = fc.record({
      channels: fc.constantFrom(1, 2, 3),
      wide: fc.constantFrom(1, 2),
      groups: fc.constantFrom(1, 2),
      taps: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
      strides: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 2, max: 3 })),
      dilation: fc.constantFrom(1, 2),
      pad: fc.constantFrom(0, 1),
      extra: fc.constantFrom(0, 1),
      seed: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(
        cases,
        async ({ channels, wide, groups, taps, strides, dilation, pad, extra, seed }) => {
          const operator: OperatorOf<'transposed-convolution'> = {
            kind: 'transposed-convolution',
            window: { size: taps, strides, dilations: [dilation, 1], padding: [pad, 0, 0, pad] },
            groups,
            outputPadding: [0, extra],
            activation: null,
          };
          const images = floats(seed, 2, 4, 3, channels * groups);
          const weights = floats(seed + 1, ...taps, wide, channels * groups);
          const bias = floats(seed + 2, wide * groups);
          const [actual] = evaluate(operator, images, weights, bias);
          const attributes = {
            group: groups,
            strides: [...strides],
            dilations: [dilation, 1],
            pads: [pad, 0, 0, pad],
            output_padding: [0, extra],
          };
          const [kernel] = evaluate({ kind: 'transpose', permutation: [3, 2, 0, 1] }, weights);
          const expected = channelsFirst(actual!);
          const node = { operator: 'ConvTranspose', attributes };
          const [output] = await runOnnxOperator(node, [channelsFirst(images), kernel!, bias], [expected]);
          expectClose(expected, output!, 1e-5);
        },
      ),
      { ...PARAMETERS, numRuns: 25 },
    );
  });
});
