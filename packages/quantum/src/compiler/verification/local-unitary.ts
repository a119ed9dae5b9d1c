import { multiplyMatrices } from '../../circuit/complex-matrix.ts';

/** A unitary on one wire, `[2, 2, 2]` row-major, interleaved. */
export type LocalUnitary = Float64Array;

export const IDENTITY: LocalUnitary = Float64Array.of(1, 0, 0, 0, 0, 0, 1, 0);

type Eight = [number, number, number, number, number, number, number, number];

/** Real and imaginary parts, row by row. */
export function entriesOf(matrix: LocalUnitary): Eight {
  return Array.from(matrix) as Eight;
}

/** `1 - |entry|^2` of the entries on the diagonal: how much of |0> becomes |1>. */
export function flipWeight(matrix: LocalUnitary): number {
  return matrix[4]! ** 2 + matrix[5]! ** 2;
}

/** `1 - |Tr U|^2 / 4`: 0 for multiples of the identity. Without cancellation: the sum of the squared X, Y and Z parts. */
export function identityDistance(matrix: LocalUnitary): number {
  const [ar, ai, br, bi, cr, ci, dr, di] = entriesOf(matrix);
  const x = (br + cr) ** 2 + (bi + ci) ** 2;
  const y = (br - cr) ** 2 + (bi - ci) ** 2;
  const z = (ar - dr) ** 2 + (ai - di) ** 2;
  return (x + y + z) / 4;
}

/** `(product of unitaries) kron`: a unitary on several wires multiplied by one on each of them, which act first. */
export function afterLocals(matrix: Float64Array, locals: readonly LocalUnitary[]): Float64Array {
  return multiplyMatrices(matrix, tensorProduct(locals));
}

/** The same with those on single wires acting last. */
export function beforeLocals(matrix: Float64Array, locals: readonly LocalUnitary[]): Float64Array {
  return multiplyMatrices(tensorProduct(locals), matrix);
}

/** Wire `i` is bit `i` of an index. */
function tensorProduct(locals: readonly LocalUnitary[]): Float64Array {
  const size = 2 ** locals.length;
  const product = new Float64Array(2 * size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      let [re, im] = [1, 0];
      locals.forEach((local, bit) => {
        const at = 2 * (2 * ((row >> bit) & 1) + ((column >> bit) & 1));
        [re, im] = [re * local[at]! - im * local[at + 1]!, re * local[at + 1]! + im * local[at]!];
      });
      product[2 * (row * size + column)] = re;
      product[2 * (row * size + column) + 1] = im;
    }
  }
  return product;
}

/** A matrix with its wires in another order: wire `i` is what was wire `order[i]`. */
export function permuteWires(matrix: Float64Array, order: readonly number[]): Float64Array {
  if (order.every((from, to) => from === to)) return matrix;
  const size = 2 ** order.length;
  const place = (index: number) =>
    order.reduce((moved, from, to) => moved | (((index >> to) & 1) << from), 0);
  const permuted = new Float64Array(matrix.length);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const [at, from] = [2 * (row * size + column), 2 * (place(row) * size + place(column))];
      permuted[at] = matrix[from]!;
      permuted[at + 1] = matrix[from + 1]!;
    }
  }
  return permuted;
}
