import { adjoint4, multiply4 } from './matrix4.ts';

/** Steps of Newton's iteration: each squares the error, which is at most 1e-8 for matrices that circuits accept. */
const STEPS = 2;

/** The unitary nearest to a matrix `[4, 4, 2]` that almost is one: Newton's iteration for the polar factor. A new array. */
export function orthonormalize4(matrix: Float64Array): Float64Array {
  let current = matrix;
  for (let step = 0; step < STEPS; step++) {
    const correction = multiply4(current, multiply4(adjoint4(current), current));
    const near = current;
    current = correction.map((value, i) => 1.5 * near[i]! - 0.5 * value);
  }
  return current;
}

/** Rounding of so much in the sum of all squares is left alone. */
const DRIFT = 1e-13;

/** A copy of a unitary, orthonormal again where products of very many have drifted. */
export function copyUnitary4(matrix: Float64Array): Float64Array {
  let sum = 0;
  for (let i = 0; i < 32; i++) sum += matrix[i]! * matrix[i]!;
  return Math.abs(sum - 4) < DRIFT ? matrix.slice() : orthonormalize4(matrix);
}
