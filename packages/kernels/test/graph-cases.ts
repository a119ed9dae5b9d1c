import type { Operator, OperatorModel, PointwiseExpression, ValueSpec, WindowSpec } from '@qedge/core';
import { elementCount, Random } from '@qedge/core';
import { GraphBuilder } from '../src/graph/graph-builder.ts';
import type { ValueData } from '../src/graph/operators/operator-definition.ts';

/** An operand of a case: an input of the graph, or a constant. */
export interface CaseOperand {
  readonly shape: readonly number[];
  readonly constant?: boolean;
  /** From 0.01 to 0.02, as scales are. */
  readonly positive?: boolean;
  /** Default float32, uniform in -1..1; integers are uniform in this range. */
  readonly integers?: {
    readonly dtype: 'int32' | 'int8' | 'uint8';
    readonly from: number;
    readonly to: number;
  };
}

/** One node with its operands. */
export interface GraphCase {
  readonly name: string;
  readonly operator: Operator;
  readonly operands: readonly (CaseOperand | null)[];
}

const x = (...shape: number[]): CaseOperand => ({ shape });
const step = (...shape: number[]): CaseOperand => ({ shape, constant: true, positive: true });
const byte = (dtype: 'int8' | 'uint8', ...shape: number[]): CaseOperand => {
  return { shape, constant: true, integers: { dtype, from: 1, to: 9 } };
};
const w = (...shape: number[]): CaseOperand => ({ shape, constant: true });

function window(overrides: Partial<WindowSpec> = {}): WindowSpec {
  return { size: [3, 3], strides: [1, 1], dilations: [1, 1], padding: [1, 1, 1, 1], ...overrides };
}

const matmul = (overrides: object = {}): Operator => {
  return { kind: 'matmul', transposeA: false, transposeB: false, alpha: 1, activation: null, ...overrides };
};
const convolution = (overrides: object = {}): Operator => {
  return { kind: 'convolution', window: window(), groups: 1, activation: null, ...overrides } as Operator;
};
const transposed = (overrides: object = {}): Operator => {
  const defaults = { window: window(), groups: 1, outputPadding: [0, 0] as const, activation: null };
  return { kind: 'transposed-convolution', ...defaults, ...overrides };
};
const recurrent = (overrides: object = {}): Operator => {
  const defaults = { cell: 'lstm', direction: 'forward', hiddenSize: 5, linearBeforeReset: false };
  return { kind: 'recurrent', ...defaults, ...overrides } as Operator;
};
const pointwise = (expression: PointwiseExpression): Operator => ({ kind: 'pointwise', expression });
const [a, b] = [{ input: 0 }, { input: 1 }] as const;
const sum = (...parts: PointwiseExpression[]): PointwiseExpression => {
  return parts.reduce((left, right) => ({ operation: 'add', a: left, b: right }));
};

