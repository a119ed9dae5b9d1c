/**
 * @file The two factorisations behind the quantum Shannon decomposition (Shende, Bullock, Markov, IEEE Trans. CAD 25 (2006) 1000).
 */
import { adjoint, blockOf, identityMatrix, multiplyMatrices, sizeOf, turnColumns } from './complex-matrix.ts';
import { unitaryEigen } from './unitary-eigen.ts';

/** `(left0 (+) left1) [[cos, -sin], [sin, cos]] (right0 (+) right1)`. */
export interface CosineSine {
  readonly left: readonly [Float64Array, Float64Array];
  readonly right: readonly [Float64Array, Float64Array];
  /** `[n / 2]` angles in 0..pi/2. */
  readonly angles: Float64Array;
}

/** The cosine-sine decomposition of a unitary of even size. */
export function cosineSine(matrix: Float64Array): CosineSine {
  const half = sizeOf(matrix) / 2;
  const v = rightSingularVectors(blockOf(matrix, 0, 0, half));
  const topLeft = multiplyMatrices(blockOf(matrix, 0, 0, half), v);
  const bottomLeft = multiplyMatrices(blockOf(matrix, half, 0, half), v);
  // Columns of the first come in descending order, those of the second in ascending order: orthogonalised from the largest on.
  const order = Array.from({ length: half }, (_, i) => i);
  const left0 = orthonormalize(topLeft, order);
  const left1 = orthonormalize(bottomLeft, order.toReversed());
  const [cosines, sines] = [overlaps(left0, topLeft), overlaps(left1, bottomLeft)];
  const angles = cosines.map((cosine, i) => Math.atan2(sines[i]!, cosine));
  const fromTop = multiplyMatrices(adjoint(left0), blockOf(matrix, 0, half, half));
  const fromBottom = multiplyMatrices(adjoint(left1), blockOf(matrix, half, half, half));
  const right1 = new Float64Array(2 * half * half);
  for (let row = 0; row < half; row++) {
    const [c, s] = [Math.cos(angles[row]!), Math.sin(angles[row]!)];
    for (let i = 2 * row * half; i < 2 * (row + 1) * half; i++) {
      right1[i] = c * fromBottom[i]! - s * fromTop[i]!;
    }
  }
  return { left: [left0, left1], right: [adjoint(v), right1], angles };
}

/** `upper = v d w` and `lower = v d* w` with `d = diag(e^(i phases))`. */
export interface Demultiplexed {
  readonly v: Float64Array;
  readonly phases: Float64Array;
  readonly w: Float64Array;
}

/** Splits a unitary that one qubit selects from two: `upper (+) lower = (1 (x) v) (d (+) d*) (1 (x) w)`. */
export function demultiplex(upper: Float64Array, lower: Float64Array): Demultiplexed {
  const eigen = unitaryEigen(multiplyMatrices(upper, adjoint(lower)));
  const phases = eigen.phases.map((phase) => phase / 2);
  // w = d v+ lower
  const w = multiplyMatrices(
    adjoint(
      turnColumns(
        eigen.vectors,
        phases.map((phase) => -phase),
      ),
    ),
    lower,
  );
  return { v: eigen.vectors, phases, w };
}

/** `Re <a_j | b_j>` of the columns of two matrices. */
function overlaps(a: Float64Array, b: Float64Array): Float64Array {
  const size = sizeOf(a);
  const sums = new Float64Array(size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const at = 2 * (row * size + column);
      sums[column] = sums[column]! + a[at]! * b[at]! + a[at + 1]! * b[at + 1]!;
    }
  }
  return sums;
}

