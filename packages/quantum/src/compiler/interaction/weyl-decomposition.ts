import { ConvergenceError } from '@qedge/core';
import {
  followedBy,
  inverseRotation,
  type Rotation,
  rotationAbout,
  rotationOfMatrix,
} from '../translation/rotation.ts';
import { factorKronecker, multiply4 } from './matrix4.ts';

/**
 * A two-qubit unitary as `(after) exp(i (a XX + b YY + c ZZ)) (before)` up to a phase, with pi/4 >= a >= b >= |c|, and c >= 0 where
 * a = pi/4 (Zhang, Vala, Sastry, Whaley, Phys. Rev. A 67 (2003) 042313).
 */
export interface WeylDecomposition {
  readonly coordinates: readonly [a: number, b: number, c: number];
  /** One-qubit gates on the first and the second wire. */
  readonly before: readonly [Rotation, Rotation];
  readonly after: readonly [Rotation, Rotation];
}

const HALF = Math.SQRT1_2;
/** Columns of the magic basis: `|00> + |11>, i (|01> + |10>), |01> - |10>, i (|00> - |11>)`; local gates are real in it. */
const MAGIC = Float64Array.of(
  ...[HALF, 0, 0, 0, 0, 0, 0, HALF],
  ...[0, 0, 0, HALF, HALF, 0, 0, 0],
  ...[0, 0, 0, HALF, -HALF, 0, 0, 0],
  ...[HALF, 0, 0, 0, 0, 0, 0, -HALF],
);
const MAGIC_ADJOINT = (() => {
  const result = new Float64Array(32);
  for (let i = 0; i < 4; i++) {
    for (let j = 0; j < 4; j++) {
      result[2 * (4 * j + i)] = MAGIC[2 * (4 * i + j)]!;
      result[2 * (4 * j + i) + 1] = -MAGIC[2 * (4 * i + j) + 1]!;
    }
  }
  return result;
})();

const MAX_SWEEPS = 40;
/** What may be left beside the diagonal: far less for unitaries, of which the inaccurate ones are off by 1e-12. */
const CONVERGED = 1e-11;

/** Scratch memory: nothing here outlives a call. */
const turned = new Float64Array(32);
const scratch = new Float64Array(32);
const squareRe = new Float64Array(16);
const squareIm = new Float64Array(16);
const vectors = new Float64Array(16);
const phases = new Float64Array(4);

/** The coordinates alone. */
export function weylCoordinates(matrix: Float64Array): readonly [a: number, b: number, c: number] {
  return weylDecomposition(matrix).coordinates;
}

/**
 * Decomposes a two-qubit unitary `[4, 4, 2]`.
 *
 * @throws ConvergenceError for a matrix that is not unitary.
 */
export function weylDecomposition(matrix: Float64Array): WeylDecomposition {
  multiply4(MAGIC_ADJOINT, multiply4(matrix, MAGIC, scratch), turned);
  squareTransposed(turned);
  diagonalizeSquare();
  for (let k = 0; k < 4; k++) phases[k] = Math.atan2(squareIm[5 * k]!, squareRe[5 * k]!) / 2;
  const left = leftFactor();
  const [p0, p1, p2, p3] = [phases[0]!, phases[1]!, phases[2]!, phases[3]!];
  // XX, YY, ZZ have the signs (+ + - -), (- + - +), (+ - - +) on the magic basis.
  const coordinates: [number, number, number] = [
    (p0 + p1 - p2 - p3) / 4,
    (p1 - p0 - p2 + p3) / 4,
    (p0 - p1 - p2 + p3) / 4,
  ];
  return new Canonicalizer(coordinates, localOf(rightFactor()), localOf(left)).decomposition();
}

/** `m^T m`, real and imaginary part; symmetric. */
function squareTransposed(m: Float64Array): void {
  for (let i = 0; i < 4; i++) {
    for (let j = i; j < 4; j++) {
      let re = 0;
      let im = 0;
      for (let k = 0; k < 4; k++) {
        const a = 2 * (4 * k + i);
        const b = 2 * (4 * k + j);
        re += m[a]! * m[b]! - m[a + 1]! * m[b + 1]!;
        im += m[a]! * m[b + 1]! + m[a + 1]! * m[b]!;
      }
      squareRe[4 * i + j] = re;
      squareRe[4 * j + i] = re;
      squareIm[4 * i + j] = im;
      squareIm[4 * j + i] = im;
    }
  }
}

