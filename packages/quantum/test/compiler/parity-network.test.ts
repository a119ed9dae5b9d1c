import { Random } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { forAllToAll, thoroughOptimizer } from '../../src/compiler/optimizer/optimizer-settings.ts';
import {
  type ParityNetwork,
  type ParityProblem,
  reduceToPermutation,
  searchParityNetwork,
} from '../../src/compiler/optimizer/parity-network.ts';

const weightings = forAllToAll(thoroughOptimizer).parityWeightings;
const identity = (count: number) => Array.from({ length: count }, (_, i) => 1 << i);
const problemOf = (
  wireCount: number,
  terms: readonly number[],
  outputs: readonly number[] = identity(wireCount),
): ParityProblem => ({ wireCount, terms, outputs, isHalfTurn: terms.map(() => false) });

/** Runs a network on parities and checks that every phase meets its own, and that the outputs are where they are said to be. */
function expectValid(problem: ParityProblem, network: ParityNetwork): void {
  const held = identity(problem.wireCount);
  const visited = new Set<number>();
  let cost = 0;
  for (const step of network.steps) {
    if (step.kind === 'cx') {
      held[step.target]! ^= held[step.control]!;
      cost++;
      continue;
    }
    const mask = step.kind === 'phase' ? held[step.wire]! : held[step.first]! ^ held[step.second]!;
    expect(mask).toBe(problem.terms[step.term]);
    expect(visited.has(step.term)).toBe(false);
    visited.add(step.term);
    if (step.kind === 'pair') cost += problem.isHalfTurn[step.term] ? 1 : 2;
  }
  expect(visited.size).toBe(problem.terms.length);
  expect(network.cost).toBe(cost);
  expect(network.wireOfOutput.map((wire) => held[wire])).toEqual(problem.outputs);
}

const allPairs = (count: number) => identity(count).flatMap((a, i) => identity(i).map((b) => a | b));

/** Independent parities: the identity with random cx. */
function randomOutputs(random: Random, count: number): number[] {
  const rows = identity(count);
  for (let i = 0; i < 4 * count; i++) {
    const [a, b] = [random.integer(count), random.integer(count)];
    if (a !== b) rows[a]! ^= rows[b]!;
  }
  return rows;
}

describe('searchParityNetwork', () => {
  it('visits random parities and leaves random outputs', () => {
    const random = new Random(3);
    for (let round = 0; round < 60; round++) {
      const count = 1 + random.integer(9);
      const masks = new Set<number>();
      for (let i = random.integer(20); i > 0; i--) masks.add(1 + random.integer(2 ** count - 1));
      const terms = [...masks];
      const isHalfTurn = terms.map(() => random.integer(2) === 0);
      const problem = { ...problemOf(count, terms, randomOutputs(random, count)), isHalfTurn };
      expectValid(problem, searchParityNetwork(problem, weightings));
    }
  });

  it.each([
    [4, 9],
    [6, 20],
    [8, 35],
    [12, 77],
  ])(
    'visits all pairs of %i wires in %i gates: one each and a chain, instead of two each',
    (count, gates) => {
      const problem = problemOf(count, allPairs(count));
      const network = searchParityNetwork(problem, weightings);
      expectValid(problem, network);
      expect(network.cost).toBe(gates);
    },
  );

  it('visits all pairs of three and ten wires in 44 gates instead of 60', () => {
    const terms = identity(3).flatMap((a) => identity(10).map((b) => a | (b << 3)));
    const problem = problemOf(13, terms);
    const network = searchParityNetwork(problem, weightings);
    expectValid(problem, network);
    expect(network.cost).toBe(44);
  });

  it('makes a single pair by an interaction where that is the whole task', () => {
    const problem = { ...problemOf(2, [3]), isHalfTurn: [true] };
    expect(searchParityNetwork(problem, weightings).cost).toBe(1);
    expect(searchParityNetwork(problemOf(2, [3]), weightings).cost).toBe(2);
  });

  it('works on 30 wires', () => {
    const terms = identity(30).map((bit, i) => bit | (1 << ((i + 7) % 30)));
    const problem = problemOf(30, terms, randomOutputs(new Random(1), 30));
    expectValid(problem, searchParityNetwork(problem, weightings.slice(0, 1)));
  });
});

describe('reduceToPermutation', () => {
  it('ends with one bit in every row and column', () => {
    const random = new Random(4);
    for (let round = 0; round < 100; round++) {
      const count = 1 + random.integer(12);
      const rows = Int32Array.from(randomOutputs(random, count));
      const copy = rows.slice();
      for (const { control, target } of reduceToPermutation(rows.slice())) {
        for (let i = 0; i < count; i++) if ((copy[i]! >> target) & 1) copy[i]! ^= 1 << control;
      }
      expect([...copy].map((row) => Math.log2(row)).sort((a, b) => a - b)).toEqual([...Array(count).keys()]);
    }
  });

  it('needs nothing for a permutation and one gate for a cx', () => {
    expect(reduceToPermutation(Int32Array.of(2, 4, 1))).toEqual([]);
    expect(reduceToPermutation(Int32Array.of(1, 3))).toHaveLength(1);
  });
});
