import './relaxed-simd.ts';
import {
  type Clock,
  type OperatorModel,
  type Precision,
  systemClock,
  UseAfterReleaseError,
} from '@qedge/core';
import { describe, expect, it } from 'vitest';
import type { KernelEngine } from '../src/engine/kernel-engine.ts';
import { type CompileGraphOptions, compileGraph } from '../src/graph/compile-graph.ts';
import { evaluateGraph } from '../src/graph/evaluate-graph.ts';
import { GraphBuilder } from '../src/graph/graph-builder.ts';
import type { ValueData } from '../src/graph/operators/operator-definition.ts';
import { createKernelEngine } from '../src/node.ts';
import { randomGraph, randomGraphInputs } from '../src/testing/random-graph.ts';
import { caseModel, caseNumbers, GRAPH_CASES } from './graph-cases.ts';
import { eagerEngine, presentIsas } from './present-ways.ts';
import { findAllocation } from './steady-state.ts';

type Inputs = Readonly<Record<string, ValueData>>;

/**
 * Numbers are in -1..1 and sums have at most 100 terms: float32 sums differ from exact ones by at most 100 * 2^-24 of the sum of
 * magnitudes, functions by a few ulps; results stay below 20.
 */
const TOLERANCE = 1e-4;

/** Values of random graphs stay near 1, and a dozen operators lose a few bits each; relative to the largest value. */
const GRAPH_TOLERANCE = 1e-3;

function largestDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(actual.length).toBe(expected.length);
  let worst = 0;
  for (let i = 0; i < actual.length; i++) {
    if (Object.is(actual[i], expected[i])) continue;
    const difference = Math.abs(actual[i]! - expected[i]!);
    worst = Math.max(worst, Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference);
  }
  return worst;
}

