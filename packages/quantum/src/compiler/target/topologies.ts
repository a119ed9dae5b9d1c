import { InvalidArgumentError, UnsupportedError } from '@qedge/core';
import type { GateName } from '../../circuit/gate-definition.ts';
import type { CouplingEdge, Target } from './target.ts';

/** The gates of IBM's fixed-frequency machines. */
export const DEFAULT_BASIS_GATES: readonly GateName[] = ['rz', 'sx', 'x', 'cx'];

/** Qubits in a row, each coupled to the next. */
export function lineTarget(qubitCount: number, basisGates = DEFAULT_BASIS_GATES): Target {
  checkSize(qubitCount);
  return { name: `line of ${qubitCount}`, qubitCount, couplingEdges: lineEdges(qubitCount), basisGates };
}

/** A line whose ends are coupled. */
export function ringTarget(qubitCount: number, basisGates = DEFAULT_BASIS_GATES): Target {
  checkSize(qubitCount);
  const couplingEdges = lineEdges(qubitCount);
  if (qubitCount > 2) couplingEdges.push([0, qubitCount - 1]);
  return { name: `ring of ${qubitCount}`, qubitCount, couplingEdges, basisGates };
}

/** A square grid, numbered row by row. */
export function gridTarget(rows: number, columns: number, basisGates = DEFAULT_BASIS_GATES): Target {
  checkSize(rows);
  checkSize(columns);
  const couplingEdges: [number, number][] = [];
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const qubit = row * columns + column;
      if (column + 1 < columns) couplingEdges.push([qubit, qubit + 1]);
      if (row + 1 < rows) couplingEdges.push([qubit, qubit + columns]);
    }
  }
  return { name: `grid of ${rows} x ${columns}`, qubitCount: rows * columns, couplingEdges, basisGates };
}

/** Every pair coupled. */
export function allToAllTarget(qubitCount: number, basisGates = DEFAULT_BASIS_GATES): Target {
  checkSize(qubitCount);
  return { name: `all to all of ${qubitCount}`, qubitCount, couplingEdges: null, basisGates };
}

/**
 * The heavy-hexagon lattices of IBM's processors, numbered as there: 27 qubits (Falcon), 127 (Eagle) or 156 (Heron r2).
 *
 * @throws UnsupportedError for other sizes.
 */
export function heavyHexTarget(qubitCount = 27, basisGates = DEFAULT_BASIS_GATES): Target {
  const couplingEdges = HEAVY_HEXAGONS[qubitCount]?.();
  if (!couplingEdges) {
    throw new UnsupportedError('There is no heavy-hexagon lattice of this size here', {
      expected: Object.keys(HEAVY_HEXAGONS).join(', '),
      actual: qubitCount,
      remedy: 'Describe the machine as a Target of your own',
    });
  }
  return { name: `heavy hexagon of ${qubitCount}`, qubitCount, couplingEdges, basisGates };
}

const HEAVY_HEXAGONS: Readonly<Record<number, () => CouplingEdge[]>> = {
  27: falconEdges,
  // The first row lacks its last qubit, the last row its first one.
  127: () => heavyHexRows({ rows: 7, columns: 15, firstBridges: [0, 2], isTrimmed: true }),
  156: () => heavyHexRows({ rows: 8, columns: 16, firstBridges: [3, 1], isTrimmed: false }),
};

/**
 * Two rows of ten, the lower one shifted by a column. Every fourth column has a bridge between them, or a qubit that hangs above and
 * one that hangs below. Qubits are numbered column by column from the top.
 */
function falconEdges(): CouplingEdge[] {
  const places = new Map<string, number>();
  for (let column = 0; column <= 10; column++) {
    const hangs = column % 4 === 3;
    const rows = [hangs && 0, column <= 9 && 1, column % 4 === 1 && 2, column >= 1 && 3, hangs && 4];
    for (const row of rows) if (row !== false) places.set(`${row},${column}`, places.size);
  }
  const edges: CouplingEdge[] = [];
  for (const [place, qubit] of places) {
    const [row, column] = place.split(',').map(Number) as [number, number];
    const right = places.get(`${row},${column + 1}`);
    const below = places.get(`${row + 1},${column}`);
    if (right !== undefined && (row === 1 || row === 3)) edges.push([qubit, right]);
    if (below !== undefined) edges.push([qubit, below]);
  }
  return edges;
}

/** Rows of qubits with four bridges between two rows, every fourth column, shifted by two from one pair of rows to the next. */
function heavyHexRows({
  rows,
  columns,
  firstBridges,
  isTrimmed,
}: {
  readonly rows: number;
  readonly columns: number;
  readonly firstBridges: readonly [number, number];
  readonly isTrimmed: boolean;
}): CouplingEdge[] {
  const edges: CouplingEdge[] = [];
  let next = 0;
  let bridges: (readonly [column: number, qubit: number])[] = [];
  for (let row = 0; row < rows; row++) {
    const from = isTrimmed && row === rows - 1 ? 1 : 0;
    const to = isTrimmed && row === 0 ? columns - 1 : columns;
    const start = next - from;
    for (let column = from; column + 1 < to; column++) edges.push([start + column, start + column + 1]);
    for (const [column, bridge] of bridges) edges.push([bridge, start + column]);
    next = start + to;
    bridges = [];
    if (row === rows - 1) break;
    for (let column = firstBridges[row % 2]!; column < columns; column += 4) {
      bridges.push([column, next]);
      edges.push([start + column, next++]);
    }
  }
  return edges;
}

function lineEdges(qubitCount: number): [number, number][] {
  return Array.from({ length: qubitCount - 1 }, (_, qubit) => [qubit, qubit + 1]);
}

function checkSize(size: number): void {
  if (Number.isInteger(size) && size >= 1) return;
  throw new InvalidArgumentError('A target has an impossible size', {
    expected: 'an integer >= 1',
    actual: size,
  });
}
