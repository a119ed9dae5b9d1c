import { UnsupportedError } from '@qedge/core';
import type { Target } from './target.ts';

/** The table of distances grows with the square: 32 MB for this many qubits. */
const MAX_ROUTED_QUBITS = 4096;

/** Which qubits are coupled, and how many couplings lie between any two. */
export class CouplingGraph {
  readonly qubitCount: number;
  /** Neighbours of each qubit, ascending. */
  readonly neighbours: readonly (readonly number[])[];
  /** `[qubitCount, qubitCount]` row-major: couplings on the shortest way. */
  readonly distances: Uint16Array;

  /** @throws UnsupportedError for too many qubits, or when some cannot be reached from others. */
  constructor(target: Target) {
    const n = target.qubitCount;
    if (n > MAX_ROUTED_QUBITS) {
      throw new UnsupportedError(`The target "${target.name}" is too large to route on`, {
        expected: `at most ${MAX_ROUTED_QUBITS} qubits`,
        actual: n,
      });
    }
    const sets = Array.from({ length: n }, () => new Set<number>());
    for (const [a, b] of target.couplingEdges ?? allPairs(n)) {
      sets[a]!.add(b);
      sets[b]!.add(a);
    }
    this.qubitCount = n;
    this.neighbours = sets.map((set) => [...set].sort((a, b) => a - b));
    this.distances = new Uint16Array(n * n).fill(0xffff);
    for (let start = 0; start < n; start++) this.#measureFrom(start);
    if (this.distances.includes(0xffff)) {
      throw new UnsupportedError(`The target "${target.name}" falls apart`, {
        expected: 'a connected coupling map',
        actual: 'qubits that cannot reach one another',
      });
    }
  }

  distance(a: number, b: number): number {
    return this.distances[a * this.qubitCount + b]!;
  }

  #measureFrom(start: number): void {
    const row = this.distances.subarray(start * this.qubitCount, (start + 1) * this.qubitCount);
    row[start] = 0;
    const queue = [start];
    for (const qubit of queue) {
      for (const neighbour of this.neighbours[qubit]!) {
        if (row[neighbour] !== 0xffff) continue;
        row[neighbour] = row[qubit]! + 1;
        queue.push(neighbour);
      }
    }
  }
}

function allPairs(n: number): [number, number][] {
  const pairs: [number, number][] = [];
  for (let a = 0; a < n; a++) for (let b = a + 1; b < n; b++) pairs.push([a, b]);
  return pairs;
}
