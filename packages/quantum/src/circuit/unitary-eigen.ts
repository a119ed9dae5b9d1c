import { ConvergenceError } from '@qedge/core';
import { adjoint, identityMatrix, multiplyMatrices, sizeOf, turnColumns } from './complex-matrix.ts';

/** `V diag(e^(i phases)) V+`. */
export interface UnitaryEigen {
  /** Columns are orthonormal eigenvectors. */
  readonly vectors: Float64Array;
  /** In -pi..pi. */
  readonly phases: Float64Array;
}

const MAX_SWEEPS = 100;
/** Rotations by less change nothing that doubles could hold. */
const NEGLIGIBLE = 1e-15;
/** What sums of a few products leave of a zero. */
const ROUNDING = 5e-16;

/**
 * Diagonalises a unitary (any normal) matrix by Jacobi rotations (Goldstine and Horwitz, J. ACM 6 (1959) 176; angles after Cardoso
 * and Souloumiac, SIAM J. Matrix Anal. 17 (1996) 161). Orthonormal vectors also for equal eigenvalues.
 *
 * @throws ConvergenceError for a matrix that is not normal.
 */
export function unitaryEigen(matrix: Float64Array): UnitaryEigen {
  const size = sizeOf(matrix);
  const work = matrix.slice();
  const vectors = identityMatrix(size);
  for (let sweep = 0; ; sweep++) {
    // Rounding beside equal eigenvalues would turn their vectors for ever.
    if (offDiagonal(work, size) < ROUNDING) break;
    let largest = 0;
    for (let p = 0; p < size - 1; p++) {
      for (let q = p + 1; q < size; q++) {
        const [c, sr, si] = jacobiAngles(work, size, p, q);
        const sine = Math.hypot(sr, si);
        if (sine <= NEGLIGIBLE) continue;
        largest = Math.max(largest, sine);
        rotateColumns(vectors, size, p, q, c, sr, si);
        rotateColumns(work, size, p, q, c, sr, si);
        rotateRows(work, size, p, q, c, sr, si);
      }
    }
    if (largest < 1e-8) {
      if (offDiagonal(work, size) < 1e-14 * size) break;
      // Every pair is at its best, and still the matrix is not diagonal: a saddle, which any other basis leaves.
      shake(work, vectors, size);
    }
    if (sweep === MAX_SWEEPS) {
      throw new ConvergenceError('A matrix could not be diagonalised', {
        expected: 'a unitary matrix',
        actual: `entries of ${offDiagonal(work, size)} beside the diagonal`,
      });
    }
  }
  const phases = Float64Array.from({ length: size }, (_, i) =>
    Math.atan2(work[2 * (i * size + i) + 1]!, work[2 * (i * size + i)]!),
  );
  return { vectors, phases };
}

/** Turns every pair by some angle. */
function shake(work: Float64Array, vectors: Float64Array, size: number): void {
  for (let p = 0; p < size - 1; p++) {
    for (let q = p + 1; q < size; q++) {
      const angle = 0.3 + 0.7 * Math.sin(1 + p + 3 * q);
      const [c, sr, si] = [Math.cos(angle), 0.8 * Math.sin(angle), 0.6 * Math.sin(angle)];
      rotateColumns(vectors, size, p, q, c, sr, si);
      rotateColumns(work, size, p, q, c, sr, si);
      rotateRows(work, size, p, q, c, sr, si);
    }
  }
}

function offDiagonal(matrix: Float64Array, size: number): number {
  let largest = 0;
  for (let i = 0; i < size * size; i++) {
    if (i % (size + 1) !== 0) {
      largest = Math.max(largest, Math.abs(matrix[2 * i]!), Math.abs(matrix[2 * i + 1]!));
    }
  }
  return largest;
}

