/**
 * @file The invariants of a two-qubit unitary. With `U = e^(i phi) L exp(i (a XX + b YY + c ZZ)) R` (L, R of one-qubit gates) the
 * matrix `G = YY U^T YY U / sqrt(det U)` is, up to its sign, `exp(2 i sum of c_k N_k M_k)`, where `N_k`, `M_k` are the Pauli
 * operators X, Y, Z turned by R: what L was is gone (Makhlin, Quantum Inf. Process. 1 (2002) 243).
 */

/** `YY` has -1, 1, 1, -1 from the top right corner to the bottom left. */
const CORNER_SIGNS = [-1, 1, 1, -1] as const;

/**
 * Writes `G` (see the file's head); its sign is that of one of the square roots.
 *
 * @param u `[4, 4, 2]` a unitary.
 * @param g `[4, 4, 2]` receives the result; another array.
 */
function localInvariantMatrix(u: Float64Array, g: Float64Array): void {
  computeDeterminant(u);
  const dr = determinant[0]!;
  const di = determinant[1]!;
  const scale = 1 / Math.sqrt(Math.hypot(dr, di));
  const half = Math.atan2(di, dr) / 2;
  const c = Math.cos(half) * scale;
  const s = -Math.sin(half) * scale;
  for (let row = 0; row < 4; row++) {
    for (let column = 0; column < 4; column++) {
      let re = 0;
      let im = 0;
      for (let k = 0; k < 4; k++) {
        const left = 2 * (4 * (3 - k) + 3 - row);
        const right = 2 * (4 * k + column);
        const sign = CORNER_SIGNS[k]!;
        re += sign * (u[left]! * u[right]! - u[left + 1]! * u[right + 1]!);
        im += sign * (u[left]! * u[right + 1]! + u[left + 1]! * u[right]!);
      }
      const sign = CORNER_SIGNS[row]!;
      const to = 2 * (4 * row + column);
      g[to] = sign * (re * c - im * s);
      g[to + 1] = sign * (re * s + im * c);
    }
  }
}

/** Real and imaginary part of the last determinant. */
const determinant = new Float64Array(2);

/** By minors of the upper and the lower two rows. */
function computeDeterminant(u: Float64Array): void {
  let re = 0;
  let im = 0;
  for (let pair = 0; pair < 6; pair++) {
    const a = PAIRS[2 * pair]!;
    const b = PAIRS[2 * pair + 1]!;
    const c = PAIRS[10 - 2 * pair]!;
    const d = PAIRS[11 - 2 * pair]!;
    const xr = minorRe(u, 0, a, b);
    const xi = minorIm(u, 0, a, b);
    const yr = minorRe(u, 16, c, d);
    const yi = minorIm(u, 16, c, d);
    // Signs of the permutations (a b c d): + - + + - +.
    const sign = pair === 1 || pair === 4 ? -1 : 1;
    re += sign * (xr * yr - xi * yi);
    im += sign * (xr * yi + xi * yr);
  }
  determinant[0] = re;
  determinant[1] = im;
}

/** Column pairs; the complement of one stands at the mirrored place. */
const PAIRS = [0, 1, 0, 2, 0, 3, 1, 2, 1, 3, 2, 3];

function minorRe(u: Float64Array, row: number, a: number, b: number): number {
  const p = row + 2 * a;
  const q = row + 2 * b;
  return u[p]! * u[q + 8]! - u[p + 1]! * u[q + 9]! - (u[q]! * u[p + 8]! - u[q + 1]! * u[p + 9]!);
}

function minorIm(u: Float64Array, row: number, a: number, b: number): number {
  const p = row + 2 * a;
  const q = row + 2 * b;
  return u[p]! * u[q + 9]! + u[p + 1]! * u[q + 8]! - (u[q]! * u[p + 9]! + u[q + 1]! * u[p + 8]!);
}

/** For sigma_i (x) sigma_j at `3 i + j`: the column of each row's only entry is the row with these bits flipped. */
const FLIPS = [3, 3, 1, 3, 3, 1, 2, 2, 0];
/** Signs of the entries of the four rows. */
const SIGNS = [
  ...[1, 1, 1, 1, -1, -1, 1, 1, 1, 1, -1, -1],
  ...[-1, 1, -1, 1, -1, 1, 1, -1, -1, 1, 1, -1],
  ...[1, -1, 1, -1, -1, 1, 1, -1, 1, -1, -1, 1],
];
/** Where the entries have a factor of i: one Y. */
const IMAGINARY = [false, true, false, true, false, true, false, true, false];

/** How a two-qubit unitary acts on Pauli operators of both wires together. Made once and used for many. */
export class PauliCorrelations {
  /** `trace(G) / 4`. */
  traceRe = 0;
  traceIm = 0;
  /** `[3, 3]`: real and imaginary parts of `trace(G sigma_i (x) sigma_j) / 4`, i on the first wire, j on the second. */
  readonly re = new Float64Array(9);
  readonly im = new Float64Array(9);
  readonly #g = new Float64Array(32);

  /** Measures a unitary `[4, 4, 2]`. */
  measure(u: Float64Array): void {
    const g = this.#g;
    localInvariantMatrix(u, g);
    this.traceRe = (g[0]! + g[10]! + g[20]! + g[30]!) / 4;
    this.traceIm = (g[1]! + g[11]! + g[21]! + g[31]!) / 4;
    for (let pair = 0; pair < 9; pair++) {
      const flip = FLIPS[pair]!;
      let re = 0;
      let im = 0;
      for (let row = 0; row < 4; row++) {
        const at = 2 * (4 * (row ^ flip) + row);
        const sign = SIGNS[4 * pair + row]!;
        re += sign * g[at]!;
        im += sign * g[at + 1]!;
      }
      this.re[pair] = (IMAGINARY[pair] ? -im : re) / 4;
      this.im[pair] = (IMAGINARY[pair] ? re : im) / 4;
    }
  }
}
