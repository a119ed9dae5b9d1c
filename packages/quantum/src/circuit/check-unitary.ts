import { InvalidArgumentError } from '@qedge/core';

/** How far `M M+` may be from the identity, entry by entry: matrices arrive rounded to about ten digits. */
const TOLERANCE = 1e-8;

/**
 * Checks that an interleaved row-major matrix `[2^k, 2^k, 2]` is unitary.
 *
 * @throws InvalidArgumentError for another size, entries that are not finite, or rows that are not orthonormal.
 */
export function checkUnitary(matrix: Float64Array, qubitCount: number): void {
  const size = 2 ** qubitCount;
  if (matrix.length !== 2 * size * size) {
    throw new InvalidArgumentError('A matrix does not fit its qubits', {
      expected: `${2 * size * size} numbers for ${qubitCount} qubits`,
      actual: matrix.length,
    });
  }
  for (let a = 0; a < size; a++) {
    for (let b = 0; b <= a; b++) {
      let [re, im] = [a === b ? -1 : 0, 0];
      const [rowA, rowB] = [2 * size * a, 2 * size * b];
      for (let k = 0; k < 2 * size; k += 2) {
        const [ar, ai, br, bi] = [
          matrix[rowA + k]!,
          matrix[rowA + k + 1]!,
          matrix[rowB + k]!,
          matrix[rowB + k + 1]!,
        ];
        re += ar * br + ai * bi;
        im += ai * br - ar * bi;
      }
      // Negated so that NaN is refused too.
      if (!(Math.abs(re) <= TOLERANCE && Math.abs(im) <= TOLERANCE)) {
        throw new InvalidArgumentError('A matrix is not unitary', {
          expected: `orthonormal rows, to ${TOLERANCE}`,
          actual: `rows ${a} and ${b} differ from that by ${Math.hypot(re, im)}`,
        });
      }
    }
  }
}