/**
 * Makes both parts of the square diagonal by one rotation of determinant 1, whose columns `vectors` receives: Jacobi's method
 * for commuting matrices (Bunse-Gerstner, Byers, Mehrmann, SIAM J. Matrix Anal. 14 (1993) 927), exact for equal eigenvalues too.
 */
function diagonalizeSquare(): void {
  vectors.fill(0);
  for (let i = 0; i < 16; i += 5) vectors[i] = 1;
  for (let sweep = 0; sweep < MAX_SWEEPS; sweep++) {
    let largest = 0;
    for (let p = 0; p < 3; p++) {
      for (let q = p + 1; q < 4; q++) largest = Math.max(largest, rotatePair(p, q));
    }
    if (largest < 1e-8) {
      if (offDiagonal() < CONVERGED) return;
      // A saddle, which any other basis leaves.
      for (let p = 0; p < 3; p++) turnPair(p, p + 1, Math.cos(0.7 + p), Math.sin(0.7 + p));
    }
  }
  throw new ConvergenceError('A two-qubit gate could not be decomposed', {
    expected: 'a unitary matrix',
    actual: `${offDiagonal()} beside the diagonal`,
  });
}

function offDiagonal(): number {
  let largest = 0;
  for (let i = 0; i < 16; i++) {
    if (i % 5 === 0) continue;
    // Negated so that NaN counts.
    if (!(Math.abs(squareRe[i]!) <= largest)) largest = Math.abs(squareRe[i]!);
    if (!(Math.abs(squareIm[i]!) <= largest)) largest = Math.abs(squareIm[i]!);
  }
  return largest;
}

/** Turns columns p and q to where both matrices together are most diagonal. @returns the size of the sine. */
function rotatePair(p: number, q: number): number {
  const [pp, qq, pq] = [5 * p, 5 * q, 4 * p + q];
  const dr = squareRe[pp]! - squareRe[qq]!;
  const di = squareIm[pp]! - squareIm[qq]!;
  const or = 2 * squareRe[pq]!;
  const oi = 2 * squareIm[pq]!;
  const angle = Math.atan2(2 * (dr * or + di * oi), dr * dr + di * di - or * or - oi * oi) / 4;
  const sine = Math.sin(angle);
  // Rounding: where eigenvalues are equal it would turn by any angle, for ever.
  if (Math.abs(or) + Math.abs(oi) < CONVERGED) return 0;
  if (sine !== 0) turnPair(p, q, Math.cos(angle), sine);
  return Math.abs(sine);
}

function turnPair(p: number, q: number, c: number, s: number): void {
  turnColumns(squareRe, p, q, c, s);
  turnRows(squareRe, p, q, c, s);
  turnColumns(squareIm, p, q, c, s);
  turnRows(squareIm, p, q, c, s);
  turnColumns(vectors, p, q, c, s);
}

function turnColumns(m: Float64Array, p: number, q: number, c: number, s: number): void {
  for (let row = 0; row < 16; row += 4) {
    const x = m[row + p]!;
    const y = m[row + q]!;
    m[row + p] = c * x + s * y;
    m[row + q] = c * y - s * x;
  }
}

function turnRows(m: Float64Array, p: number, q: number, c: number, s: number): void {
  for (let column = 0; column < 4; column++) {
    const x = m[4 * p + column]!;
    const y = m[4 * q + column]!;
    m[4 * p + column] = c * x + s * y;
    m[4 * q + column] = c * y - s * x;
  }
}

/** `turned vectors e^(-i phases)`, real and of determinant 1 up to a common phase: half turns of one phase change the sign. */
function leftFactor(): Float64Array {
  const left = new Float64Array(32);
  for (let row = 0; row < 4; row++) {
    for (let column = 0; column < 4; column++) {
      let re = 0;
      let im = 0;
      for (let k = 0; k < 4; k++) {
        re += turned[2 * (4 * row + k)]! * vectors[4 * k + column]!;
        im += turned[2 * (4 * row + k) + 1]! * vectors[4 * k + column]!;
      }
      const phase = phases[column]!;
      left[2 * (4 * row + column)] = re * Math.cos(phase) + im * Math.sin(phase);
    }
  }
  if (determinantOfReal(left) < 0) {
    phases[0] = phases[0]! + Math.PI;
    for (let row = 0; row < 4; row++) left[8 * row] = -left[8 * row]!;
  }
  return left;
}

