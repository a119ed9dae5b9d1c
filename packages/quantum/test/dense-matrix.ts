/** @file Dense matrices by definition, sharing no code with the package, for tests only. */
import type { Random } from '@qedge/core';

export type Complex = readonly [number, number];
export type Dense = Complex[][];

const times = ([a, b]: Complex, [c, d]: Complex): Complex => [a * c - b * d, a * d + b * c];

export function multiply(a: Dense, b: Dense): Dense {
  return a.map((row) =>
    b[0]!.map((_, column) => {
      let [re, im] = [0, 0];
      row.forEach((entry, k) => {
        if (entry[0] === 0 && entry[1] === 0) return;
        const [x, y] = times(entry, b[k]![column]!);
        [re, im] = [re + x, im + y];
      });
      return [re, im];
    }),
  );
}

export function adjointOf(matrix: Dense): Dense {
  return matrix.map((_, row) => matrix.map((other): Complex => [other[row]![0], -other[row]![1]]));
}

/** A matrix (interleaved, row-major, bit `i` of an index for `qubits[i]`) on some of `qubitCount` qubits. */
export function embed(matrix: ArrayLike<number>, qubits: readonly number[], qubitCount: number): Dense {
  const small = 2 ** qubits.length;
  const local = (index: number) => qubits.reduce((sum, qubit, i) => sum + ((index >> qubit) & 1) * 2 ** i, 0);
  const rest = (index: number) => qubits.reduce((left, qubit) => left & ~(1 << qubit), index);
  return Array.from({ length: 2 ** qubitCount }, (_, row) =>
    Array.from({ length: 2 ** qubitCount }, (_, column): Complex => {
      if (rest(row) !== rest(column)) return [0, 0];
      const at = 2 * (local(row) * small + local(column));
      return [matrix[at]!, matrix[at + 1]!];
    }),
  );
}

/** The matrix where all controls have their states, the identity elsewhere. */
export function controlledMatrix(
  matrix: Dense,
  controls: readonly number[],
  states: readonly number[],
): Dense {
  const acts = (index: number) => controls.every((control, i) => ((index >> control) & 1) === states[i]);
  return matrix.map((row, r) =>
    row.map((entry, c): Complex => {
      if (acts(r) && acts(c)) return entry;
      return [r === c ? 1 : 0, 0];
    }),
  );
}

export function largestDifference(a: Dense, b: Dense): number {
  let largest = 0;
  a.forEach((row, r) => {
    row.forEach(([re, im], c) => {
      const [x, y] = b[r]![c]!;
      const difference = Math.max(Math.abs(re - x), Math.abs(im - y));
      // NaN must not pass for small.
      if (!(difference <= largest)) largest = difference;
    });
  });
  return largest;
}

/** A random unitary, interleaved: Gram-Schmidt on normal numbers, which is Haar's distribution. */
export function randomUnitary(random: Random, size: number): Float64Array {
  const columns: Complex[][] = [];
  while (columns.length < size) {
    let column = Array.from({ length: size }, (): Complex => [random.normal(), random.normal()]);
    for (let round = 0; round < 2; round++) {
      for (const other of columns) {
        let [re, im] = [0, 0];
        other.forEach(([a, b], i) => {
          const [c, d] = column[i]!;
          [re, im] = [re + a * c + b * d, im + a * d - b * c];
        });
        column = column.map(([c, d], i) => {
          const [x, y] = times([re, im], other[i]!);
          return [c - x, d - y];
        });
      }
      const norm = Math.sqrt(column.reduce((sum, [c, d]) => sum + c * c + d * d, 0));
      column = column.map(([c, d]) => [c / norm, d / norm]);
    }
    columns.push(column);
  }
  const matrix = new Float64Array(2 * size * size);
  columns.forEach((column, c) => {
    column.forEach(([re, im], r) => {
      matrix[2 * (r * size + c)] = re;
      matrix[2 * (r * size + c) + 1] = im;
    });
  });
  return matrix;
}

const PAULI: Readonly<Record<string, Dense>> = {
  I: [
    [
      [1, 0],
      [0, 0],
    ],
    [
      [0, 0],
      [1, 0],
    ],
  ],
  X: [
    [
      [0, 0],
      [1, 0],
    ],
    [
      [1, 0],
      [0, 0],
    ],
  ],
  Y: [
    [
      [0, 0],
      [0, -1],
    ],
    [
      [0, 1],
      [0, 0],
    ],
  ],
  Z: [
    [
      [1, 0],
      [0, 0],
    ],
    [
      [0, 0],
      [-1, 0],
    ],
  ],
};

/** `exp(i angle P) = cos(angle) + i sin(angle) P`; character `i` of the string acts on bit `i`. */
export function exponentialOfPauli(string: string, angle: number): Dense {
  const size = 2 ** string.length;
  return Array.from({ length: size }, (_, row) =>
    Array.from({ length: size }, (_, column): Complex => {
      let entry: Complex = [0, Math.sin(angle)];
      [...string].forEach((letter, i) => {
        entry = times(entry, PAULI[letter]![(row >> i) & 1]![(column >> i) & 1]!);
      });
      return row === column ? [entry[0] + Math.cos(angle), entry[1]] : entry;
    }),
  );
}
