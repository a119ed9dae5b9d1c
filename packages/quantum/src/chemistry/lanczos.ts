import type { Random } from '@qedge/core';

/** A Hermitian matrix, known by what it does to a complex vector. `apply` overwrites `outRe` and `outIm`. */
export interface HermitianOperator {
  readonly dimension: number;
  apply(re: Float64Array, im: Float64Array, outRe: Float64Array, outIm: Float64Array): void;
}

/** The lowest eigenvalue with a normalised eigenvector. */
export interface Eigenpair {
  readonly eigenvalue: number;
  /** The norm of `A v - eigenvalue v`. */
  readonly residual: number;
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/** Directions kept at most before the iteration restarts from its best vector. */
const MAX_SUBSPACE = 200;
const MAX_RESTARTS = 20;
const RESIDUAL_GOAL = 1e-10;

/**
 * The lowest eigenpair by Lanczos iteration with full reorthogonalisation, from a random start (which, unlike a chosen one, is
 * orthogonal to no symmetry's subspace), restarted from the best vector where the subspace gets too large.
 */
export function lowestEigenpair(operator: HermitianOperator, random: Random): Eigenpair {
  const draw = () => Float64Array.from({ length: operator.dimension }, () => random.normal());
  let best = improve(operator, draw(), draw());
  for (let restart = 0; restart < MAX_RESTARTS && best.residual > RESIDUAL_GOAL; restart++) {
    const next = improve(operator, best.re, best.im);
    if (!(next.residual < best.residual)) break;
    best = next;
  }
  return best;
}

interface ComplexVector {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

function improve(operator: HermitianOperator, startRe: Float64Array, startIm: Float64Array): Eigenpair {
  const { dimension } = operator;
  const steps = Math.min(dimension, MAX_SUBSPACE);
  const basis: ComplexVector[] = [scaled({ re: startRe, im: startIm })];
  const [diagonal, offDiagonal]: [number[], number[]] = [[], []];
  for (let step = 0; step < steps; step++) {
    const current = basis[step]!;
    const next = { re: new Float64Array(dimension), im: new Float64Array(dimension) };
    operator.apply(current.re, current.im, next.re, next.im);
    diagonal.push(innerProduct(current, next)[0]);
    // Twice is enough (Kahan and Parlett): after the second pass the vectors are orthogonal to rounding.
    for (let pass = 0; pass < 2; pass++) for (const vector of basis) subtractProjection(next, vector);
    const norm = Math.sqrt(innerProduct(next, next)[0]);
    if (norm < 1e-12 || step === steps - 1) break;
    offDiagonal.push(norm);
    basis.push(scaled(next));
  }
  const { weights } = lowestTridiagonalPair(diagonal, offDiagonal);
  const vector = { re: new Float64Array(dimension), im: new Float64Array(dimension) };
  weights.forEach((weight, step) => {
    for (let i = 0; i < dimension; i++) {
      vector.re[i] = vector.re[i]! + weight * basis[step]!.re[i]!;
      vector.im[i] = vector.im[i]! + weight * basis[step]!.im[i]!;
    }
  });
  return rayleigh(operator, scaled(vector));
}

/** The Rayleigh quotient of a normalised vector and how far the vector is from an eigenvector. */
function rayleigh(operator: HermitianOperator, vector: ComplexVector): Eigenpair {
  const image = { re: new Float64Array(operator.dimension), im: new Float64Array(operator.dimension) };
  operator.apply(vector.re, vector.im, image.re, image.im);
  const eigenvalue = innerProduct(vector, image)[0];
  let square = 0;
  for (let i = 0; i < operator.dimension; i++) {
    square +=
      (image.re[i]! - eigenvalue * vector.re[i]!) ** 2 + (image.im[i]! - eigenvalue * vector.im[i]!) ** 2;
  }
  return { eigenvalue, residual: Math.sqrt(square), ...vector };
}

/** The lowest eigenpair of a symmetric tridiagonal matrix: bisection by Sturm counts, then inverse iteration. */
export function lowestTridiagonalPair(
  diagonal: readonly number[],
  offDiagonal: readonly number[],
): { eigenvalue: number; weights: Float64Array } {
  const n = diagonal.length;
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  diagonal.forEach((value, i) => {
    const radius = Math.abs(offDiagonal[i - 1] ?? 0) + Math.abs(offDiagonal[i] ?? 0);
    low = Math.min(low, value - radius);
    high = Math.max(high, value + radius);
  });
  for (let k = 0; k < 200 && high - low > 1e-15 * Math.max(1, Math.abs(low)); k++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (hasEigenvalueBelow(diagonal, offDiagonal, middle)) high = middle;
    else low = middle;
  }
  const eigenvalue = (low + high) / 2;
  // Just below the eigenvalue the shifted matrix is positive definite, so elimination needs no pivoting.
  const shift = low - 1e-13 * Math.max(1, Math.abs(low));
  let weights: Float64Array = new Float64Array(n).fill(1);
  for (let iteration = 0; iteration < 4; iteration++) {
    weights = solveShifted(diagonal, offDiagonal, shift, weights);
    const norm = Math.sqrt(weights.reduce((sum, value) => sum + value * value, 0));
    weights = weights.map((value) => value / norm);
  }
  return { eigenvalue, weights };
}

/** Sylvester's law of inertia: a negative pivot means an eigenvalue below `shift`. */
function hasEigenvalueBelow(
  diagonal: readonly number[],
  offDiagonal: readonly number[],
  shift: number,
): boolean {
  let pivot = diagonal[0]! - shift;
  for (let i = 1; pivot > 0 && i < diagonal.length; i++) {
    pivot = diagonal[i]! - shift - offDiagonal[i - 1]! ** 2 / pivot;
  }
  return !(pivot > 0);
}

function solveShifted(
  diagonal: readonly number[],
  offDiagonal: readonly number[],
  shift: number,
  right: Float64Array,
): Float64Array {
  const n = diagonal.length;
  const pivots = new Float64Array(n);
  const solution = Float64Array.from(right);
  pivots[0] = diagonal[0]! - shift;
  for (let i = 1; i < n; i++) {
    const factor = offDiagonal[i - 1]! / pivots[i - 1]!;
    pivots[i] = diagonal[i]! - shift - factor * offDiagonal[i - 1]!;
    if (!(pivots[i]! > 0)) pivots[i] = 1e-300;
    solution[i] = solution[i]! - factor * solution[i - 1]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    solution[i] = (solution[i]! - (i + 1 < n ? offDiagonal[i]! * solution[i + 1]! : 0)) / pivots[i]!;
  }
  return solution;
}

function scaled({ re, im }: ComplexVector): ComplexVector {
  const norm = Math.sqrt(innerProduct({ re, im }, { re, im })[0]);
  return { re: re.map((value) => value / norm), im: im.map((value) => value / norm) };
}

function innerProduct(a: ComplexVector, b: ComplexVector): [number, number] {
  let [re, im] = [0, 0];
  for (let i = 0; i < a.re.length; i++) {
    re += a.re[i]! * b.re[i]! + a.im[i]! * b.im[i]!;
    im += a.re[i]! * b.im[i]! - a.im[i]! * b.re[i]!;
  }
  return [re, im];
}

/** `vector -= direction <direction|vector>`. */
function subtractProjection(vector: ComplexVector, direction: ComplexVector): void {
  const [re, im] = innerProduct(direction, vector);
  for (let i = 0; i < vector.re.length; i++) {
    vector.re[i] = vector.re[i]! - (re * direction.re[i]! - im * direction.im[i]!);
    vector.im[i] = vector.im[i]! - (re * direction.im[i]! + im * direction.re[i]!);
  }
}
