import { assertShape } from '@qedge/core';
import type { WorkTurns } from '../post-training/work-turns.ts';

/**
 * Solves `matrix x = right` by Cholesky factorisation, in double precision.
 *
 * @param matrix `[n, n]` row-major, symmetric; only its lower half is read.
 * @param right `[n, columns]` row-major.
 * @param turns between rows.
 * @returns `[n, columns]`; null when the matrix is not positive definite in double precision.
 * @throws ShapeMismatchError when the arrays do not fit; CancelledError.
 */
export async function solvePositiveDefinite(
  matrix: Float64Array,
  right: Float64Array,
  columns: number,
  turns: WorkTurns,
): Promise<Float64Array | null> {
  const n = Math.sqrt(matrix.length);
  assertShape([right.length], [n * columns], 'The right side');
  const factor = await factorize(matrix, n, turns);
  if (factor === null) return null;
  const solution = right.slice();
  // Forward: the columns of a row wait for those above it; backward: for those below it.
  for (let row = 0; row < n; row++) {
    if (turns.isOver) await turns.next();
    for (let above = 0; above < row; above++) {
      subtractRow(solution, columns, row, above, factor[row * n + above]!);
    }
    divideRow(solution, columns, row, factor[row * n + row]!);
  }
  for (let row = n - 1; row >= 0; row--) {
    if (turns.isOver) await turns.next();
    for (let below = row + 1; below < n; below++) {
      subtractRow(solution, columns, row, below, factor[below * n + row]!);
    }
    divideRow(solution, columns, row, factor[row * n + row]!);
  }
  return solution;
}

/** The lower triangle `L` of `matrix = L L'`, or null. */
async function factorize(matrix: Float64Array, n: number, turns: WorkTurns): Promise<Float64Array | null> {
  const lower = new Float64Array(n * n);
  for (let row = 0; row < n; row++) {
    if (turns.isOver) await turns.next();
    for (let column = 0; column <= row; column++) {
      let sum = matrix[row * n + column]!;
      for (let k = 0; k < column; k++) sum -= lower[row * n + k]! * lower[column * n + k]!;
      if (column < row) lower[row * n + column] = sum / lower[column * n + column]!;
      else if (sum > 0 && sum < Number.POSITIVE_INFINITY) lower[row * n + row] = Math.sqrt(sum);
      else return null;
    }
  }
  return lower;
}

function subtractRow(
  matrix: Float64Array,
  columns: number,
  row: number,
  other: number,
  factor: number,
): void {
  const [to, from] = [row * columns, other * columns];
  for (let at = 0; at < columns; at++) matrix[to + at]! -= factor * matrix[from + at]!;
}

function divideRow(matrix: Float64Array, columns: number, row: number, divisor: number): void {
  for (let at = row * columns; at < (row + 1) * columns; at++) matrix[at]! /= divisor;
}
