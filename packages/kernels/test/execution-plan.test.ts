import { InvalidArgumentError, type OperatorGraph, type OperatorModel } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { evaluateGraph } from '../src/graph/evaluate-graph.ts';
import { GraphBuilder } from '../src/graph/graph-builder.ts';
import { VALUE_ARRAYS, type ValueData } from '../src/graph/operators/operator-definition.ts';
import { evaluateOperator } from '../src/graph/operators/registry.ts';
import { optimizeGraph } from '../src/graph/passes/optimize-graph.ts';
import type { ExecutionPlan } from '../src/graph/plan/execution-plan.ts';
import { planExecution } from '../src/graph/plan/plan-execution.ts';
import { validateGraph } from '../src/graph/validate-graph.ts';
import { randomGraph, randomGraphInputs } from '../src/testing/random-graph.ts';
import { expectSameMeaning } from './same-meaning.ts';

/** Runs a plan as a device does: every value where the plan says, nothing copied for aliases, everything else written over. */
function runInArena(
  { graph, weights }: OperatorModel,
  plan: ExecutionPlan,
  inputs: Record<string, ValueData>,
) {
  const arena = new Uint8Array(plan.arenaBytes).fill(0xff);
  const constants = new Set(graph.constants);
  const read = (name: string): ValueData => {
    const spec = plan.graph.values[name]!;
    if (constants.has(name)) return { ...spec, data: weights.load(name).data as ValueData['data'] };
    const { byteOffset, byteLength } = plan.locations.get(name)!;
    const bytes = arena.slice(byteOffset, byteOffset + byteLength);
    return { ...spec, data: new VALUE_ARRAYS[spec.dtype](bytes.buffer) };
  };
  const write = (name: string, { data }: ValueData) => {
    const { byteOffset, byteLength } = plan.locations.get(name)!;
    expect(byteLength).toBe(data.byteLength);
    expect(byteOffset + byteLength).toBeLessThanOrEqual(plan.arenaBytes);
    arena.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), byteOffset);
  };
  for (const name of graph.inputs) write(name, inputs[name]!);
  for (const { name, operator, inputs: reads, outputs } of plan.graph.nodes) {
    if (plan.aliases.has(name)) continue;
    const operands = reads.map((each) => (each === null ? null : read(each)));
    for (const [i, value] of evaluateOperator(operator, operands).entries()) write(outputs[i]!, value);
  }
  for (const name of graph.inputs) expect(read(name).data).toEqual(inputs[name]!.data);
  return new Map(graph.outputs.map((name) => [name, read(name)]));
}

/** Values that are written while another one in the same bytes is still to be read, unless an alias or in-place node shares them. */
function overlaps({ graph, locations, aliases, inPlace }: ExecutionPlan): string[] {
  const birth = new Map(graph.inputs.map((name) => [name, -1]));
  const death = new Map<string, number>();
  for (const [step, node] of graph.nodes.entries()) {
    for (const output of node.outputs) birth.set(output, step);
    for (const input of node.inputs) if (input !== null) death.set(input, step);
  }
  for (const name of [...graph.inputs, ...graph.outputs]) death.set(name, graph.nodes.length);
  const related = new Map<string, string>();
  const root = (name: string): string => (related.has(name) ? root(related.get(name)!) : name);
  for (const node of graph.nodes) {
    if (aliases.has(node.name)) for (const input of node.inputs) join(input!, node.outputs[0]!);
  }
  function join(a: string, b: string) {
    if (root(a) !== root(b)) related.set(root(a), root(b));
  }
  const found: string[] = [];
  const names = [...locations.keys()];
  for (const [i, a] of names.entries()) {
    for (const b of names.slice(i + 1)) {
      const [x, y] = [locations.get(a)!, locations.get(b)!];
      const shares = x.byteOffset < y.byteOffset + y.byteLength && y.byteOffset < x.byteOffset + x.byteLength;
      const [first, second] = birth.get(a)! <= birth.get(b)! ? [a, b] : [b, a];
      const last = death.get(first) ?? birth.get(first)!;
      const writer = graph.nodes[birth.get(second)!];
      const isOver =
        writer !== undefined && inPlace.has(writer.name) && root(writer.inputs[0]!) === root(first);
      const live = isOver ? last > birth.get(second)! : last >= birth.get(second)!;
      if (shares && live && root(a) !== root(b)) found.push(`${first} under ${second}`);
    }
  }
  return found;
}