function largestMagnitude(values: ArrayLike<number>): number {
  return Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

/** Copies of the outputs of a run. */
function runCompiled(
  model: OperatorModel,
  engine: KernelEngine,
  inputs: Inputs,
  options: CompileGraphOptions = {},
): Map<string, ValueData['data']> {
  using compiled = compileGraph(model, engine, options);
  for (const [name, { data }] of Object.entries(inputs)) compiled.inputs[name]!.data.set(data);
  compiled.run();
  return new Map(Object.entries(compiled.outputs).map(([name, { data }]) => [name, data.slice()]));
}

const CASE_NAMES = new Map(GRAPH_CASES.map((each) => [each.name, each]));

function caseOf(name: string) {
  return caseModel(CASE_NAMES.get(name)!);
}

describe.each(presentIsas())('a compiled graph on %s', (isa) => {
  it('computes every kind of node as the reference, again and again', async () => {
    using engine = await createKernelEngine({ isa });
    const wrong: string[] = [];
    for (const each of GRAPH_CASES) {
      const { model, inputs } = caseModel(each);
      const expected = evaluateGraph(model, inputs);
      using compiled = compileGraph(model, engine, { optimize: false });
      for (const [name, { data }] of Object.entries(inputs)) compiled.inputs[name]!.data.set(data);
      for (let run = 0; run < 2; run++) {
        compiled.run();
        for (const [name, { data }] of expected) {
          const difference = largestDifference(compiled.outputs[name]!.data, data);
          if (!(difference <= TOLERANCE)) wrong.push(`${each.name}: ${name} differs by ${difference}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('computes random graphs as the reference, optimised and value by value', async () => {
    using engine = await createKernelEngine({ isa });
    for (let seed = 1; seed <= 4; seed++) {
      const model = randomGraph({ seed, operators: 8 });
      const inputs = randomGraphInputs(model, seed);
      const expected = evaluateGraph(model, inputs);
      for (const [name, data] of runCompiled(model, engine, inputs)) {
        const reference = expected.get(name)!.data;
        const allowed = GRAPH_TOLERANCE * Math.max(1, largestMagnitude(reference));
        expect(largestDifference(data, reference), `seed ${seed}, ${name}`).toBeLessThanOrEqual(allowed);
      }
    }
  });
});

const COMPILED = presentIsas().filter((isa) => isa !== 'interpreter');

describe.each(COMPILED)('threads of a compiled graph on %s', (isa) => {
  it('do not change a bit', async () => {
    using alone = await eagerEngine(isa, 1, isa !== 'wasm' && isa !== 'wasm-256');
    using together = await eagerEngine(isa, 2, isa !== 'wasm' && isa !== 'wasm-256');
    const names = [
      'matmul',
      'convolution',
      'attention with a mask',
      'LSTM forward',
      'resize linear',
      'outer sum',
    ];
    for (const name of names) {
      const { model, inputs } = caseOf(name);
      const expected = runCompiled(model, alone, inputs);
      expect(runCompiled(model, together, inputs), name).toEqual(expected);
    }
  });
});

describe('a compiled graph', () => {
  it.each([
    // Half precision has 11 bits; a sum of 33 products of numbers below 1 changes by 33 * 2^-12 at most.
    ['float16', 33 * 2 ** -12],
    // Steps of 2 / 255 for activations and 1 / 127 for weights: half a step of each per product.
    ['int8', 33 * (1 / 255 + 1 / 254 + 1e-3)],
    // Steps of 1 / 127 and 1 / 8.
    ['int4', 33 * (1 / 254 + 1 / 16 + 1e-3)],
  ] as const)('computes products at %s, and says so', async (precision: Precision, tolerance: number) => {
    using engine = await createKernelEngine();
    const { model, inputs } = caseOf('matmul of one row');
    const exact = evaluateGraph(model, inputs);
    using compiled = compileGraph(model, engine, { precision });
    expect(compiled.report.nodes.map((node) => node.precision)).toEqual([precision]);
    for (const [name, data] of runCompiled(model, engine, inputs, { precision })) {
      const difference = largestDifference(data, exact.get(name)!.data);
      expect(difference).toBeLessThanOrEqual(tolerance);
      expect(difference).toBeGreaterThan(1e-6);
    }
  });

  it.each(['int8', 'uint8'] as const)(
    'multiplies the %s codes of a quantised model as they are',
    async (dtype) => {
      const builder = new GraphBuilder('quantised');
      const [from, to] = dtype === 'int8' ? [-128, 127] : [0, 255];
      const codes = (seed: number, ...shape: number[]) =>
        caseNumbers({ shape, integers: { dtype, from, to } }, seed);
      const number = (value: number) =>
        builder.constant('s', { dtype: 'float32', shape: [], data: Float32Array.of(value) });
      const zero = (value: number) => {
        return builder.constant('z', {
          dtype,
          shape: [],
          data: dtype === 'int8' ? Int8Array.of(value) : Uint8Array.of(value),
        });
      };
      const x = builder.input('x', { dtype, shape: [3, 20] });
      const decode = { kind: 'dequantize', axis: null } as const;
      const [a] = builder.add(decode, [x, number(0.02), zero(3)]);
      const zeroOfWeights = dtype === 'int8' ? 0 : 128;
      const w = builder.constant('w', codes(2, 20, 9));
      const [b] = builder.add(decode, [w, number(0.01), zero(zeroOfWeights)]);
      const product = {
        kind: 'matmul',
        transposeA: false,
        transposeB: false,
        alpha: 1,
        activation: { kind: 'relu' },
      } as const;
      const bias = builder.constant('bias', caseNumbers({ shape: [9] }, 3));
      const [y] = builder.add(product, [a!, b!, bias]);
      builder.output(y!);
      const model = builder.finish();
      const inputs = { x: codes(5, 3, 20) };
      using engine = await createKernelEngine();
      using compiled = compileGraph(model, engine);
      expect(compiled.report.nodes.map(({ kind, precision }) => [kind, precision])).toEqual([
        ['matmul', 'int8'],
      ]);
      const expected = evaluateGraph(model, inputs).get(y!)!.data;
      const [[, actual]] = runCompiled(model, engine, inputs) as unknown as [[string, Float32Array]];
      // Sums are exact; scale and bias round once each.
      expect(largestDifference(actual, expected)).toBeLessThanOrEqual(2 ** -22 * largestMagnitude(expected));
    },
  );

  it('says what stays float32 and why', async () => {
    using engine = await createKernelEngine();
    using compiled = compileGraph(caseOf('convolution').model, engine, { precision: 'int8' });
    const [node] = compiled.report.nodes;
    expect(node).toMatchObject({ kind: 'convolution', precision: 'float32' });
    expect(node!.reason).toContain('window');
  });

  it.each(['matmul', 'product with weights in groups'])(
    'adds biases that are given at run time at float32, and says why: %s',
    async (name) => {
      using engine = await createKernelEngine();
      const each = CASE_NAMES.get(name)!;
      const operands = [...each.operands];
      operands.push({ shape: operands.pop()!.shape });
      const { model, inputs } = caseModel({ ...each, operands });
      using compiled = compileGraph(model, engine, { precision: 'int8' });
      const reason = 'a bias that is known at run time only';
      expect(compiled.report.nodes).toMatchObject([{ precision: 'float32', reason }]);
      const expected = evaluateGraph(model, inputs);
      for (const [output, data] of runCompiled(model, engine, inputs, { precision: 'int8' })) {
        expect(largestDifference(data, expected.get(output)!.data)).toBeLessThanOrEqual(TOLERANCE);
      }
    },
  );

  it('tells its memory: the arena of the plan, weights, arguments', async () => {
    using engine = await createKernelEngine();
    using compiled = compileGraph(caseOf('matmul').model, engine);
    const { memory } = compiled;
    expect(memory.arenaBytes).toBe(memory.arenaLowerBoundBytes);
    expect(memory.arenaBytes).toBe(128 + 128);
    expect(memory.weightBytes).toBeGreaterThanOrEqual(7 * 10 * 4);
    expect(memory.mappedBytes).toBe(0);
    expect(memory.argumentBytes).toBe(64);
  });

  it('times every node, with its operations and bytes', async () => {
    using engine = await createKernelEngine();
    const { model } = caseOf('matmul');
    using compiled = compileGraph(model, engine);
    let ticks = 0;
    // Every round is slower than the one before; the best counts.
    const clock: Clock = { ...systemClock, nowMs: () => (ticks++) ** 2 };
    const [node, ...rest] = compiled.profile(3, clock);
    expect(rest).toEqual([]);
    const [m, n, k] = [3, 10, 7];
    expect(node).toEqual({
      ...compiled.report.nodes[0],
      operations: 2 * m * n * k,
      bytes: 4 * (m * k + k * n + n + m * n),
      milliseconds: 1,
    });
    compiled.dispose();
    expect(() => compiled.profile(1)).toThrow(UseAfterReleaseError);
  });

  it('tells logarithms of shares that are too small for float32', async () => {
    using engine = await createKernelEngine();
    const builder = new GraphBuilder('shares');
    const x = builder.input('x', { dtype: 'float32', shape: [2, 3] });
    builder.output(builder.add({ kind: 'softmax', log: true }, [x])[0]!);
    const model = builder.finish();
    const data = Float32Array.of(0, -200, 150, -1e4, 0, -104);
    const inputs = { x: { dtype: 'float32', shape: [2, 3], data } } as const;
    const [[name, actual]] = [...runCompiled(model, engine, inputs)] as [[string, ValueData['data']]];
    expect(actual).toEqual(evaluateGraph(model, inputs).get(name)!.data);
  });

  it.each([null, 0])(
    'turns NaN into the code of 0, infinities into the outermost ones: axis %s',
    async (axis) => {
      using engine = await createKernelEngine();
      const builder = new GraphBuilder('codes');
      const x = builder.input('x', { dtype: 'float32', shape: [1, 3] });
      const scale = builder.constant('s', { dtype: 'float32', shape: [1], data: Float32Array.of(0.5) });
      const zero = builder.constant('z', { dtype: 'int8', shape: [1], data: Int8Array.of(-7) });
      builder.output(builder.add({ kind: 'quantize', axis, dtype: 'int8' }, [x, scale, zero])[0]!);
      const model = builder.finish();
      const data = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
      const inputs = { x: { dtype: 'float32', shape: [1, 3], data } } as const;
      const codes = Int8Array.of(-7, 127, -128);
      expect([...runCompiled(model, engine, inputs).values()]).toEqual([codes]);
      expect([...evaluateGraph(model, inputs).values()].map((value) => value.data)).toEqual([codes]);
    },
  );

  it('loops over the longest axes of a broadcast in its kernel', async () => {
    using engine = await createKernelEngine();
    const { model, inputs } = caseModel({
      name: 'broadcast',
      operator: {
        kind: 'pointwise',
        expression: { operation: 'subtract', a: { input: 0 }, b: { input: 1 } },
      },
      operands: [
        [40, 3, 2, 5],
        [40, 1, 2, 1],
      ].map((shape) => ({ shape })),
    });
    using compiled = compileGraph(model, engine);
    // One call per index of the axis of 2 between those of 40, 3 and 5.
    expect(compiled.report.steps).toBe(2);
    const expected = evaluateGraph(model, inputs);
    for (const [name, data] of runCompiled(model, engine, inputs)) {
      expect(data).toEqual(expected.get(name)!.data);
    }
  });

  it.each([true, false])(
    'refuses constants of another size than the graph says, optimised: %s',
    async (optimize) => {
      using engine = await createKernelEngine();
      for (const operator of [
        {
          kind: 'pointwise',
          expression: { operation: 'divide', a: { input: 0 }, b: { input: 1 } },
        },
        { kind: 'channel-scale', activation: null },
      ] as const) {
        const shape = [4];
        const operands = [{ shape }, { shape, constant: true }, { shape, constant: true }];
        const { model } = caseModel({
          name: 'short',
          operator,
          operands: operands.slice(0, operator.kind === 'pointwise' ? 2 : 3),
        });
        const load = (name: string) => {
          const tensor = model.weights.load(name);
          return { ...tensor, data: tensor.data.subarray(1) } as typeof tensor;
        };
        const short = { graph: model.graph, weights: { ...model.weights, load } };
        expect(() => compileGraph(short, engine, { optimize })).toThrow(/holds another "/);
      }
    },
  );

  it('makes room for temporary memory that is much larger than values and weights', async () => {
    using engine = await createKernelEngine();
    const builder = new GraphBuilder('scores');
    const x = builder.input('x', { dtype: 'float32', shape: [1, 768, 8] });
    const attention = { kind: 'attention', heads: 8, keyHeads: 8, scale: 1, causal: true } as const;
    const [y] = builder.add(attention, [x, x, x]);
    builder.output(y!);
    using compiled = compileGraph(builder.finish(), engine);
    compiled.inputs.x!.data.fill(1);
    compiled.run();
    // Sums of 768 numbers, one after the other: an error of 768 * 2^-24.
    expect(compiled.memory.scratchBytes).toBeGreaterThanOrEqual(8 * 768 * 768 * 4);
    expect(compiled.outputs[y!]!.data.every((value) => Math.abs(value - 1) < 1e-4)).toBe(true);
  });

  it('refuses to run after dispose, of it or of its engine', async () => {
    using engine = await createKernelEngine();
    const [first, second] = [0, 1].map(() => compileGraph(caseOf('matmul').model, engine));
    first!.dispose();
    first!.dispose();
    expect(() => first!.run()).toThrow(UseAfterReleaseError);
    expect(() => second!.run()).not.toThrow();
    engine.dispose();
    expect(() => second!.run()).toThrow(UseAfterReleaseError);
    expect(() => compileGraph(caseOf('matmul').model, engine)).toThrow(UseAfterReleaseError);
  });
});

describe.each(COMPILED)('the steady state of a compiled graph on %s', (isa) => {
  it.each(['float32', 'int8'] as const)('allocates nothing over 10,000 runs at %s', async (precision) => {
    using engine = await createKernelEngine({ isa });
    const builder = new GraphBuilder('steady');
    const values = (...shape: number[]): ValueData => {
      const data = new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(0.1);
      return { dtype: 'float32', shape, data };
    };
    const x = builder.input('x', { dtype: 'float32', shape: [1, 6, 6, 3] });
    const weights = builder.constant('w', values(3, 3, 3, 8));
    const window = { size: [3, 3], strides: [2, 2], dilations: [1, 1], padding: [1, 1, 1, 1] } as const;
    const [h] = builder.add({ kind: 'convolution', window, groups: 1, activation: { kind: 'relu' } }, [
      x,
      weights,
    ]);
    const [flat] = builder.add({ kind: 'reshape', shape: [1, 72] }, [h!]);
    const product = {
      kind: 'matmul',
      transposeA: false,
      transposeB: false,
      alpha: 1,
      activation: null,
    } as const;
    const [y] = builder.add(product, [flat!, builder.constant('v', values(72, 10))]);
    const [index] = builder.add({ kind: 'arg-extremum', operation: 'maximum', axis: 1, keepAxis: false }, [
      y!,
    ]);
    const [row] = builder.add({ kind: 'gather', axis: 0 }, [
      builder.constant('table', values(10, 4)),
      index!,
    ]);
    builder.output(row!);
    using compiled = compileGraph(builder.finish(), engine, { precision });
    expect(findAllocation(() => compiled.run())).toBeNull();
  });
});
