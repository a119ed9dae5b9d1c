import { UnsupportedError } from '@qedge/core';
import { type Target, workingEdges } from './target.ts';

/** The table of distances grows with the square: 32 MB for this many qubits. */
const MAX_ROUTED_QUBITS = 4096;

/** The distance of qubits that cannot reach one another. */
export const UNREACHABLE = 0xffff;

/** A coupling map as plain data, which can be sent to another thread. */
export interface CouplingMap {
  readonly qubitCount: number;
  /** `[qubitCount + 1]`: where the neighbours of each qubit begin in `neighbours`. */
  readonly neighbourOffsets: Int32Array;
  /** Neighbours of each qubit, ascending. */
  readonly neighbours: Int32Array;
  /** `[qubitCount, qubitCount]` row-major: couplings on the shortest way, {@link UNREACHABLE} where there is none. */
  readonly distances: Uint16Array;
  /** `[qubitCount]`: 1 for qubits on which nothing may be placed. */
  readonly faulty: Uint8Array;
}

/** Which qubits are coupled, in either direction, and how many couplings lie between any two. Faulty ones have none. */
export class CouplingGraph implements CouplingMap {
  readonly qubitCount: number;
  readonly neighbourOffsets: Int32Array;
  readonly neighbours: Int32Array;
  readonly distances: Uint16Array;
  readonly faulty: Uint8Array;
  /** How many qubits work. */
  readonly workingCount: number;
  /** `[qubitCount]`: which connected part each qubit belongs to, numbered by their smallest qubit. */
  readonly componentOf: Int32Array;
  /** How many qubits each connected part has. */
  readonly componentSizes: readonly number[];
  /** True when every pair is coupled. */
  readonly isComplete: boolean;

  /** @throws UnsupportedError for more than 4096 qubits. */
  constructor(
    target: Pick<Target, 'name' | 'qubitCount' | 'couplingEdges' | 'faultyQubits' | 'faultyEdges'>,
  ) {
    const n = target.qubitCount;
    if (n > MAX_ROUTED_QUBITS) {
      throw new UnsupportedError(`The target "${target.name}" is too large to route on`, {
        expected: `at most ${MAX_ROUTED_QUBITS} qubits`,
        actual: n,
      });
    }
    this.qubitCount = n;
    this.faulty = new Uint8Array(n);
    for (const qubit of target.faultyQubits ?? []) this.faulty[qubit] = 1;
    this.workingCount = n - this.faulty.reduce((count, isFaulty) => count + isFaulty, 0);
    const edges = workingEdges(target);
    const { offsets, list } = edges ? adjacencyOf(n, edges) : completeAdjacency(n);
    this.neighbourOffsets = offsets;
    this.neighbours = list;
    this.isComplete = list.length === n * (n - 1);
    this.distances = new Uint16Array(n * n).fill(this.isComplete ? 1 : UNREACHABLE);
    const queue = new Int32Array(n);
    if (this.isComplete) for (let qubit = 0; qubit < n; qubit++) this.distances[qubit * n + qubit] = 0;
    else for (let start = 0; start < n; start++) this.#measureFrom(start, queue);
    this.componentOf = new Int32Array(n).fill(-1);
    this.componentSizes = this.#collectComponents();
  }

  distance(a: number, b: number): number {
    return this.distances[a * this.qubitCount + b]!;
  }

  degree(qubit: number): number {
    return this.neighbourOffsets[qubit + 1]! - this.neighbourOffsets[qubit]!;
  }

  /** Ascending; borrowed. */
  neighboursOf(qubit: number): Int32Array {
    return this.neighbours.subarray(this.neighbourOffsets[qubit]!, this.neighbourOffsets[qubit + 1]!);
  }

  /** Breadth-first search. */
  #measureFrom(start: number, queue: Int32Array): void {
    const row = this.distances.subarray(start * this.qubitCount, (start + 1) * this.qubitCount);
    row[start] = 0;
    queue[0] = start;
    for (let head = 0, tail = 1; head < tail; head++) {
      const qubit = queue[head]!;
      for (let i = this.neighbourOffsets[qubit]!; i < this.neighbourOffsets[qubit + 1]!; i++) {
        const neighbour = this.neighbours[i]!;
        if (row[neighbour] !== UNREACHABLE) continue;
        row[neighbour] = row[qubit]! + 1;
        queue[tail++] = neighbour;
      }
    }
  }

  #collectComponents(): number[] {
    const sizes: number[] = [];
    for (let start = 0; start < this.qubitCount; start++) {
      if (this.componentOf[start]! >= 0) continue;
      let size = 0;
      for (let qubit = start; qubit < this.qubitCount; qubit++) {
        if (this.distance(start, qubit) === UNREACHABLE) continue;
        this.componentOf[qubit] = sizes.length;
        size++;
      }
      sizes.push(size);
    }
    return sizes;
  }
}

/** Lists of neighbours in compressed rows, each pair once however often it is given. */
function adjacencyOf(
  n: number,
  edges: readonly (readonly [number, number])[],
): { offsets: Int32Array; list: Int32Array } {
  const rows = Array.from({ length: n }, (): number[] => []);
  for (const [a, b] of edges) {
    rows[a]!.push(b);
    rows[b]!.push(a);
  }
  const distinct = rows.map((row) => [...new Set(row)].sort((a, b) => a - b));
  const offsets = new Int32Array(n + 1);
  distinct.forEach((row, qubit) => {
    offsets[qubit + 1] = offsets[qubit]! + row.length;
  });
  return { offsets, list: Int32Array.from(distinct.flat()) };
}

function completeAdjacency(n: number): { offsets: Int32Array; list: Int32Array } {
  const list = new Int32Array(n * (n - 1));
  for (let a = 0, i = 0; a < n; a++) for (let b = 0; b < n; b++) if (b !== a) list[i++] = b;
  return { offsets: Int32Array.from({ length: n + 1 }, (_, qubit) => qubit * (n - 1)), list };
}
