/**
 * @file The loops of the state-vector simulator. Amplitudes are two Float64Arrays; qubit `q` is bit `q` of an index.
 * `controlMask` has a bit for every control qubit: only amplitudes whose index has all of them are touched.
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
  if (br === 0 && bi === 0 && cr === 0 && ci === 0) {
    if (ar !== 1 || ai !== 0) multiplyWhere(re, im, qubit, 0, controlMask, ar, ai);
    if (dr !== 1 || di !== 0) multiplyWhere(re, im, qubit, 1, controlMask, dr, di);
    return;
  }
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

/** Multiplies the amplitudes with `qubit` in state `bit` by a number. */
function multiplyWhere(
  re: Float64Array,
  im: Float64Array,
  qubit: number,
  bit: 0 | 1,
  controlMask: number,
  factorRe: number,
  factorIm: number,
): void {
  const size = re.length;
  const stride = 1 << qubit;
  for (let block = bit * stride; block < size; block += 2 * stride) {
    for (let i = block; i < block + stride; i++) {
      if ((i & controlMask) !== controlMask) continue;
      const xr = re[i]!;
      const xi = im[i]!;
      re[i] = factorRe * xr - factorIm * xi;
      im[i] = factorRe * xi + factorIm * xr;
    }
  }
}

/** Exchanges the amplitudes of |0> and |1> of one qubit: X, and with controls CX and CCX. */
export function applyX(re: Float64Array, im: Float64Array, qubit: number, controlMask: number): void {
  const size = re.length;
  const stride = 1 << qubit;
  for (let block = 0; block < size; block += 2 * stride) {
    for (let i = block; i < block + stride; i++) {
      if ((i & controlMask) !== controlMask) continue;
      const j = i + stride;
      const xr = re[i]!;
      const xi = im[i]!;
      re[i] = re[j]!;
      im[i] = im[j]!;
      re[j] = xr;
      im[j] = xi;
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
  const size = re.length;
  const strideA = 1 << first;
  const strideB = 1 << second;
  const busy = strideA | strideB;
  const wanted = busy | controlMask;
  for (let i = 0; i < size; i++) {
    if ((i & wanted) !== controlMask) continue;
    const i1 = i | strideA;
    const i2 = i | strideB;
    const i3 = i | busy;
    const r0 = re[i]!;
    const r1 = re[i1]!;
    const r2 = re[i2]!;
    const r3 = re[i3]!;
    const m0 = im[i]!;
    const m1 = im[i1]!;
    const m2 = im[i2]!;
    const m3 = im[i3]!;
    for (let row = 0; row < 4; row++) {
      const at = 8 * row;
      const ar = matrix[at]!;
      const ai = matrix[at + 1]!;
      const br = matrix[at + 2]!;
      const bi = matrix[at + 3]!;
      const cr = matrix[at + 4]!;
      const ci = matrix[at + 5]!;
      const dr = matrix[at + 6]!;
      const di = matrix[at + 7]!;
      const to = row === 0 ? i : row === 1 ? i1 : row === 2 ? i2 : i3;
      re[to] = ar * r0 - ai * m0 + br * r1 - bi * m1 + cr * r2 - ci * m2 + dr * r3 - di * m3;
      im[to] = ar * m0 + ai * r0 + br * m1 + bi * r1 + cr * m2 + ci * r2 + dr * m3 + di * r3;
    }
  }
}

/** Sets every amplitude whose index lacks one of the controls to 0. */
export function clearUncontrolled(re: Float64Array, im: Float64Array, controlMask: number): void {
  if (controlMask === 0) return;
  for (let i = 0; i < re.length; i++) {
    if ((i & controlMask) === controlMask) continue;
    re[i] = 0;
    im[i] = 0;
  }
}

/** Multiplies the amplitudes whose index has all controls by one complex number. */
export function applyScalar(
  re: Float64Array,
  im: Float64Array,
  controlMask: number,
  matrix: ArrayLike<number>,
): void {
  const [factorRe, factorIm] = [matrix[0]!, matrix[1]!];
  for (let i = 0; i < re.length; i++) {
    if ((i & controlMask) !== controlMask) continue;
    const [xr, xi] = [re[i]!, im[i]!];
    re[i] = factorRe * xr - factorIm * xi;
    im[i] = factorRe * xi + factorIm * xr;
  }
}