/** `v` such that the columns of `matrix v` are orthogonal, the longest first (one-sided Jacobi, Hestenes 1958). */
function rightSingularVectors(matrix: Float64Array): Float64Array {
  const size = sizeOf(matrix);
  const columns = Array.from({ length: size }, (_, j) => columnOf(matrix, j));
  const vectors = Array.from({ length: size }, (_, j) => columnOf(identityMatrix(size), j));
  for (let sweep = 0, rotated = true; rotated && sweep < 60; sweep++) {
    rotated = false;
    for (let p = 0; p < size - 1; p++) {
      for (let q = p + 1; q < size; q++) {
        const [a, b] = [inner(columns[p]!, columns[p]!)[0], inner(columns[q]!, columns[q]!)[0]];
        const [gr, gi] = inner(columns[p]!, columns[q]!);
        const overlap = Math.hypot(gr, gi);
        // Squares below 1e-32 are rounding of columns that vanish.
        if (overlap <= 1e-16 * Math.sqrt(a * b) + 1e-33) continue;
        rotated = true;
        const zeta = (b - a) / (2 * overlap);
        const t = (zeta >= 0 ? 1 : -1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const c = 1 / Math.hypot(1, t);
        const [ur, ui] = [gr / overlap, gi / overlap];
        for (const vector of [columns, vectors]) rotatePair(vector[p]!, vector[q]!, c, c * t, ur, ui);
      }
    }
  }
  const norms = columns.map((column) => inner(column, column)[0]);
  const order = Array.from({ length: size }, (_, i) => i).sort((i, j) => norms[j]! - norms[i]!);
  return fromColumns(order.map((index) => vectors[index]!));
}

/** `p' = c p - s conj(u) q`, `q' = s u p + c q` with `|u| = 1`. */
function rotatePair(p: Float64Array, q: Float64Array, c: number, s: number, ur: number, ui: number): void {
  for (let i = 0; i < p.length; i += 2) {
    const [pr, pi, qr, qi] = [p[i]!, p[i + 1]!, q[i]!, q[i + 1]!];
    p[i] = c * pr - s * (ur * qr + ui * qi);
    p[i + 1] = c * pi - s * (ur * qi - ui * qr);
    q[i] = s * (ur * pr - ui * pi) + c * qr;
    q[i + 1] = s * (ur * pi + ui * pr) + c * qi;
  }
}

/** `<a|b>`. */
function inner(a: Float64Array, b: Float64Array): readonly [number, number] {
  let [re, im] = [0, 0];
  for (let i = 0; i < a.length; i += 2) {
    re += a[i]! * b[i]! + a[i + 1]! * b[i + 1]!;
    im += a[i]! * b[i + 1]! - a[i + 1]! * b[i]!;
  }
  return [re, im];
}

function columnOf(matrix: Float64Array, column: number): Float64Array {
  const size = sizeOf(matrix);
  const vector = new Float64Array(2 * size);
  for (let row = 0; row < size; row++) {
    vector[2 * row] = matrix[2 * (row * size + column)]!;
    vector[2 * row + 1] = matrix[2 * (row * size + column) + 1]!;
  }
  return vector;
}

function fromColumns(columns: readonly Float64Array[]): Float64Array {
  const size = columns.length;
  const matrix = new Float64Array(2 * size * size);
  columns.forEach((vector, column) => {
    for (let row = 0; row < size; row++) {
      matrix[2 * (row * size + column)] = vector[2 * row]!;
      matrix[2 * (row * size + column) + 1] = vector[2 * row + 1]!;
    }
  });
  return matrix;
}

/** An orthonormal basis along columns taken in an order; where they vanish, any directions that are left. */
function orthonormalize(matrix: Float64Array, order: readonly number[]): Float64Array {
  const size = sizeOf(matrix);
  const basis: Float64Array[] = [];
  const result: Float64Array[] = Array.from({ length: size }, () => new Float64Array(0));
  const missing: number[] = [];
  for (const index of order) {
    const vector = columnOf(matrix, index);
    if (!orthogonalTo(basis, vector, 1e-13)) missing.push(index);
    else {
      basis.push(vector);
      result[index] = vector;
    }
  }
  for (let unit = 0; missing.length > 0; unit++) {
    const vector = new Float64Array(2 * size);
    vector[2 * unit] = 1;
    if (!orthogonalTo(basis, vector, 0.5 / Math.sqrt(size))) continue;
    basis.push(vector);
    result[missing.pop()!] = vector;
  }
  return fromColumns(result);
}

/** Takes what lies along a basis out of a vector, twice, and normalises it. @returns false where less than `least` is left. */
function orthogonalTo(basis: readonly Float64Array[], vector: Float64Array, least: number): boolean {
  for (let round = 0; round < 2; round++) {
    for (const direction of basis) {
      const [re, im] = inner(direction, vector);
      for (let i = 0; i < vector.length; i += 2) {
        vector[i] = vector[i]! - re * direction[i]! + im * direction[i + 1]!;
        vector[i + 1] = vector[i + 1]! - re * direction[i + 1]! - im * direction[i]!;
      }
    }
    const norm = Math.sqrt(inner(vector, vector)[0]);
    if (norm < least) return false;
    for (let i = 0; i < vector.length; i++) vector[i] = vector[i]! / norm;
    least = 0.5;
  }
  return true;
}