function rightFactor(): Float64Array {
  const right = new Float64Array(32);
  for (let row = 0; row < 4; row++) {
    for (let column = 0; column < 4; column++) right[2 * (4 * row + column)] = vectors[4 * column + row]!;
  }
  return right;
}

/** Of the real parts, by minors of the upper and the lower two rows. */
function determinantOfReal(m: Float64Array): number {
  const minor = (row: number, a: number, b: number) =>
    m[8 * row + 2 * a]! * m[8 * row + 8 + 2 * b]! - m[8 * row + 2 * b]! * m[8 * row + 8 + 2 * a]!;
  return (
    minor(0, 0, 1) * minor(2, 2, 3) -
    minor(0, 0, 2) * minor(2, 1, 3) +
    minor(0, 0, 3) * minor(2, 1, 2) +
    (minor(0, 1, 2) * minor(2, 0, 3) - minor(0, 1, 3) * minor(2, 0, 2) + minor(0, 2, 3) * minor(2, 0, 1))
  );
}

/** A real rotation of the magic basis as one-qubit gates. */
function localOf(real: Float64Array): [Rotation, Rotation] {
  const [first, second] = factorKronecker(multiply4(MAGIC, multiply4(real, MAGIC_ADJOINT)));
  return [rotationOfMatrix(first), rotationOfMatrix(second)];
}

const AXES = ['x', 'y', 'z'] as const;
const SNAP = 1e-12;

/** Moves coordinates into the Weyl chamber by one-qubit gates around them. */
class Canonicalizer {
  readonly #c: [number, number, number];
  #before: [Rotation, Rotation];
  #after: [Rotation, Rotation];

  constructor(
    coordinates: [number, number, number],
    before: [Rotation, Rotation],
    after: [Rotation, Rotation],
  ) {
    this.#c = coordinates;
    this.#before = before;
    this.#after = after;
  }

  decomposition(): WeylDecomposition {
    const c = this.#c;
    for (let k = 0; k < 3; k++) this.#shift(k, Math.round(c[k]! / (Math.PI / 2)));
    const size = (k: number) => Math.abs(c[k]!);
    if (size(0) < size(1)) this.#exchange(0, 1);
    if (size(1) < size(2)) this.#exchange(1, 2);
    if (size(0) < size(1)) this.#exchange(0, 1);
    if (c[0] < 0) this.#negate(0, c[1] < 0 ? 1 : 2);
    if (c[1] < 0) this.#negate(1, 2);
    if (c[0] > Math.PI / 4 - SNAP && c[2] < 0) {
      this.#shift(0, 1);
      this.#negate(0, 2);
    }
    return { coordinates: c, before: this.#before, after: this.#after };
  }

  /** `exp(i pi/2 XX)` is a half turn of both wires. */
  #shift(k: number, quarterTurns: number): void {
    if (quarterTurns === 0) return;
    this.#c[k] = this.#c[k]! - (quarterTurns * Math.PI) / 2;
    if (quarterTurns % 2 === 0) return;
    const half = rotationAbout(AXES[k]!, Math.PI);
    this.#after = [followedBy(half, this.#after[0]), followedBy(half, this.#after[1])];
  }

  /** A quarter turn of both wires about the third axis exchanges two. */
  #exchange(j: number, k: number): void {
    this.#surround(rotationAbout(AXES[3 - j - k]!, Math.PI / 2), true);
    [this.#c[j], this.#c[k]] = [this.#c[k]!, this.#c[j]!];
  }

  /** A half turn of one wire about the third axis changes two signs. */
  #negate(j: number, k: number): void {
    this.#surround(rotationAbout(AXES[3 - j - k]!, Math.PI), false);
    [this.#c[j], this.#c[k]] = [-this.#c[j]!, -this.#c[k]!];
  }

  #surround(turn: Rotation, both: boolean): void {
    const back = inverseRotation(turn);
    const [b, a] = [this.#before, this.#after];
    this.#before = [followedBy(b[0], turn), both ? followedBy(b[1], turn) : b[1]];
    this.#after = [followedBy(back, a[0]), both ? followedBy(back, a[1]) : a[1]];
  }
}
