/** Off-diagonal weight, relative to the whole, at which rotations stop. */
const NEGLIGIBLE = 1e-30;
const MAX_SWEEPS = 60;

/**
 * The eigenvalues of a Hermitian matrix, ascending, by cyclic Jacobi rotations (Golub and Van Loan, Matrix Computations, 8.5).
 *
 * @param matrix `[size, size, 2]` row-major, interleaved; not changed.
 */
export function hermitianEigenvalues(matrix: Float64Array, size: number): Float64Array {
  const a = matrix.slice();
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let [offDiagonal, total] = [0, 0];
    for (let row = 0; row < size; row++) {
      for (let column = 0; column < size; column++) {
        const at = 2 * (row * size + column);
        const weight = a[at]! * a[at]! + a[at + 1]! * a[at + 1]!;
        total += weight;
        if (row !== column) offDiagonal += weight;
      }
    }
    if (offDiagonal <= NEGLIGIBLE * total) break;
    for (let p = 0; p < size; p++) for (let q = p + 1; q < size; q++) rotate(a, size, p, q);
  }
  return Float64Array.from({ length: size }, (_, i) => a[2 * (i * size + i)]!).sort();
}

/** Makes entry `[p, q]` zero by a rotation of the rows and columns `p` and `q`. */
function rotate(a: Float64Array, size: number, p: number, q: number): void {
  const at = 2 * (p * size + q);
  const magnitude = Math.hypot(a[at]!, a[at + 1]!);
  if (magnitude === 0) return;
  const [phaseRe, phaseIm] = [a[at]! / magnitude, a[at + 1]! / magnitude];
  const difference = a[2 * (q * size + q)]! - a[2 * (p * size + p)]!;
  const ratio = difference / (2 * magnitude);
  const t = (ratio >= 0 ? 1 : -1) / (Math.abs(ratio) + Math.sqrt(ratio * ratio + 1));
  const c = 1 / Math.sqrt(t * t + 1);
  const s = t * c;
  // Columns: p' = c p - s conj(phase) q, q' = s phase p + c q; then rows with the conjugate factors.
  for (let k = 0; k < size; k++) {
    const [i, j] = [2 * (k * size + p), 2 * (k * size + q)];
    mix(a, i, j, c, s, phaseRe, -phaseIm);
  }
  for (let k = 0; k < size; k++) {
    const [i, j] = [2 * (p * size + k), 2 * (q * size + k)];
    mix(a, i, j, c, s, phaseRe, phaseIm);
  }
}

/** `x' = c x - s f y`, `y' = s conj(f) x + c y` for the complex numbers at two places. */
function mix(
  a: Float64Array,
  i: number,
  j: number,
  c: number,
  s: number,
  factorRe: number,
  factorIm: number,
): void {
  const [xr, xi, yr, yi] = [a[i]!, a[i + 1]!, a[j]!, a[j + 1]!];
  a[i] = c * xr - s * (factorRe * yr - factorIm * yi);
  a[i + 1] = c * xi - s * (factorRe * yi + factorIm * yr);
  a[j] = s * (factorRe * xr + factorIm * xi) + c * yr;
  a[j + 1] = s * (factorRe * xi - factorIm * xr) + c * yi;
}