/** Cosine and complex sine of the rotation that makes entries `(p, q)` and `(q, p)` smallest. */
function jacobiAngles(
  matrix: Float64Array,
  size: number,
  p: number,
  q: number,
): readonly [number, number, number] {
  const entry = (row: number, column: number) => {
    const at = 2 * (row * size + column);
    return [matrix[at]!, matrix[at + 1]!] as const;
  };
  const [[ppr, ppi], [qqr, qqi], [pqr, pqi], [qpr, qpi]] = [
    entry(p, p),
    entry(q, q),
    entry(p, q),
    entry(q, p),
  ];
  // The vector (a_pp - a_qq, a_pq + a_qp, i (a_qp - a_pq)), real and imaginary parts.
  const re = [ppr - qqr, pqr + qpr, pqi - qpi];
  const im = [ppi - qqi, pqi + qpi, qpr - pqr];
  let [x, y, z] = principalDirection(re, im);
  if (x < 0) [x, y, z] = [-x, -y, -z];
  const c = Math.sqrt(0.5 + x / 2);
  return [c, y / (2 * c), -z / (2 * c)];
}

/** The unit vector `v` for which `(re . v)^2 + (im . v)^2` is largest: in the plane of both, where their Gram matrix is 2 x 2. */
function principalDirection(re: readonly number[], im: readonly number[]): [number, number, number] {
  const dot = (a: readonly number[], b: readonly number[]) => a[0]! * b[0]! + a[1]! * b[1]! + a[2]! * b[2]!;
  const angle = 0.5 * Math.atan2(2 * dot(re, im), dot(re, re) - dot(im, im));
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const v = re.map((value, i) => c * value + s * im[i]!);
  const norm = Math.hypot(v[0]!, v[1]!, v[2]!);
  if (norm === 0) return [1, 0, 0];
  return [v[0]! / norm, v[1]! / norm, v[2]! / norm];
}

/** Columns `p, q` become `c p + s q` and `-conj(s) p + c q`. */
function rotateColumns(
  matrix: Float64Array,
  size: number,
  p: number,
  q: number,
  ...[c, sr, si]: Rotation
): void {
  rotate(matrix, size, p, q, size, c, sr, si);
}

/** Rows `p, q` become `c p + conj(s) q` and `-s p + c q`. */
function rotateRows(
  matrix: Float64Array,
  size: number,
  p: number,
  q: number,
  ...[c, sr, si]: Rotation
): void {
  rotate(matrix, size, p * size, q * size, 1, c, sr, -si);
}

/** A cosine and a complex sine. */
type Rotation = readonly [c: number, sr: number, si: number];

/** Rotates two runs of `count` entries, which begin at entries `p` and `q` and go on every `stride` entries. */
function rotate(
  matrix: Float64Array,
  count: number,
  p: number,
  q: number,
  stride: number,
  ...[c, sr, si]: Rotation
): void {
  for (let i = 0; i < count; i++) {
    const [a, b] = [2 * (p + i * stride), 2 * (q + i * stride)];
    const [ar, ai, br, bi] = [matrix[a]!, matrix[a + 1]!, matrix[b]!, matrix[b + 1]!];
    matrix[a] = c * ar + sr * br - si * bi;
    matrix[a + 1] = c * ai + sr * bi + si * br;
    matrix[b] = c * br - sr * ar - si * ai;
    matrix[b + 1] = c * bi - sr * ai + si * ar;
  }
}

/** `matrix ** exponent` by its eigenvalues, each `e^(i phi)` with phi in (-pi, pi] (the principal power). */
export function unitaryPower(matrix: Float64Array, exponent: number): Float64Array {
  const { vectors, phases } = unitaryEigen(matrix);
  // An eigenvalue of -1 comes out a little above or below.
  const principal = phases.map((phase) => (phase < 1e-12 - Math.PI ? phase + 2 * Math.PI : phase));
  return multiplyMatrices(
    turnColumns(
      vectors,
      principal.map((phase) => phase * exponent),
    ),
    adjoint(vectors),
  );
}
