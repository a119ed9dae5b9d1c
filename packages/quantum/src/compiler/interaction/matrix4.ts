/**
 * @file Two-qubit matrices `[4, 4, 2]`: row-major, real and imaginary parts interleaved. Bit 0 of an index belongs to the first
 * wire, bit 1 to the second. Products and Kronecker products write where they are told, so that loops need no memory.
 */

/** `a b`: the gate `b`, then the gate `a`. The product must be another array than both. */
export function multiply4(
  a: Float64Array,
  b: Float64Array,
  product: Float64Array = new Float64Array(32),
): Float64Array {
  for (let row = 0; row < 32; row += 8) {
    const [ar0, ai0, ar1, ai1] = [a[row]!, a[row + 1]!, a[row + 2]!, a[row + 3]!];
    const [ar2, ai2, ar3, ai3] = [a[row + 4]!, a[row + 5]!, a[row + 6]!, a[row + 7]!];
    for (let re = 0; re < 8; re += 2) {
      const im = re + 1;
      product[row + re] =
        ar0 * b[re]! -
        ai0 * b[im]! +
        ar1 * b[8 + re]! -
        ai1 * b[8 + im]! +
        (ar2 * b[16 + re]! - ai2 * b[16 + im]!) +
        (ar3 * b[24 + re]! - ai3 * b[24 + im]!);
      product[row + im] =
        ar0 * b[im]! +
        ai0 * b[re]! +
        ar1 * b[8 + im]! +
        ai1 * b[8 + re]! +
        (ar2 * b[16 + im]! + ai2 * b[16 + re]!) +
        (ar3 * b[24 + im]! + ai3 * b[24 + re]!);
    }
  }
  return product;
}

/** The inverse of a unitary: its conjugate transpose. The result must be another array. */
export function adjoint4(m: Float64Array, result: Float64Array = new Float64Array(32)): Float64Array {
  for (let row = 0; row < 4; row++) {
    for (let column = 0; column < 4; column++) {
      const [from, to] = [2 * (4 * row + column), 2 * (4 * column + row)];
      result[to] = m[from]!;
      result[to + 1] = -m[from + 1]!;
    }
  }
  return result;
}

/** `second (x) first`: one-qubit matrices on the first and on the second wire. */
export function kronecker(
  first: Float64Array,
  second: Float64Array,
  product: Float64Array = new Float64Array(32),
): Float64Array {
  for (let outer = 0; outer < 4; outer++) {
    const [sr, si] = [second[2 * outer]!, second[2 * outer + 1]!];
    const corner = (outer >> 1) * 16 + (outer & 1) * 4;
    for (let inner = 0; inner < 4; inner++) {
      const [fr, fi] = [first[2 * inner]!, first[2 * inner + 1]!];
      const to = corner + (inner >> 1) * 8 + (inner & 1) * 2;
      product[to] = sr * fr - si * fi;
      product[to + 1] = sr * fi + si * fr;
    }
  }
  return product;
}

/** The same gate with its wires named the other way round, in place. */
export function exchangeWires(m: Float64Array): Float64Array {
  exchange(m, 1, 2);
  exchange(m, 4, 8);
  exchange(m, 13, 14);
  exchange(m, 7, 11);
  exchange(m, 5, 10);
  exchange(m, 6, 9);
  return m;
}

function exchange(m: Float64Array, i: number, j: number): void {
  const [re, im] = [m[2 * i]!, m[2 * i + 1]!];
  m[2 * i] = m[2 * j]!;
  m[2 * i + 1] = m[2 * j + 1]!;
  m[2 * j] = re;
  m[2 * j + 1] = im;
}

/** The gate followed by a swap (`SWAP m`), in place: the middle rows exchanged. */
export function followWithSwap(m: Float64Array): Float64Array {
  for (let column = 0; column < 4; column++) exchange(m, 4 + column, 8 + column);
  return m;
}

/**
 * `exp(i angle n.sigma (x) m.sigma)` with `n` on the first wire and `m` on the second.
 *
 * @param axes `[2, 3]` from `at`: n, m.
 */
export function coreMatrix(
  angle: number,
  axes: Float64Array,
  at = 0,
  result: Float64Array = new Float64Array(32),
): Float64Array {
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const [nx, ny, nz] = [axes[at]!, axes[at + 1]!, axes[at + 2]!];
  const [mx, my, mz] = [axes[at + 3]!, axes[at + 4]!, axes[at + 5]!];
  for (let row = 0; row < 4; row++) {
    for (let column = 0; column < 4; column++) {
      const to = 2 * (4 * row + column);
      // Entries of n.sigma and m.sigma: z on the diagonal, x -+ i y beside it.
      const lowFlips = (row ^ column) & 1;
      const highFlips = (row ^ column) & 2;
      const pr = lowFlips ? nx : row & 1 ? -nz : nz;
      const pi = lowFlips ? (row & 1 ? ny : -ny) : 0;
      const qr = highFlips ? mx : row & 2 ? -mz : mz;
      const qi = highFlips ? (row & 2 ? my : -my) : 0;
      result[to] = -s * (pr * qi + pi * qr) + (row === column ? c : 0);
      result[to + 1] = s * (pr * qr - pi * qi);
    }
  }
  return result;
}

/**
 * The factors of a matrix that is a Kronecker product: one-qubit matrices on the first and on the second wire, of norm 1, whose
 * product is the matrix up to its phase.
 */
export function factorKronecker(m: Float64Array): readonly [first: Float64Array, second: Float64Array] {
  let largest = 0;
  let at = 0;
  for (let i = 0; i < 16; i++) {
    const size = m[2 * i]! ** 2 + m[2 * i + 1]! ** 2;
    if (size > largest) [largest, at] = [size, i];
  }
  const [row, column] = [at >> 2, at & 3];
  const first = new Float64Array(8);
  const second = new Float64Array(8);
  for (let i = 0; i < 4; i++) {
    const inner = 2 * (4 * ((row & 2) | (i >> 1)) + ((column & 2) | (i & 1)));
    first[2 * i] = m[inner]!;
    first[2 * i + 1] = m[inner + 1]!;
    const outer = 2 * (4 * ((row & 1) | (i & 2)) + ((column & 1) | ((i & 1) << 1)));
    second[2 * i] = m[outer]!;
    second[2 * i + 1] = m[outer + 1]!;
  }
  return [scaleToUnitary(first), scaleToUnitary(second)];
}

/** Scales a multiple of a unitary, in place, so that its rows have norm 1. */
function scaleToUnitary(m: Float64Array): Float64Array {
  let sum = 0;
  for (let i = 0; i < 8; i++) sum += m[i]! * m[i]!;
  const scale = Math.sqrt(2 / sum);
  for (let i = 0; i < 8; i++) m[i] = m[i]! * scale;
  return m;
}
