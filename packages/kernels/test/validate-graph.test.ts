import {
  InvalidArgumentError,
  type OperatorModel,
  QedgeError,
  Random,
  ShapeMismatchError,
  UnsupportedError,
} from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { evaluateGraph } from '../src/graph/evaluate-graph.ts';
import { GraphBuilder } from '../src/graph/graph-builder.ts';
import { graphOfLayers } from '../src/graph/layers/graph-of-layers.ts';
import type { CustomOperators } from '../src/graph/operators/custom-operator.ts';
import { validateGraph } from '../src/graph/validate-graph.ts';
import { randomInput, randomModel, runReference } from '../src/testing/index.ts';
import { floats, largestDifference, value } from './operator-cases.ts';

const WINDOW = { size: [3, 3], strides: [2, 2], dilations: [1, 1], padding: [1, 1, 1, 1] } as const;
const PRODUCT = { kind: 'matmul', transposeA: false, transposeB: false, alpha: 1, activation: null } as const;

/** Doubles, in place of an operator that is missing. */
const customs: CustomOperators = {
  Double: {
    infer: ([x]) => [x!],
    evaluate: ([x], [y]) => {
      for (let i = 0; i < y!.data.length; i++) y!.data[i] = 2 * x!.data[i]!;
    },
  },
};

/** A small graph with most structures in it. */
function sample(): OperatorModel {
  const builder = new GraphBuilder('sample', { customs });
  const x = builder.input('x', { dtype: 'float32', shape: [1, 6, 6, 2] });
  const w = builder.constant('w', floats(1, 3, 3, 2, 4));
  const activation = { kind: 'clip', low: 0, high: Number.POSITIVE_INFINITY } as const;
  const [features] = builder.add({ kind: 'convolution', window: WINDOW, groups: 1, activation }, [
    x,
    w,
    null,
  ]);
  const expression = {
    operation: 'multiply',
    a: { input: 0 },
    b: { apply: { kind: 'sigmoid' }, to: { input: 1 } },
  } as const;
  const [gated] = builder.add({ kind: 'pointwise', expression }, [features, features]);
  const [flat] = builder.add({ kind: 'reshape', shape: [9, 4] }, [gated]);
  const [doubled] = builder.add({ kind: 'custom', operator: 'Double', attributes: { depth: 1 } }, [flat]);
  const codes = builder.constant(
    'codes',
    value(
      'int8',
      [4, 4],
      Array.from({ length: 16 }, (_, i) => i - 8),
    ),
  );
  const scale = builder.constant('scale', value('float32', [], [0.5]));
  const [kernel] = builder.add({ kind: 'dequantize', axis: null }, [codes, scale]);
  const [product] = builder.add(PRODUCT, [doubled, kernel]);
  builder.output(product);
  builder.output(flat);
  return builder.finish();
}

describe('GraphBuilder', () => {
  it('infers shapes and keeps names unique', () => {
    const builder = new GraphBuilder('names');
    const x = builder.input('x', { dtype: 'float32', shape: [2] });
    const apply = { kind: 'pointwise', expression: { apply: { kind: 'relu' }, to: { input: 0 } } } as const;
    const names = [x, x, x].flatMap((input) => builder.add(apply, [input], { name: 'act', outputs: ['x'] }));
    expect(names).toEqual(['x_1', 'x_2', 'x_3']);
    expect(builder.constant('x_2', floats(1, 3))).toBe('x_2_1');
    builder.output('x_3');
    const { graph } = builder.finish();
    expect(graph.nodes.map(({ name }) => name)).toEqual(['act', 'act_1', 'act_2']);
    expect(graph.values.x_3).toEqual({ dtype: 'float32', shape: [2] });
    expect(() => builder.input('x', { dtype: 'float32', shape: [] })).toThrow(InvalidArgumentError);
    expect(() => builder.output('x_3')).toThrow(InvalidArgumentError);
    expect(() => new GraphBuilder('none').finish()).toThrow(/needs an output/);
  });

  it('owns its constants, and fetches lazy ones when they are asked for', () => {
    const builder = new GraphBuilder('constants');
    const data = Float32Array.of(1, 2);
    const owned = builder.constant('owned', { dtype: 'float32', shape: [2], data });
    data[0] = 9;
    let fetched = 0;
    const lazy = builder.constantFrom('lazy', { dtype: 'float32', shape: [2] }, () => {
      fetched++;
      return data;
    });
    builder.output(owned);
    const { weights } = builder.finish();
    expect([...weights.load(owned).data]).toEqual([1, 2]);
    expect(fetched).toBe(0);
    expect([...weights.load(lazy).data]).toEqual([9, 2]);
    expect(() => weights.load('other')).toThrow(InvalidArgumentError);
    expect(() => builder.constant('c', { dtype: 'int32', shape: [2], data })).toThrow(/Int32Array/);
    expect(() => builder.constant('c', { dtype: 'float32', shape: [3], data })).toThrow(ShapeMismatchError);
  });

  it('names the node that does not fit', () => {
    const builder = new GraphBuilder('errors');
    const x = builder.input('x', { dtype: 'float32', shape: [2, 3] });
    expect(() => builder.add(PRODUCT, [x, x], { name: 'encoder/product' })).toThrow(
      /Node "encoder\/product" \(matmul\).*3 rows of b/,
    );
    expect(() => builder.add(PRODUCT, [x, 'y'])).toThrow(/Unknown value.*got y/);
    const missing = { kind: 'custom', operator: 'Einsum', attributes: {} } as const;
    expect(() => builder.add(missing, [x], { name: 'mix' })).toThrow(UnsupportedError);
    expect(() => builder.add(missing, [x], { name: 'mix' })).toThrow(/"mix".*Einsum.*customs/);
  });
});

