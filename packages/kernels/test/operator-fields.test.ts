import { type Operator, QedgeError, Random, type ValueSpec } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { checkOperatorFields } from '../src/graph/operators/operator-fields.ts';
import { inferOperator, OPERATORS } from '../src/graph/operators/registry.ts';

const WINDOW = { size: [2, 2], strides: [1, 1], dilations: [1, 1], padding: [0, 0, 0, 0] } as const;

function spec(...shape: readonly number[]): ValueSpec {
  return { dtype: 'float32', shape };
}

/** One of every kind, with inputs that fit. */
const EXAMPLES: readonly (readonly [Operator, readonly (ValueSpec | null)[]])[] = [
  [{ kind: 'arg-extremum', operation: 'maximum', axis: 1, keepAxis: false }, [spec(2, 3)]],
  [
    { kind: 'attention', heads: 2, keyHeads: 1, scale: 1, causal: true },
    [spec(1, 3, 4), spec(1, 3, 2), spec(1, 3, 5), spec(3, 3)],
  ],
  [{ kind: 'cast', dtype: 'uint8' }, [spec(2)]],
  [{ kind: 'channel-scale', activation: { kind: 'relu' } }, [spec(2, 3), spec(3), spec(3)]],
  [{ kind: 'concatenate', axis: 1 }, [spec(2, 3), spec(2, 1)]],
  [
    { kind: 'convolution', window: WINDOW, groups: 2, activation: { kind: 'clip', low: 0, high: 1 } },
    [spec(1, 4, 4, 4), spec(2, 2, 2, 6), spec(6), spec(1, 3, 3, 6)],
  ],
  [{ kind: 'dequantize', axis: 0 }, [{ dtype: 'int8', shape: [2, 3] }, spec(2), null]],
  [{ kind: 'expand', shape: [2, 3] }, [spec(3)]],
  [{ kind: 'gather', axis: 0 }, [spec(4, 2), { dtype: 'int32', shape: [3] }]],
  [
    { kind: 'grouped-matmul', bits: 4, groupSize: 4, columns: 3, activation: null },
    [
      spec(2, 8),
      { dtype: 'uint8', shape: [3, 2, 2] },
      spec(3, 2),
      { dtype: 'uint8', shape: [3, 1] },
      spec(3),
    ],
  ],
  [{ kind: 'layer-normalization', epsilon: 1e-5 }, [spec(2, 3), null, spec(3)]],
  [
    { kind: 'matmul', transposeA: true, transposeB: false, alpha: 2, activation: { kind: 'elu', alpha: 1 } },
    [spec(3, 2), spec(5, 3, 4), spec(4)],
  ],
  [{ kind: 'pad', before: [1, 0], after: [0, 2], mode: 'edge', value: 0 }, [spec(2, 3)]],
  [
    {
      kind: 'pointwise',
      expression: {
        condition: { input: 0 },
        a: { constant: 1 },
        b: { operation: 'add', a: { input: 1 }, b: { input: 0 } },
      },
    },
    [spec(2, 1), spec(3)],
  ],
  [{ kind: 'pooling', operation: 'max', window: WINDOW }, [spec(1, 4, 4, 2)]],
  [{ kind: 'quantize', axis: null, dtype: 'uint8' }, [spec(2), spec(), { dtype: 'uint8', shape: [] }]],
  [
    { kind: 'recurrent', cell: 'lstm', direction: 'forward', hiddenSize: 2, linearBeforeReset: false },
    [spec(3, 1, 4), spec(1, 8, 4), spec(1, 8, 2), spec(1, 16)],
  ],
  [{ kind: 'reduction', operation: 'mean', axes: [0, 2], keepAxes: true }, [spec(2, 3, 4)]],
  [{ kind: 'reshape', shape: [3, 2] }, [spec(6)]],
  [
    {
      kind: 'resize',
      size: [4, 6],
      scales: [2, 2],
      mode: 'linear',
      coordinates: 'half-pixel',
      nearest: 'floor',
      cubicCoefficient: -0.75,
    },
    [spec(1, 2, 3, 1)],
  ],
  [{ kind: 'slice', starts: [1, 2], steps: [1, -1], sizes: [1, 3] }, [spec(2, 3)]],
  [{ kind: 'softmax', log: true }, [spec(2, 3)]],
  [{ kind: 'transpose', permutation: [1, 0] }, [spec(2, 3)]],
  [
    { kind: 'transposed-convolution', window: WINDOW, groups: 1, outputPadding: [0, 0], activation: null },
    [spec(1, 2, 2, 3), spec(2, 2, 4, 3), spec(4)],
  ],
];

describe('operators from outside', () => {
  it('are known by example, every kind', () => {
    expect(EXAMPLES.map(([{ kind }]) => kind).sort()).toEqual(Object.keys(OPERATORS).sort());
    for (const [operator, inputs] of EXAMPLES) {
      expect(checkOperatorFields(structuredClone(operator))).toEqual(operator);
      expect(inferOperator(operator, inputs).length).toBeGreaterThan(0);
    }
  });

  it('are refused with typed errors, whatever their fields and inputs', () => {
    const count = process.env.QEDGE_FULL === '1' ? 100_000 : 5000;
    const random = new Random(4);
    const pick = <Item>(items: readonly Item[]) => items[Math.floor(random.uniform() * items.length)]!;
    const strange = [
      null,
      -1,
      0,
      1,
      7,
      0.5,
      2 ** 53,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      'x',
      [],
      {},
      [0],
      [1, 1],
      [-1, 2, 3],
      true,
    ];
    let refused = 0;
    for (let i = 0; i < count; i++) {
      const [operator, inputs] = structuredClone(pick(EXAMPLES)) as unknown as [
        Record<string, unknown>,
        (ValueSpec | null)[],
      ];
      const place = pick([
        operator,
        ...Object.values(operator).filter((each) => typeof each === 'object' && each !== null),
      ]);
      const holder = place as Record<string, unknown>;
      const keys = Object.keys(holder).filter((key) => key !== 'kind' || holder !== operator);
      if (keys.length > 0 && random.uniform() < 0.7) holder[pick(keys)] = structuredClone(pick(strange));
      else
        inputs[Math.floor(random.uniform() * inputs.length)] = pick([
          null,
          spec(),
          spec(0),
          spec(2, 3),
          spec(1, 4, 4, 4),
          spec(3, 0, 2),
        ]);
      try {
        const outputs = inferOperator(checkOperatorFields(operator), inputs);
        for (const { shape } of outputs) expect(shape.every((size) => typeof size === 'number')).toBe(true);
      } catch (error) {
        refused++;
        if (!(error instanceof QedgeError)) throw error;
      }
    }
    expect(refused).toBeGreaterThan(count / 2);
  });
});