/** Every kind of node, with the shapes and options that its kernels treat differently. */
export const GRAPH_CASES: readonly GraphCase[] = [
  { name: 'matmul', operator: matmul(), operands: [x(3, 7), w(7, 10), w(10)] },
  { name: 'matmul of one row', operator: matmul({ alpha: 0.5 }), operands: [x(1, 33), w(33, 18)] },
  { name: 'matmul transposed', operator: matmul({ transposeB: true }), operands: [x(2, 3, 7), w(10, 7)] },
  {
    name: 'matmul both transposed',
    operator: matmul({ transposeA: true, transposeB: true }),
    operands: [x(7, 3), x(5, 7)],
  },
  { name: 'matmul of computed values', operator: matmul(), operands: [x(2, 3, 4, 5), x(2, 1, 5, 6)] },
  { name: 'matmul that broadcasts', operator: matmul(), operands: [x(3, 4, 5), x(2, 1, 5, 6)] },
  {
    name: 'matmul with an activation that is not fused',
    operator: matmul({ activation: { kind: 'softplus' } }),
    operands: [x(3, 7), w(7, 10), w(10)],
  },
  {
    name: 'matmul with gelu',
    operator: matmul({ activation: { kind: 'gelu' } }),
    operands: [x(3, 7), w(7, 10)],
  },
  { name: 'convolution', operator: convolution(), operands: [x(2, 7, 6, 3), w(3, 3, 3, 17), w(17)] },
  {
    name: 'convolution with steps and a residual',
    operator: convolution({ window: window({ strides: [2, 2] }), activation: { kind: 'relu' } }),
    operands: [x(1, 9, 8, 4), w(3, 3, 4, 8), w(8), x(1, 5, 4, 8)],
  },
  {
    name: 'convolution in groups',
    operator: convolution({ groups: 2, window: window({ dilations: [2, 1], padding: [2, 1, 2, 0] }) }),
    operands: [x(1, 7, 6, 4), w(3, 3, 2, 6)],
  },
  {
    name: 'pointwise convolution',
    operator: convolution({ window: window({ size: [1, 1], padding: [0, 0, 0, 0] }) }),
    operands: [x(1, 5, 4, 9), w(1, 1, 9, 20), w(20)],
  },
  {
    name: 'depthwise convolution',
    operator: convolution({ groups: 6, activation: { kind: 'leaky-relu', alpha: 0.1 } }),
    operands: [x(1, 5, 4, 6), w(3, 3, 1, 6), w(6)],
  },
  {
    name: 'convolution with few outputs, whose function follows',
    operator: convolution({ window: window({ strides: [2, 2] }), activation: { kind: 'sigmoid' } }),
    operands: [x(1, 7, 6, 3), w(3, 3, 3, 3), w(3)],
  },
  {
    name: 'depthwise convolution with a multiplier',
    operator: convolution({ groups: 3 }),
    operands: [x(1, 5, 4, 3), w(3, 3, 1, 6), w(6)],
  },
  {
    name: 'convolution whose weights are computed',
    operator: convolution({ window: window({ strides: [2, 1], padding: [1, 0, 2, 1] }) }),
    operands: [x(2, 7, 6, 3), x(3, 3, 3, 17)],
  },
  {
    name: 'convolution in groups whose weights are computed',
    operator: convolution({
      groups: 2,
      window: window({ dilations: [2, 1], padding: [2, 1, 2, 0] }),
      activation: { kind: 'hard-swish' },
    }),
    operands: [x(1, 6, 5, 4), x(3, 3, 2, 6), x(6), x(1, 6, 4, 6)],
  },
  {
    name: 'depthwise convolution whose weights are computed',
    operator: convolution({ groups: 3, window: window({ padding: [0, 0, 0, 0] }) }),
    operands: [x(1, 5, 4, 3), x(3, 3, 1, 6), w(6)],
  },
  {
    name: 'pointwise convolution whose weights are computed',
    operator: convolution({ window: window({ size: [1, 1], padding: [0, 0, 0, 0] }) }),
    operands: [x(2, 4, 3, 5), x(1, 1, 5, 7), w(7)],
  },
  {
    name: 'convolution whose bias is computed',
    operator: convolution({ activation: { kind: 'sigmoid' } }),
    operands: [x(1, 5, 5, 2), w(3, 3, 2, 9), x(9), x(1, 5, 5, 9)],
  },
  {
    name: 'pointwise convolution whose bias is computed',
    operator: convolution({ window: window({ size: [1, 1], padding: [0, 0, 0, 0] }) }),
    operands: [x(2, 4, 3, 5), w(1, 1, 5, 7), x(7)],
  },
  {
    name: 'transposed convolution that tiles',
    operator: transposed({
      window: window({ size: [2, 2], strides: [2, 2], padding: [0, 0, 0, 0] }),
      activation: { kind: 'relu' },
    }),
    operands: [x(2, 3, 4, 5), w(2, 2, 6, 5), w(6)],
  },
  {
    name: 'transposed convolution that tiles with few outputs',
    operator: transposed({
      window: window({ size: [2, 2], strides: [2, 2], padding: [0, 0, 0, 0] }),
      activation: { kind: 'sigmoid' },
    }),
    operands: [x(2, 3, 5, 7), w(2, 2, 1, 7), w(1)],
  },
  {
    name: 'transposed convolution',
    operator: transposed({ window: window({ strides: [2, 2] }), outputPadding: [1, 0] }),
    operands: [x(1, 3, 4, 5), w(3, 3, 6, 5), w(6)],
  },
  {
    name: 'transposed convolution in groups with much padding',
    operator: transposed({
      groups: 2,
      window: window({ size: [2, 3], strides: [2, 1], padding: [2, 1, 0, 1] }),
    }),
    operands: [x(1, 4, 4, 4), w(2, 3, 3, 4)],
  },
  {
    name: 'max pooling',
    operator: { kind: 'pooling', operation: 'max', window: window({ strides: [2, 2] }) },
    operands: [x(1, 7, 6, 5)],
  },
  {
    name: 'average pooling',
    operator: { kind: 'pooling', operation: 'average', window: window() },
    operands: [x(1, 4, 6, 5)],
  },
  {
    name: 'channel scale',
    operator: { kind: 'channel-scale', activation: { kind: 'relu' } },
    operands: [x(3, 4, 5), w(5), w(5)],
  },
  {
    name: 'layer normalisation',
    operator: { kind: 'layer-normalization', epsilon: 1e-5 },
    operands: [x(3, 19), w(19), w(19)],
  },
  {
    name: 'layer normalisation without beta',
    operator: { kind: 'layer-normalization', epsilon: 1e-5 },
    operands: [x(3, 19), w(19), null],
  },
  {
    name: 'layer normalisation without parameters',
    operator: { kind: 'layer-normalization', epsilon: 1e-5 },
    operands: [x(3, 19), null, null],
  },
  { name: 'addition', operator: pointwise(sum(a, b)), operands: [x(2, 3, 4), x(2, 3, 4)] },
  { name: 'addition of a column', operator: pointwise(sum(a, b)), operands: [x(2, 3, 4), x(3, 1)] },
  {
    name: 'multiplication by channels',
    operator: pointwise({ operation: 'multiply', a, b }),
    operands: [x(2, 3, 4, 5), x(2, 1, 1, 5)],
  },
  { name: 'outer sum', operator: pointwise(sum(a, b)), operands: [x(2, 1, 4, 1), x(1, 3, 1, 5)] },
  {
    name: 'function of a number',
    operator: pointwise({ apply: { kind: 'silu' }, to: sum(a, { constant: 1 }) }),
    operands: [x()],
  },
  {
    name: 'sum of six',
    operator: pointwise(sum(...[0, 1, 2, 3, 4, 5].map((input) => ({ input })))),
    operands: [x(2, 3), x(3), x(2, 1), x(1), w(2, 3), x(2, 3)],
  },
  {
    name: 'selection',
    operator: pointwise({ condition: { operation: 'less', a, b }, a, b: { constant: -1 } }),
    operands: [x(5, 5), x(5)],
  },
  { name: 'softmax', operator: { kind: 'softmax', log: false }, operands: [x(4, 21)] },
  ...(['sum', 'mean', 'maximum', 'minimum'] as const).map((operation): GraphCase => {
    const operator = { kind: 'reduction', operation, axes: [1], keepAxes: false } as const;
    return { name: `${operation} of nothing`, operator, operands: [x(3, 0, 2)] };
  }),
  { name: 'logarithm of softmax', operator: { kind: 'softmax', log: true }, operands: [x(4, 21)] },
  ...(['sum', 'mean', 'maximum', 'minimum'] as const).flatMap((operation): GraphCase[] =>
    [[2], [1], [0, 2], [1, 2, 3], [0]].map((axes) => ({
      name: `${operation} over ${axes}`,
      operator: { kind: 'reduction', operation, axes, keepAxes: axes.length === 1 },
      operands: [x(2, 3, 5, 4)],
    })),
  ),
  {
    name: 'transpose',
    operator: { kind: 'transpose', permutation: [0, 3, 1, 2] },
    operands: [x(2, 3, 4, 5)],
  },
  { name: 'reshape', operator: { kind: 'reshape', shape: [6, 4] }, operands: [x(2, 3, 4)] },
  {
    name: 'concatenation',
    operator: { kind: 'concatenate', axis: 1 },
    operands: [x(2, 3, 4), w(2, 1, 4), x(2, 2, 4)],
  },
  {
    name: 'concatenation of outermost parts',
    operator: { kind: 'concatenate', axis: 0 },
    operands: [x(2, 4), x(1, 4)],
  },
  {
    name: 'slice backwards',
    operator: { kind: 'slice', starts: [0, 4], steps: [1, -2], sizes: [2, 3] },
    operands: [x(3, 5)],
  },
  {
    name: 'slice of bytes',
    operator: { kind: 'slice', starts: [1, 1], steps: [1, 2], sizes: [2, 2] },
    operands: [{ shape: [3, 5], integers: { dtype: 'uint8', from: 0, to: 255 } }],
  },
  ...(['constant', 'reflect', 'edge'] as const).map(
    (mode): GraphCase => ({
      name: `padding with ${mode}`,
      operator: {
        kind: 'pad',
        before: [0, 2, 1],
        after: [1, 0, 2].map((cells, axis) => (axis === 0 && mode === 'reflect' ? 0 : cells)),
        mode,
        value: 0.5,
      },
      operands: [x(2, 3, 4)],
    }),
  ),
  { name: 'expansion', operator: { kind: 'expand', shape: [2, 3, 4] }, operands: [x(3, 1)] },
  ...(['forward', 'reverse', 'bidirectional'] as const).flatMap((direction): GraphCase[] => {
    const d = direction === 'bidirectional' ? 2 : 1;
    return [
      {
        name: `LSTM ${direction}`,
        operator: recurrent({ direction }),
        operands: [x(4, 2, 3), w(d, 20, 3), w(d, 20, 5), w(d, 40), null, x(d, 2, 5), x(d, 2, 5)],
      },
      {
        name: `GRU ${direction}`,
        operator: recurrent({ cell: 'gru', direction }),
        operands: [x(4, 2, 3), w(d, 15, 3), w(d, 15, 5), w(d, 30), null, x(d, 2, 5)],
      },
      {
        name: `GRU with late reset ${direction}`,
        operator: recurrent({ cell: 'gru', direction, linearBeforeReset: true }),
        operands: [x(4, 2, 3), w(d, 15, 3), w(d, 15, 5), w(d, 30), null, null],
      },
    ];
  }),
  ...(['lstm', 'gru'] as const).map((cell): GraphCase => {
    const rows = cell === 'lstm' ? 20 : 15;
    return {
      name: `${cell.toUpperCase()} whose biases are given at run time`,
      operator: recurrent({ cell, direction: 'bidirectional', linearBeforeReset: true }),
      operands: [x(3, 2, 6), w(2, rows, 6), w(2, rows, 5), x(2, 2 * rows)],
    };
  }),
  {
    name: 'LSTM without anything',
    operator: recurrent(),
    operands: [x(3, 1, 3), w(1, 20, 3), w(1, 20, 5), null, null, null, null],
  },
  {
    name: 'attention',
    operator: { kind: 'attention', heads: 4, keyHeads: 4, scale: 0.5, causal: false },
    operands: [x(2, 6, 12), x(2, 7, 12), x(2, 7, 20)],
  },
  {
    name: 'attention with a mask',
    operator: { kind: 'attention', heads: 4, keyHeads: 2, scale: 0.5, causal: false },
    operands: [x(2, 6, 12), x(2, 7, 6), x(2, 7, 10), x(2, 1, 1, 7)],
  },
  {
    name: 'causal attention',
    operator: { kind: 'attention', heads: 2, keyHeads: 2, scale: 0.5, causal: true },
    operands: [x(1, 6, 6), x(1, 6, 6), x(1, 6, 8)],
  },
  {
    name: 'gather of known rows',
    operator: { kind: 'gather', axis: 1 },
    operands: [x(2, 5, 3), { shape: [2], constant: true, integers: { dtype: 'int32', from: -5, to: 4 } }],
  },
  {
    name: 'gather of many known rows',
    operator: { kind: 'gather', axis: 0 },
    operands: [w(5, 3), { shape: [4, 9], constant: true, integers: { dtype: 'int32', from: -5, to: 4 } }],
  },
  {
    name: 'gather of rows that are given',
    operator: { kind: 'gather', axis: 1 },
    operands: [x(2, 5, 3), { shape: [7], integers: { dtype: 'int32', from: -5, to: 4 } }],
  },
  ...([0, 1, 2] as const).map(
    (axis): GraphCase => ({
      name: `arg-extremum along ${axis}`,
      operator: { kind: 'arg-extremum', operation: 'maximum', axis, keepAxis: axis === 1 },
      operands: [x(3, 5, 4)],
    }),
  ),
  ...(['nearest', 'linear', 'cubic'] as const).map(
    (mode): GraphCase => ({
      name: `resize ${mode}`,
      operator: {
        kind: 'resize',
        size: [7, 6],
        scales: [7 / 4, 2],
        mode,
        coordinates: 'half-pixel',
        nearest: 'round-prefer-floor',
        cubicCoefficient: -0.75,
      },
      operands: [x(2, 4, 3, 5)],
    }),
  ),
  {
    name: 'quantisation',
    operator: { kind: 'quantize', axis: null, dtype: 'uint8' },
    operands: [x(3, 5), step(), byte('uint8')],
  },
  {
    name: 'quantisation along an axis',
    operator: { kind: 'quantize', axis: 1, dtype: 'int8' },
    operands: [x(3, 5, 2), step(5), byte('int8', 5)],
  },
  {
    name: 'dequantisation',
    operator: { kind: 'dequantize', axis: null },
    operands: [{ shape: [3, 5], integers: { dtype: 'int8', from: -128, to: 127 } }, step(), byte('int8')],
  },
  {
    name: 'dequantisation along an axis',
    operator: { kind: 'dequantize', axis: 0 },
    operands: [{ shape: [3, 5], integers: { dtype: 'int32', from: -99, to: 99 } }, step(3), null],
  },
  {
    name: 'transposition of more axes than a copy has loops',
    operator: { kind: 'transpose', permutation: [7, 6, 5, 4, 3, 2, 1, 0] },
    operands: [x(2, 3, 2, 2, 3, 2, 2, 2)],
  },
  {
    name: 'cast of bytes',
    operator: { kind: 'cast', dtype: 'float32' },
    operands: [{ shape: [3, 5], integers: { dtype: 'uint8', from: 0, to: 255 } }],
  },
  { name: 'cast to integers', operator: { kind: 'cast', dtype: 'int32' }, operands: [x(3, 5)] },
  {
    name: 'product with weights in groups',
    operator: { kind: 'grouped-matmul', bits: 4, groupSize: 32, columns: 10, activation: null },
    operands: [
      x(3, 70),
      { shape: [10, 3, 16], constant: true, integers: { dtype: 'uint8', from: 0, to: 255 } },
      w(10, 3),
      { shape: [10, 2], constant: true, integers: { dtype: 'uint8', from: 0, to: 255 } },
      w(10),
    ],
  },
];

