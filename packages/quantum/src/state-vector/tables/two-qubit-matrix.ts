/**
 * `matrix = left * matrix`; all are `[4, 4, 2]`. Bit 0 of an index of `left` belongs to the wire that is bit `first` of the
 * index of `matrix` (0 or 1).
 */
export function multiplyFromLeft(
  left: ArrayLike<number>,
  first: number,
  matrix: Float64Array,
  at: number,
): void {
  const column = COLUMN;
  for (let c = 0; c < 4; c++) {
    for (let r = 0; r < 4; r++) {
      const row = first === 0 ? r : ((r & 1) << 1) | (r >> 1);
      let real = 0;
      let imaginary = 0;
      for (let k = 0; k < 4; k++) {
        const inner = first === 0 ? k : ((k & 1) << 1) | (k >> 1);
        const a = left[2 * (4 * r + k)]!;
        const b = left[2 * (4 * r + k) + 1]!;
        const x = matrix[at + 2 * (4 * inner + c)]!;
        const y = matrix[at + 2 * (4 * inner + c) + 1]!;
        real += a * x - b * y;
        imaginary += a * y + b * x;
      }
      column[2 * row] = real;
      column[2 * row + 1] = imaginary;
    }
    for (let r = 0; r < 4; r++) {
      matrix[at + 2 * (4 * r + c)] = column[2 * r]!;
      matrix[at + 2 * (4 * r + c) + 1] = column[2 * r + 1]!;
    }
  }
}

const COLUMN = new Float64Array(8);

/** Multiplies from the left with a run (four numbers at `from` in `runs`) on bit `position` of the index. */
export function multiplyByRun(
  runs: Float64Array,
  from: number,
  position: number,
  matrix: Float64Array,
  at: number,
): void {
  const step = 1 << position;
  const [pr, pi, qr, qi] = [runs[from]!, runs[from + 1]!, runs[from + 2]!, runs[from + 3]!];
  for (let r = 0; r < 4; r++) {
    if ((r & step) !== 0) continue;
    for (let c = 0; c < 4; c++) {
      const upper = at + 2 * (4 * r + c);
      const lower = at + 2 * (4 * (r + step) + c);
      const [a, b, x, y] = [matrix[upper]!, matrix[upper + 1]!, matrix[lower]!, matrix[lower + 1]!];
      matrix[upper] = pr * a - pi * b - (qr * x + qi * y);
      matrix[upper + 1] = pr * b + pi * a - (qr * y - qi * x);
      matrix[lower] = qr * a - qi * b + (pr * x + pi * y);
      matrix[lower + 1] = qr * b + qi * a + (pr * y - pi * x);
    }
  }
}

/** The identity with the sign of CZ (`controlledZ`) and of Z on wires of `signs` (a bit per index bit). */
export function setSigns(matrix: Float64Array, at: number, signs: number, controlledZ: boolean): void {
  matrix.fill(0, at, at + 32);
  for (let i = 0; i < 4; i++) {
    const odd = ((i & signs & 1) ^ ((i & signs) >> 1) ^ (controlledZ && i === 3 ? 1 : 0)) !== 0;
    matrix[at + 2 * (4 * i + i)] = odd ? -1 : 1;
  }
}

/** `X^flips matrix X^flips`. */
export function flipMatrix(matrix: Float64Array, at: number, flips: number): void {
  if (flips === 0) return;
  const copy = matrix.slice(at, at + 32);
  for (let r = 0; r < 4; r++) {
    for (let c = 0; c < 4; c++) {
      const from = 2 * (4 * (r ^ flips) + (c ^ flips));
      matrix[at + 2 * (4 * r + c)] = copy[from]!;
      matrix[at + 2 * (4 * r + c) + 1] = copy[from + 1]!;
    }
  }
}