describe('a plan', () => {
  it('keeps values apart, computes the same in its arena, and is as small as it says, for random graphs', () => {
    for (let seed = 0; seed < 60; seed++) {
      const model = randomGraph({ seed, operators: 2 + (seed % 16) });
      const best = seed % 2 === 0 ? model : optimizeGraph(model).model;
      const plan = planExecution(best.graph);
      validateGraph(plan.graph);
      expect(overlaps(plan), `seed ${seed}`).toEqual([]);
      expect(plan.arenaBytes).toBeGreaterThanOrEqual(plan.arenaLowerBoundBytes);
      expect(plan.arenaBytes).toBeLessThanOrEqual(plan.unsharedBytes);
      expect(planExecution(best.graph)).toEqual(plan);
      const inputs = randomGraphInputs(best, seed);
      const expected = evaluateGraph(best, inputs);
      for (const [name, { data }] of runInArena(best, plan, inputs)) {
        expect(data, `seed ${seed}, ${name}`).toEqual(expected.get(name)!.data);
      }
    }
  });

  it('shares the bytes of reshapes, of outermost slices and of outermost concatenations', () => {
    const builder = new GraphBuilder('parts');
    const x = builder.input('x', { dtype: 'float32', shape: [4, 32] });
    const relu = { kind: 'pointwise', expression: { apply: { kind: 'relu' }, to: { input: 0 } } } as const;
    const softmax = { kind: 'softmax', log: false } as const;
    const [y] = builder.add(relu, [x], { name: 'y' });
    const cut = (start: number) =>
      builder.add({ kind: 'slice', starts: [start, 0], steps: [1, 1], sizes: [2, 32] }, [y])[0];
    const [a] = builder.add({ kind: 'resize', ...RESIZE }, [
      builder.add({ kind: 'reshape', shape: [1, 2, 32, 1] }, [cut(0)])[0],
    ]);
    const [b] = builder.add({ kind: 'resize', ...RESIZE }, [
      builder.add({ kind: 'reshape', shape: [1, 2, 32, 1] }, [cut(2)])[0],
    ]);
    const [joined] = builder.add({ kind: 'concatenate', axis: 1 }, [a, b], { name: 'joined' });
    const [output] = builder.add(softmax, [joined], { name: 'softmax' });
    builder.output(output);
    const plan = planExecution(builder.finish().graph);
    const offset = (name: string) => plan.locations.get(name)!.byteOffset;
    expect(plan.aliases.size).toBe(5);
    expect(offset('slice_1') - offset('y')).toBe(2 * 32 * 4);
    expect([offset(a), offset(b)]).toEqual([offset('joined'), offset('joined') + 4 * 64 * 4]);
    expect([...plan.inPlace]).toEqual(['softmax']);
    expect(offset('softmax')).toBe(offset('joined'));
  });

  it('does not let an output lie in an input, nor write over either', () => {
    const builder = new GraphBuilder('outputs');
    const x = builder.input('x', { dtype: 'float32', shape: [16] });
    const [flat] = builder.add({ kind: 'reshape', shape: [4, 4] }, [x]);
    const relu = { kind: 'pointwise', expression: { apply: { kind: 'relu' }, to: { input: 0 } } } as const;
    const [y] = builder.add(relu, [x]);
    const [z] = builder.add(relu, [y]);
    for (const output of [flat, y, z]) builder.output(output);
    const plan = planExecution(builder.finish().graph);
    expect([...plan.aliases, ...plan.inPlace]).toEqual([]);
    expect(plan.arenaBytes).toBe(4 * 64);
    expect(plan.arenaLowerBoundBytes).toBe(4 * 64);
  });

  it('reads the input that it writes over first', () => {
    const builder = new GraphBuilder('order');
    const x = builder.input('x', { dtype: 'float32', shape: [4, 16] });
    const w = builder.constant('w', { dtype: 'float32', shape: [16], data: new Float32Array(16).fill(2) });
    const relu = { kind: 'pointwise', expression: { apply: { kind: 'relu' }, to: { input: 0 } } } as const;
    const subtract = { operation: 'subtract', a: { input: 0 }, b: { input: 1 } } as const;
    const [y] = builder.add(relu, [x]);
    builder.output(builder.add({ kind: 'pointwise', expression: subtract }, [w, y])[0]);
    const model = builder.finish();
    const plan = planExecution(model.graph);
    expect([...plan.inPlace]).toEqual(['pointwise_1']);
    expect(plan.graph.nodes[1]!.inputs).toEqual([y, w]);
    expectSameMeaning(model, { ...model, graph: plan.graph });
  });

  it('orders nodes such that large values live shortly, or keeps the order that is asked for', () => {
    const builder = new GraphBuilder('branches');
    const x = builder.input('x', { dtype: 'float32', shape: [16, 1] });
    const sums: string[] = [];
    const wide: string[] = [];
    for (let i = 0; i < 6; i++) wide.push(builder.add({ kind: 'expand', shape: [16, 64 + i] }, [x])[0]);
    for (const value of wide) {
      sums.push(builder.add({ kind: 'reduction', operation: 'sum', axes: [1], keepAxes: true }, [value])[0]);
    }
    builder.output(builder.add({ kind: 'concatenate', axis: 1 }, sums)[0]);
    const { graph } = builder.finish();
    const [kept, ordered] = [planExecution(graph, { keepOrder: true }), planExecution(graph)];
    expect(kept.graph.nodes).toEqual(graph.nodes);
    expect(ordered.arenaBytes * 3).toBeLessThan(kept.arenaBytes);
    validateGraph(ordered.graph);
  });

  it('refuses nodes that read what is not there yet', () => {
    const { graph } = randomGraph({ seed: 3 });
    const reversed: OperatorGraph = { ...graph, nodes: [...graph.nodes].reverse() };
    expect(() => planExecution(reversed)).toThrow(InvalidArgumentError);
  });
});

const RESIZE = {
  size: [4, 64],
  scales: [2, 2],
  mode: 'nearest',
  coordinates: 'asymmetric',
  nearest: 'floor',
  cubicCoefficient: -0.75,
} as const;
