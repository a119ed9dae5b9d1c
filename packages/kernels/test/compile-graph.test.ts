import './relaxed-simd.ts';
import { describe, expect, it } from 'vitest';
import { compileGraph } from '../src/graph/compile-graph.ts';
import { evaluateGraph } from '../src/graph/evaluate-graph.ts';
import { createKernelEngine } from '../src/node.ts';
import { caseModel, GRAPH_CASES } from './graph-cases.ts';
import { presentIsas } from './present-ways.ts';

/**
 * Numbers are in -1..1 and sums have at most 100 terms: float32 sums differ from exact ones by at most 100 * 2^-24 of the sum of
 * magnitudes, functions by a few ulps; results stay below 20.
 */
const TOLERANCE = 1e-4;

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

describe.each(presentIsas())('a compiled graph on %s', (isa) => {
  it('computes every kind of node as the reference', async () => {
    using engine = await createKernelEngine({ isa });
    const wrong: string[] = [];
    for (const each of GRAPH_CASES) {
      const { model, inputs } = caseModel(each);
      const expected = evaluateGraph(model, inputs);
      try {
        using compiled = compileGraph(model, engine, { optimize: false });
        for (const [name, { data }] of Object.entries(inputs)) compiled.inputs[name]!.data.set(data);
        compiled.run();
        compiled.run();
        for (const [name, { data }] of expected) {
          const difference = largestDifference(compiled.outputs[name]!.data, data);
          if (!(difference <= TOLERANCE)) wrong.push(`${each.name}: ${name} differs by ${difference}`);
        }
      } catch (error) {
        wrong.push(`${each.name}: ${(error as Error).message}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
