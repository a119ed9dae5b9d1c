import { type OperatorModel, Random } from '@qedge/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KernelEngine } from '../src/engine/kernel-engine.ts';
import { evaluateGraph } from '../src/graph/evaluate-graph.ts';
import { GraphBuilder } from '../src/graph/graph-builder.ts';
import { compileGraph, createKernelEngine } from '../src/node.ts';

let engines: readonly KernelEngine[];

beforeAll(async () => {
  engines = await Promise.all([
    createKernelEngine(),
    createKernelEngine({ isa: 'wasm-strict' }),
    createKernelEngine({ threads: 2 }),
  ]);
});

afterAll(() => {
  for (const engine of engines) engine.dispose();
});

interface Product {
  readonly batch: number;
  readonly zeros: number;
  readonly transposed?: boolean;
  readonly coded?: boolean;
}

const [DEPTH, COLUMNS] = [151, 67];

/** A product with weights of which a share is 0, and a relu. */
function sparseModel({ batch, zeros, transposed = false, coded = false }: Product): OperatorModel {
  const random = new Random(batch);
  const builder = new GraphBuilder('sparse');
  const x = builder.input('x', { dtype: 'float32', shape: [batch, DEPTH] });
  const shape = transposed ? [COLUMNS, DEPTH] : [DEPTH, COLUMNS];
  const codes = Int8Array.from({ length: DEPTH * COLUMNS }, () => {
    return random.uniform() < zeros ? 0 : random.integer(15) - 7;
  });
  const floats = (name: string, length: number) =>
    builder.constant(name, {
      ...{ dtype: 'float32', shape: [length] },
      data: Float32Array.from({ length }, () => 0.01 + random.uniform()),
    });
  const scalar = builder.constant('scale', { dtype: 'float32', shape: [], data: Float32Array.of(0.25) });
  const zero = builder.constant('zero', { dtype: 'uint8', shape: [], data: Uint8Array.of(128) });
  const encoded = coded
    ? builder.add({ kind: 'quantize', axis: null, dtype: 'uint8' }, [x, scalar, zero])[0]
    : x;
  const input = coded ? builder.add({ kind: 'dequantize', axis: null }, [encoded, scalar, zero])[0] : x;
  const data = builder.constant('codes', { dtype: 'int8', shape, data: codes });
  const axis = transposed ? 0 : 1;
  const [weights] = builder.add({ kind: 'dequantize', axis }, [data, floats('scales', COLUMNS), null]);
  const product = {
    kind: 'matmul',
    transposeA: false,
    transposeB: transposed,
    alpha: 1,
    activation: { kind: 'relu' },
  } as const;
  builder.output(builder.add(product, [input, weights, floats('bias', COLUMNS)])[0]);
  return builder.finish();
}

function compare(
  model: OperatorModel,
  engine: KernelEngine,
  precision: 'float32' | 'int8',
): readonly [number, number] {
  const { shape } = model.graph.values.x!;
  const random = new Random(7);
  const data = Float32Array.from({ length: shape[0]! * DEPTH }, () => 4 * random.normal());
  const [expected] = [...evaluateGraph(model, { x: { dtype: 'float32', shape, data } }).values()];
  using compiled = compileGraph(model, engine, { precision });
  (compiled.inputs.x!.data as Float32Array).set(data);
  compiled.run();
  const [actual] = Object.values(compiled.outputs);
  const difference = Math.max(...[...actual!.data].map((y, i) => Math.abs(y - expected!.data[i]!)));
  return [difference, compiled.memory.weightBytes];
}

describe('products with weights that are mostly zeros', () => {
  it('are computed one weight at a time, for any number of rows, on every host', () => {
    for (const engine of engines) {
      for (const batch of [1, 2, 5, 16, 37]) {
        for (const transposed of [false, true]) {
          const [difference, bytes] = compare(
            sparseModel({ batch, zeros: 0.95, transposed }),
            engine,
            'float32',
          );
          // At most 30 products below 150 in float32.
          expect(difference).toBeLessThan(1e-3);
          // Eight bytes for each of 500 weights, instead of 40,468 and more.
          expect(bytes).toBeLessThan(16_000);
        }
      }
    }
  });

  it('stay dense where that is faster', () => {
    const [difference, bytes] = compare(sparseModel({ batch: 1, zeros: 0.6 }), engines[0]!, 'float32');
    expect(difference).toBeLessThan(1e-3);
    expect(bytes).toBeGreaterThan(4 * DEPTH * COLUMNS);
  });

  it('replace products on codes only with next to no weights', () => {
    for (const engine of engines) {
      for (const [zeros, most] of [
        [0.99, 6000],
        [0.8, 30_000],
      ] as const) {
        const [difference, bytes] = compare(sparseModel({ batch: 3, zeros, coded: true }), engine, 'int8');
        expect(difference).toBeLessThan(1e-3);
        expect(bytes).toBeLessThan(most);
      }
    }
  });

  it('stay dense with a weight that is not finite', () => {
    const builder = new GraphBuilder('infinite');
    const x = builder.input('x', { dtype: 'float32', shape: [1, 100] });
    const data = new Float32Array(100 * 60);
    data[61] = Number.POSITIVE_INFINITY;
    const w = builder.constant('w', { dtype: 'float32', shape: [100, 60], data });
    const product = {
      kind: 'matmul',
      transposeA: false,
      transposeB: false,
      alpha: 1,
      activation: null,
    } as const;
    builder.output(builder.add(product, [x, w])[0]);
    using compiled = compileGraph(builder.finish(), engines[0]!);
    (compiled.inputs.x!.data as Float32Array).fill(0);
    compiled.run();
    const [y] = Object.values(compiled.outputs);
    expect([y!.data[0], y!.data[1]]).toEqual([0, Number.NaN]);
  });
});
