import { InvalidArgumentError, systemClock, UnsupportedError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { type CompileGraphOptions, compileGraph } from '../src/graph/compile-graph.ts';
import { evaluateGraph } from '../src/graph/evaluate-graph.ts';
import { GraphBuilder } from '../src/graph/graph-builder.ts';
import type { ValueData } from '../src/graph/operators/operator-definition.ts';
import { createKernelEngine } from '../src/node.ts';
import { caseModel, GRAPH_CASES } from './graph-cases.ts';

const CASE_NAMES = new Map(GRAPH_CASES.map((each) => [each.name, each]));

function caseOf(name: string) {
  return caseModel(CASE_NAMES.get(name)!);
}

describe('a compiled graph, its operators of the user and what it refuses', () => {
  it('refuses graphs that are none, and weights that only a run would know', async () => {
    using engine = await createKernelEngine();
    const { graph, weights } = caseOf('matmul').model;
    const [node] = graph.nodes;
    const cyclic = { ...graph, nodes: [{ ...node!, inputs: [node!.outputs[0]!, ...node!.inputs.slice(1)] }] };
    expect(() => compileGraph({ graph: cyclic, weights }, engine)).toThrow(InvalidArgumentError);
    const { model } = caseModel({
      name: 'given weights',
      operator: { ...CASE_NAMES.get('transposed convolution')!.operator },
      operands: [
        [1, 3, 4, 5],
        [3, 3, 6, 5],
      ].map((shape) => ({ shape })),
    });
    expect(() => compileGraph(model, engine)).toThrow(UnsupportedError);
    expect(() => compileGraph(model, engine)).toThrow(
      'Node "transposed-convolution" (transposed-convolution): "x1"',
    );
  });

  it('calls operators of the user between kernels, and traces every value', async () => {
    const customs = {
      Twice: {
        infer: ([input]: readonly ({ dtype: 'float32'; shape: readonly number[] } | null)[]) => [input!],
        evaluate: (inputs: readonly (ValueData | null)[], outputs: readonly ValueData[]) => {
          for (let i = 0; i < outputs[0]!.data.length; i++) outputs[0]!.data[i] = inputs[0]!.data[i]! * 2;
        },
      },
    } as unknown as NonNullable<CompileGraphOptions['customs']>;
    const builder = new GraphBuilder('custom', { customs });
    const negated = {
      kind: 'pointwise',
      expression: { apply: { kind: 'negate' }, to: { input: 0 } },
    } as const;
    const x = builder.input('x', { dtype: 'float32', shape: [3] });
    const [y] = builder.add(negated, [x]);
    const [z] = builder.add({ kind: 'custom', operator: 'Twice', attributes: {} }, [y!]);
    const [w] = builder.add(negated, [z!]);
    builder.output(w!);
    using engine = await createKernelEngine();
    using compiled = compileGraph(builder.finish(), engine, { customs, optimize: false });
    compiled.inputs.x!.data.set([1, 2, 3]);
    compiled.run();
    expect([...compiled.outputs[w!]!.data]).toEqual([2, 4, 6]);
    const seen: Record<string, number[]> = {};
    compiled.runTraced((name, { data }) => {
      seen[name] = [...data];
    });
    expect(seen).toEqual({ [y!]: [-1, -2, -3], [z!]: [-2, -4, -6], [w!]: [2, 4, 6] });
  });

  it('names the node of an operator of the user that fails, when it is inferred and when it runs', async () => {
    const build = (customs: NonNullable<CompileGraphOptions['customs']>) => {
      const builder = new GraphBuilder('custom', { customs });
      const x = builder.input('x', { dtype: 'float32', shape: [3] });
      const operator = { kind: 'custom', operator: 'Twice', attributes: {} } as const;
      builder.output(builder.add(operator, [x], { name: 'doubling' })[0]);
      return builder.finish();
    };
    const cause = new RangeError('nothing doubles');
    const fail = () => {
      throw cause;
    };
    const infer = () => [{ dtype: 'float32', shape: [3] }] as const;
    const failing = { Twice: { infer, evaluate: fail } };
    const model = build(failing);
    using engine = await createKernelEngine();
    using compiled = compileGraph(model, engine, { customs: failing });
    const expected = expect.objectContaining({
      message: 'Node "doubling" (custom "Twice"): nothing doubles',
      code: 'INVALID_ARGUMENT',
      cause,
    });
    expect(() => compiled.run()).toThrow(expected);
    expect(() => compiled.runTraced(() => {})).toThrow(expected);
    const x = { dtype: 'float32', shape: [3], data: new Float32Array(3) } as const;
    expect(() => evaluateGraph(model, { x }, { customs: failing })).toThrow(expected);
    expect(() => build({ Twice: { infer: fail, evaluate: fail } })).toThrow(expected);
    for (const nothing of [undefined, [], [undefined], [{ dtype: 'float32' }], 3]) {
      expect(() => build({ Twice: { infer: () => nothing as never, evaluate: fail } })).toThrow(
        /^Node "doubling" \(custom "Twice"\): /,
      );
    }
    expect(() => build({ Twice: { infer } as never })).toThrow('evaluate of the custom operator "Twice"');
  });

  it('refuses what no memory holds from the sizes, before any work', async () => {
    using engine = await createKernelEngine();
    const builder = new GraphBuilder('wide');
    const x = builder.input('x', { dtype: 'float32', shape: [1] });
    const [wide] = builder.add({ kind: 'expand', shape: [2 ** 30, 2 ** 20] }, [x]);
    const [shares] = builder.add({ kind: 'softmax', log: false }, [wide]);
    const mean = { kind: 'reduction', operation: 'mean', axes: [0, 1], keepAxes: false } as const;
    builder.output(builder.add(mean, [shares])[0]);
    const startMs = systemClock.nowMs();
    expect(() => compileGraph(builder.finish(), engine)).toThrow(
      expect.objectContaining({
        code: 'BUDGET_EXCEEDED',
        message: expect.stringContaining('"expand" is the largest'),
      }),
    );
    // Terabytes, refused in far less time than it takes to write one gigabyte.
    expect(systemClock.nowMs() - startMs).toBeLessThan(2000);
  });

  it('refuses indices that lead out of the data when it runs', async () => {
    using engine = await createKernelEngine();
    const { model, inputs } = caseOf('gather of rows that are given');
    using compiled = compileGraph(model, engine);
    compiled.inputs.x0!.data.set(inputs.x0!.data);
    compiled.inputs.x1!.data.fill(5);
    expect(() => compiled.run()).toThrow(InvalidArgumentError);
    compiled.inputs.x1!.data.fill(-6);
    expect(() => compiled.run()).toThrow('An index is out of range');
    compiled.inputs.x1!.data.fill(-5);
    expect(() => compiled.run()).not.toThrow();
  });
});
