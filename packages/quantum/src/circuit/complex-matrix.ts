/** @file Small dense complex matrices: `[n, n, 2]` row-major, interleaved. */

/** Rows of a square matrix. */
export function sizeOf(matrix: Float64Array): number {
  return Math.sqrt(matrix.length / 2);
}

export function identityMatrix(size: number): Float64Array {
  const matrix = new Float64Array(2 * size * size);
  for (let i = 0; i < size; i++) matrix[2 * (i * size + i)] = 1;
  return matrix;
}

/** `a b`. */
export function multiplyMatrices(a: Float64Array, b: Float64Array): Float64Array {
  const size = sizeOf(a);
  const product = new Float64Array(a.length);
  for (let row = 0; row < size; row++) {
    for (let k = 0; k < size; k++) {
      const [ar, ai] = [a[2 * (row * size + k)]!, a[2 * (row * size + k) + 1]!];
      if (ar === 0 && ai === 0) continue;
      for (let column = 0; column < size; column++) {
        const [from, to] = [2 * (k * size + column), 2 * (row * size + column)];
        product[to] = product[to]! + ar * b[from]! - ai * b[from + 1]!;
        product[to + 1] = product[to + 1]! + ar * b[from + 1]! + ai * b[from]!;
      }
    }
  }
  return product;
}

/** The conjugate transpose. */
export function adjoint(matrix: Float64Array): Float64Array {
  const size = sizeOf(matrix);
  const result = new Float64Array(matrix.length);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      result[2 * (column * size + row)] = matrix[2 * (row * size + column)]!;
      result[2 * (column * size + row) + 1] = -matrix[2 * (row * size + column) + 1]!;
    }
  }
  return result;
}

/** Multiplies column `j` by `e^(i phases[j])`. */
export function turnColumns(matrix: Float64Array, phases: ArrayLike<number>): Float64Array {
  const size = sizeOf(matrix);
  const result = new Float64Array(matrix.length);
  for (let column = 0; column < size; column++) {
    const [c, s] = [Math.cos(phases[column]!), Math.sin(phases[column]!)];
    for (let row = 0; row < size; row++) {
      const at = 2 * (row * size + column);
      result[at] = c * matrix[at]! - s * matrix[at + 1]!;
      result[at + 1] = c * matrix[at + 1]! + s * matrix[at]!;
    }
  }
  return result;
}

/** The block of `size` rows and columns that begins at a row and a column. */
export function blockOf(matrix: Float64Array, row: number, column: number, size: number): Float64Array {
  const whole = sizeOf(matrix);
  const block = new Float64Array(2 * size * size);
  for (let i = 0; i < size; i++) {
    const from = 2 * ((row + i) * whole + column);
    block.set(matrix.subarray(from, from + 2 * size), 2 * i * size);
  }
  return block;
}

/**
 * Applies a matrix on some qubits to every column of a matrix on all of them, in place: `target = (matrix on qubits) target`.
 * Bit `i` of the small index belongs to `qubits[i]`.
 */
export function applyToColumns(target: Float64Array, matrix: Float64Array, qubits: readonly number[]): void {
  const [size, small] = [sizeOf(target), sizeOf(matrix)];
  const places = Array.from({ length: small }, (_, index) =>
    qubits.reduce((place, qubit, bit) => place | (((index >> bit) & 1) << qubit), 0),
  );
  const mask = places[small - 1]!;
  const column = new Float64Array(2 * small);
  for (let base = 0; base < size; base++) {
    if ((base & mask) !== 0) continue;
    for (let j = 0; j < size; j++) {
      for (let k = 0; k < small; k++) {
        const from = 2 * ((base | places[k]!) * size + j);
        column[2 * k] = target[from]!;
        column[2 * k + 1] = target[from + 1]!;
      }
      for (let row = 0; row < small; row++) {
        let [re, im] = [0, 0];
        for (let k = 0; k < small; k++) {
          const [mr, mi] = [matrix[2 * (row * small + k)]!, matrix[2 * (row * small + k) + 1]!];
          re += mr * column[2 * k]! - mi * column[2 * k + 1]!;
          im += mr * column[2 * k + 1]! + mi * column[2 * k]!;
        }
        const to = 2 * ((base | places[row]!) * size + j);
        target[to] = re;
        target[to + 1] = im;
      }
    }
  }
}