describe('evaluateGraph', () => {
  it('runs operators of the user and traces every value', () => {
    const model = sample();
    const seen: string[] = [];
    const x = floats(5, 1, 6, 6, 2);
    const trace = (name: string) => seen.push(name);
    const outputs = evaluateGraph(model, { x }, { customs, trace });
    expect(seen).toEqual(model.graph.nodes.flatMap((node) => node.outputs));
    const flat = outputs.get('reshape')!;
    const kernel = Array.from({ length: 16 }, (_, i) => (i - 8) / 2);
    const expected = Array.from({ length: 36 }, (_, i) => {
      const row = Math.floor(i / 4) * 4;
      return [0, 1, 2, 3].reduce((sum, k) => sum + 2 * flat.data[row + k]! * kernel[k * 4 + (i % 4)]!, 0);
    });
    // One rounding to float32 of numbers below 100.
    expect(largestDifference(outputs.get('matmul')!.data, expected)).toBeLessThan(1e-5);
    expect(() => evaluateGraph(model, {}, { customs })).toThrow(/input "x".*nothing/);
    expect(() => evaluateGraph(model, { x: floats(1, 2) }, { customs })).toThrow(ShapeMismatchError);
    expect(() => evaluateGraph(model, { x })).toThrow(/Double/);
  });

  it('computes linear models as the reference of devices does', () => {
    for (const [seed, batch] of [
      [1, 1],
      [2, 3],
    ] as const) {
      const { graph, weights } = randomModel({ sizes: [7, 5, 4], seed, softmax: true });
      const input = randomInput(7, batch, seed);
      const model = graphOfLayers(graph, weights, { batch });
      validateGraph(JSON.parse(JSON.stringify(model.graph)));
      const outputs = evaluateGraph(model, { input: { dtype: 'float32', shape: [batch, 7], data: input } });
      const expected = runReference(graph, weights, input, batch, 'float32');
      expect(largestDifference([...outputs.values()][0]!.data, expected)).toBeLessThan(1e-6);
    }
    const { graph, weights } = randomModel({ sizes: [2, 2], seed: 1 });
    expect(() => graphOfLayers(graph, weights, { batch: 0 })).toThrow(InvalidArgumentError);
  });
});

