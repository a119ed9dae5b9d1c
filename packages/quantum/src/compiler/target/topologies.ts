import { InvalidArgumentError, UnsupportedError } from '@qedge/core';
import type { GateName } from '../../circuit/gate-definition.ts';
import type { Target } from './target.ts';

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
 * The heavy-hexagon lattice of IBM's 27-qubit Falcon processors: two hexagons of twelve qubits that share an edge, with tails.
 *
 * @throws UnsupportedError for other sizes.
 */
export function heavyHexTarget(qubitCount = 27, basisGates = DEFAULT_BASIS_GATES): Target {
  if (qubitCount !== 27) {
    throw new UnsupportedError('There is no heavy-hexagon lattice of this size here', {
      expected: 27,
      actual: qubitCount,
      remedy: 'Describe the machine as a Target of your own',
    });
  }
  return { name: 'heavy hexagon of 27', qubitCount, couplingEdges: FALCON_EDGES, basisGates };
}

// Public facts: the coupling map of the 27-qubit IBM Falcon processors.
const FALCON_EDGES: readonly (readonly [number, number])[] = [
  ...([
    [0, 1],
    [1, 2],
    [1, 4],
    [2, 3],
    [3, 5],
    [4, 7],
    [5, 8],
  ] as const),
  ...([
    [6, 7],
    [7, 10],
    [8, 9],
    [8, 11],
    [10, 12],
    [11, 14],
    [12, 13],
  ] as const),
  ...([
    [12, 15],
    [13, 14],
    [14, 16],
    [15, 18],
    [16, 19],
    [17, 18],
    [18, 21],
  ] as const),
  ...([
    [19, 20],
    [19, 22],
    [21, 23],
    [22, 25],
    [23, 24],
    [24, 25],
    [25, 26],
  ] as const),
];

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
