import type { OperatorModel } from '@qedge/core';
import { expect } from 'vitest';
import { evaluateGraph } from '../src/graph/evaluate-graph.ts';
import { validateGraph } from '../src/graph/validate-graph.ts';
import { randomGraphInputs } from '../src/testing/random-graph.ts';

/**
 * How far outputs may be apart, relative to 1 + their largest number: passes reassociate some ten float32 operations per value (2^-24 each), and
 * what follows amplifies it: 2^-24 * 10 * 16 is 1e-5.
 */
const TOLERANCE = 1e-5;

/**
 * Expects two models to have the same inputs and outputs and to compute the same from random inputs.
 *
 * @param factor how much more than rounding is allowed.
 */
export function expectSameMeaning(before: OperatorModel, after: OperatorModel, factor = 1, seed = 7): void {
  expect([after.graph.inputs, after.graph.outputs]).toEqual([before.graph.inputs, before.graph.outputs]);
  validateGraph(after.graph);
  const inputs = randomGraphInputs(before, seed);
  const expected = evaluateGraph(before, inputs);
  const actual = evaluateGraph(after, inputs);
  for (const [name, value] of expected) {
    const other = actual.get(name)!;
    expect([other.dtype, other.shape]).toEqual([value.dtype, value.shape]);
    let [difference, largest] = [0, 0];
    for (const [i, number] of value.data.entries()) {
      const change = Object.is(number, other.data[i]) ? 0 : Math.abs(number - other.data[i]!);
      difference = Number.isNaN(change) ? Number.POSITIVE_INFINITY : Math.max(difference, change);
      if (Number.isFinite(number)) largest = Math.max(largest, Math.abs(number));
    }
    expect(difference, name).toBeLessThanOrEqual(TOLERANCE * factor * (1 + largest));
  }
}
