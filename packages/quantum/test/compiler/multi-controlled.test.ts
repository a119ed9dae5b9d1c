import { Circuit, parameter } from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { collectInteractions } from '../../src/compiler/interaction/collect-interactions.ts';
import { interactionCost } from '../../src/compiler/interaction/interaction-cost.ts';
import { synthesisError } from './interaction-equivalence.ts';

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
/** Overlaps of states are 1 to about 1e-13. */
const TOLERANCE = 1e-11;

function collected(circuit: Circuit): number {
  const interactions = collectInteractions(circuit);
  expect(synthesisError(circuit, interactions, 'cx')).toBeLessThan(TOLERANCE);
  return interactionCost(interactions);
}

describe('X with k controls', () => {
  it.each([
    // k, other qubits, cx at most
    [1, 0, 1],
    [2, 0, 6],
    [3, 0, 14],
    [3, 1, 18],
    [4, 0, 30],
    [4, 1, 30],
    [4, 2, 26],
    [5, 0, 62],
    [5, 1, 72],
    [5, 3, 34],
    [6, 0, 134],
    [6, 1, 88],
    [6, 4, 42],
    [7, 1, 104],
    [8, 0, 326],
  ])('of k = %i and %i other qubits costs %i, and leaves the others as they were', (k, others, most) => {
    const qubits = range(k + 1 + others).toReversed();
    const circuit = new Circuit(qubits.length).mcx(qubits.slice(0, k), qubits[k]!);
    expect(collected(circuit)).toBeLessThanOrEqual(most);
  });
});

describe('a phase on n qubits', () => {
  it.each([
    [2, 2],
    [3, 6],
    [4, 14],
    [5, 30],
    [6, 62],
    [7, 134],
  ])('of n = %i costs %i, with a number or with a free angle', (n, most) => {
    const controls = range(n - 1);
    for (const angle of [0.7, parameter('a').times(2)]) {
      expect(collected(new Circuit(n).mcp(angle, controls, n - 1))).toBeLessThanOrEqual(most);
    }
  });

  it('that is a sign borrows a qubit, with any sign of the angle', () => {
    expect(collected(new Circuit(8).mcp(-Math.PI, [7, 1, 2, 3, 4], 0))).toBeLessThanOrEqual(72);
    expect(collected(new Circuit(3).mcp(3 * Math.PI, [2, 0], 1))).toBe(6);
  });
});

describe('diagonals', () => {
  it('with one marked state are one phase', () => {
    for (const marked of [0, 5, 7]) {
      const phases = range(8).map((i) => (i === marked ? 0.3 + Math.PI : 0.3));
      const interactions = collectInteractions(new Circuit(3).diagonal(phases, [2, 0, 1]));
      expect(interactions.interactions).toHaveLength(1);
      collected(new Circuit(3).h(0).diagonal(phases, [2, 0, 1]));
    }
  });

  it('with few parities take only those', () => {
    const phases = range(16).map((i) => ([...i.toString(2)].filter((bit) => bit === '1').length % 2) * 0.8);
    expect(collected(new Circuit(4).h(1).diagonal(phases, [0, 1, 2, 3]))).toBe(6);
    expect(
      collected(
        new Circuit(4).diagonal(
          range(16).map(() => 2),
          [0, 1, 2, 3],
        ),
      ),
    ).toBe(0);
  });
});