describe('validateGraph', () => {
  const json = () => structuredClone(sample().graph) as unknown as Record<string, never>;

  it('accepts what a builder made', () => {
    const graph = json();
    expect(validateGraph(graph, { customs })).toBe(graph);
  });

  it.each<[string, (graph: never) => void, RegExp]>([
    [
      'another format',
      (g: { format: string }) => {
        g.format = 'x';
      },
      /Not an operator graph/,
    ],
    [
      'another version',
      (g: { version: number }) => {
        g.version = 2;
      },
      /version/,
    ],
    [
      'an operator that nobody knows',
      (g: Nodes) => {
        g.nodes[0]!.operator.kind = 'einsum';
      },
      /"convolution".*einsum/,
    ],
    [
      'a field too many',
      (g: Nodes) => {
        g.nodes[0]!.operator.bias = 1;
      },
      /bias/,
    ],
    [
      'a field too few',
      (g: Nodes) => {
        g.nodes[0]!.operator.groups = undefined;
      },
      /groups/,
    ],
    [
      'an input that comes later',
      (g: Nodes) => {
        g.nodes.reverse();
      },
      /not defined before/,
    ],
    [
      'a value that is assigned twice',
      (g: Nodes) => {
        g.nodes.push({ ...g.nodes[2]!, name: 'again' });
      },
      /"reshape" is defined twice/,
    ],
    [
      'two nodes of one name',
      (g: Nodes) => {
        g.nodes[1]!.name = 'convolution';
      },
      /Two nodes/,
    ],
    [
      'a shape that the operator does not make',
      (g: Values) => {
        g.values.pointwise = { dtype: 'float32', shape: [1, 3, 3, 5] };
      },
      /"pointwise".*not what the operator makes/,
    ],
    [
      'a size that is none',
      (g: Values) => {
        g.values.x = { dtype: 'float32', shape: [1, -6, 6, 2] };
      },
      /not a size/,
    ],
    [
      'a dtype that is none',
      (g: Values) => {
        g.values.x = { dtype: 'constructor', shape: [] };
      },
      /unknown dtype/,
    ],
    [
      'an output that is not there',
      (g: { outputs: string[] }) => {
        g.outputs = ['toString'];
      },
      /not defined/,
    ],
    [
      'a value without use',
      (g: Values) => {
        g.values.spare = { dtype: 'float32', shape: [] };
      },
      /spare/,
    ],
  ])('refuses %s', (_, change, message) => {
    const graph = json();
    change(graph as never);
    expect(() => validateGraph(graph, { customs })).toThrow(QedgeError);
    expect(() => validateGraph(graph, { customs })).toThrow(message);
  });

  interface Nodes {
    nodes: { name: string; operator: Record<string, unknown> }[];
  }
  interface Values {
    values: Record<string, unknown>;
  }

  it('refuses expressions deeper than the stack', () => {
    const graph = json() as unknown as Nodes;
    let expression: unknown = { input: 0 };
    for (let i = 0; i < 100_000; i++) expression = { apply: { kind: 'relu' }, to: expression };
    graph.nodes[1]!.operator.expression = expression;
    expect(() => validateGraph(graph, { customs })).toThrow(/expression/);
  });

  it('throws typed errors only, whatever the graph', () => {
    const count = process.env.QEDGE_FULL === '1' ? 100_000 : 3000;
    const random = new Random(99);
    const text = JSON.stringify(json());
    let refused = 0;
    for (let i = 0; i < count; i++) {
      const graph = JSON.parse(text) as object;
      for (let changes = 1 + Math.floor(random.uniform() * 3); changes > 0; changes--) mutate(graph, random);
      try {
        validateGraph(graph, { customs });
      } catch (error) {
        refused++;
        if (!(error instanceof QedgeError)) throw error;
      }
    }
    expect(refused).toBeGreaterThan(count / 2);
  });
});

/** Replaces, removes or doubles something at a random place of a tree. */
function mutate(root: object, random: Random): void {
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(random.uniform() * items.length)]!;
  const strange = [
    null,
    -1,
    0,
    1.5,
    2 ** 53,
    1e300,
    '',
    'x',
    '__proto__',
    [],
    {},
    [[]],
    true,
    'relu',
    [1e9, 1e9],
    64,
  ];
  let place = root as Record<string, unknown>;
  for (;;) {
    const keys = Object.keys(place);
    if (keys.length === 0) return;
    const key = pick(keys);
    const inside = place[key];
    if (typeof inside === 'object' && inside !== null && random.uniform() < 0.8) {
      place = inside as Record<string, unknown>;
      continue;
    }
    const choice = random.uniform();
    if (choice < 0.2) delete place[key];
    else if (choice < 0.4) place[key] = structuredClone(place[pick(keys)]);
    else if (Array.isArray(place) && choice < 0.5) place.push(structuredClone(inside));
    else place[key] = structuredClone(pick(strange));
    return;
  }
}
