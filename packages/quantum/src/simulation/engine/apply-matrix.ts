/**
 * @file The loops of the reference engine. Amplitudes are two Float64Arrays; qubit `q` is bit `q` of an index. `controlMask` has
 * a bit for every control qubit: only amplitudes whose index has all of them are touched.
 */

/** Applies a complex 2 x 2 matrix (row-major, interleaved) to one qubit. */
export function applyOneQubitMatrix(
  re: Float64Array,
  im: Float64Array,
  qubit: number,
  controlMask: number,
  matrix: Float64Array,
): void {
  const [ar, ai, br, bi] = [matrix[0]!, matrix[1]!, matrix[2]!, matrix[3]!];
  const [cr, ci, dr, di] = [matrix[4]!, matrix[5]!, matrix[6]!, matrix[7]!];
  const size = re.length;
  const stride = 1 << qubit;
  for (let block = 0; block < size; block += 2 * stride) {
    for (let i = block; i < block + stride; i++) {
      if ((i & controlMask) !== controlMask) continue;
      const j = i + stride;
      const xr = re[i]!;
      const xi = im[i]!;
      const yr = re[j]!;
      const yi = im[j]!;
      re[i] = ar * xr - ai * xi + br * yr - bi * yi;
      im[i] = ar * xi + ai * xr + br * yi + bi * yr;
      re[j] = cr * xr - ci * xi + dr * yr - di * yi;
      im[j] = cr * xi + ci * xr + dr * yi + di * yr;
    }
  }
}

/** Applies a complex 4 x 4 matrix (row-major, interleaved) to two qubits; `first` is bit 0 of the matrix's indices. */
export function applyTwoQubitMatrix(
  re: Float64Array,
  im: Float64Array,
  first: number,
  second: number,
  controlMask: number,
  matrix: Float64Array,
): void {
  const [strideA, strideB] = [1 << first, 1 << second];
  const wanted = strideA | strideB | controlMask;
  const [oldRe, oldIm] = [new Float64Array(4), new Float64Array(4)];
  for (let i = 0; i < re.length; i++) {
    if ((i & wanted) !== controlMask) continue;
    for (let column = 0; column < 4; column++) {
      const from = i + (column & 1) * strideA + (column >> 1) * strideB;
      oldRe[column] = re[from]!;
      oldIm[column] = im[from]!;
    }
    for (let row = 0; row < 4; row++) {
      let [sumRe, sumIm] = [0, 0];
      for (let column = 0; column < 4; column++) {
        const entryRe = matrix[2 * (4 * row + column)]!;
        const entryIm = matrix[2 * (4 * row + column) + 1]!;
        sumRe += entryRe * oldRe[column]! - entryIm * oldIm[column]!;
        sumIm += entryRe * oldIm[column]! + entryIm * oldRe[column]!;
      }
      const to = i + (row & 1) * strideA + (row >> 1) * strideB;
      re[to] = sumRe;
      im[to] = sumIm;
    }
  }
}

/** Multiplies every amplitude whose index has all controls by a complex number. */
export function multiplyControlled(
  re: Float64Array,
  im: Float64Array,
  controlMask: number,
  factorRe: number,
  factorIm: number,
): void {
  for (let i = 0; i < re.length; i++) {
    if ((i & controlMask) !== controlMask) continue;
    const xr = re[i]!;
    const xi = im[i]!;
    re[i] = factorRe * xr - factorIm * xi;
    im[i] = factorRe * xi + factorIm * xr;
  }
}

/** Multiplies every amplitude by `e^(i phases[k])`, bit `j` of `k` being that of `qubits[j]`. */
export function applyDiagonal(
  re: Float64Array,
  im: Float64Array,
  qubits: readonly number[],
  phases: Float64Array,
): void {
  for (let i = 0; i < re.length; i++) {
    const entry = qubits.reduce((sum, qubit, bit) => sum + (((i >> qubit) & 1) << bit), 0);
    const [cos, sin] = [Math.cos(phases[entry]!), Math.sin(phases[entry]!)];
    const xr = re[i]!;
    const xi = im[i]!;
    re[i] = cos * xr - sin * xi;
    im[i] = cos * xi + sin * xr;
  }
}