/** Numbers of an operand. */
export function caseNumbers({ shape, integers, positive = false }: CaseOperand, seed: number): ValueData {
  const random = new Random(seed);
  const length = elementCount(shape);
  if (integers === undefined) {
    const data = Float32Array.from({ length }, () => {
      return positive ? 0.01 + random.uniform() / 100 : random.uniform() * 2 - 1;
    });
    return { dtype: 'float32', shape, data };
  }
  const { dtype, from, to } = integers;
  const numbers = Array.from({ length }, () => from + Math.floor(random.uniform() * (to - from + 1)));
  const data = { int32: Int32Array, int8: Int8Array, uint8: Uint8Array }[dtype].from(numbers);
  return { dtype, shape, data };
}

/** A graph of one node. The node's inputs are `x0`, `x1`, .... */
export function caseModel({ name, operator, operands }: GraphCase): {
  readonly model: OperatorModel;
  readonly inputs: Readonly<Record<string, ValueData>>;
} {
  const builder = new GraphBuilder(name);
  const inputs: Record<string, ValueData> = {};
  const names = operands.map((operand, index) => {
    if (operand === null) return null;
    const numbers = caseNumbers(operand, index + 1);
    if (operand.constant) return builder.constant(`w${index}`, numbers);
    const { dtype, shape }: ValueSpec = numbers;
    inputs[`x${index}`] = numbers;
    return builder.input(`x${index}`, { dtype, shape });
  });
  for (const output of builder.add(operator, names)) builder.output(output);
  return { model: builder.finish(), inputs };
}
