import { Random } from '@qedge/core';
import {
  Circuit,
  gridTarget,
  heavyHexTarget,
  targetFromCouplingMap,
  transpile,
  verifyEquivalence,
} from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { walkMap } from '../../src/compiler/layout/walk-map.ts';
import { CouplingGraph } from '../../src/compiler/target/coupling-graph.ts';

function jumpsOf(graph: CouplingGraph, walk: readonly number[]): number {
  let jumps = 0;
  for (let i = 1; i < walk.length; i++) {
    jumps += graph.distances[walk[i - 1]! * graph.qubitCount + walk[i]!]! - 1;
  }
  return jumps;
}

describe('walkMap', () => {
  it('goes through every place of a grid, and leaves only bridges of a heavy hexagon out of its path', () => {
    for (const [target, most] of [
      [gridTarget(6, 5), 0],
      [heavyHexTarget(27), 6],
      [heavyHexTarget(127), 20],
    ] as const) {
      const graph = new CouplingGraph(target);
      const places = Int32Array.from(graph.componentOf.keys());
      const walk = walkMap(graph, places, places.length, new Random(3));
      expect(new Set(walk).size).toBe(target.qubitCount);
      expect(jumpsOf(graph, walk)).toBeLessThanOrEqual(most);
      const part = walkMap(graph, places, 17, new Random(4));
      expect([part.length, new Set(part).size, jumpsOf(graph, part)]).toEqual([17, 17, 0]);
    }
  });

  it('goes to and fro in a map where every place of one kind is beside all of the other, without looking at each way', () => {
    const [few, many] = [60, 180];
    const edges = Array.from({ length: few * many }, (_, i) => [i % few, few + Math.floor(i / few)] as const);
    const graph = new CouplingGraph(targetFromCouplingMap(edges));
    const walk = walkMap(graph, Int32Array.from(graph.componentOf.keys()), many, new Random(2));
    expect([walk.length, new Set(walk).size]).toEqual([many, many]);
    // A path alternates; what it cannot take in stands between.
    expect(walk.filter((place) => place < few).length).toBe(few);
  });

  it('lets a chain of all qubits of a heavy hexagon take one gate more for each place beside the path', async () => {
    const target = heavyHexTarget(127);
    const circuit = new Circuit(127).h(0);
    for (let qubit = 0; qubit < 126; qubit++) circuit.cx(qubit, qubit + 1);
    const result = await transpile(circuit, target, { level: 2, seed: 1 });
    expect(result.circuit.gateCounts().cx).toBeLessThanOrEqual(150);
    expect((await verifyEquivalence(circuit, result, { target })).equivalent).toBe(true);
  });
});
