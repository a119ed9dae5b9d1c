/** What a polynomial shall approximate: `value` on `[from, to]`, where an error of 1 counts `weight`. */
export interface Approximation {
  readonly value: (x: number) => number;
  readonly weight: (x: number) => number;
  readonly from: number;
  readonly to: number;
  readonly degree: number;
}

const GRID_POINTS = 2000;

/** Solves `matrix * x = right` by elimination with partial pivoting. The arguments are overwritten. */
function solveLinear(matrix: number[][], right: number[]): number[] {
  const n = right.length;
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let row = column + 1; row < n; row++) {
      if (Math.abs(matrix[row]![column]!) > Math.abs(matrix[pivot]![column]!)) pivot = row;
    }
    [matrix[column], matrix[pivot]] = [matrix[pivot]!, matrix[column]!];
    [right[column], right[pivot]] = [right[pivot]!, right[column]!];
    for (let row = column + 1; row < n; row++) {
      const factor = matrix[row]![column]! / matrix[column]![column]!;
      for (let k = column; k < n; k++) matrix[row]![k]! -= factor * matrix[column]![k]!;
      right[row]! -= factor * right[column]!;
    }
  }
  const solution = new Array<number>(n).fill(0);
  for (let row = n - 1; row >= 0; row--) {
    let sum = right[row]!;
    for (let k = row + 1; k < n; k++) sum -= matrix[row]![k]! * solution[k]!;
    solution[row] = sum / matrix[row]![row]!;
  }
  return solution;
}

/** The polynomial with the given coefficients, constant term first. */
export function evaluatePolynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0);
}

/** Chebyshev points: dense at both ends, none at the ends' midpoint when that has weight 0. */
function grid({ from, to }: Approximation): number[] {
  const half = (to - from) / 2;
  return Array.from(
    { length: GRID_POINTS },
    (_, i) => from + half - half * Math.cos((Math.PI * (i + 0.5)) / GRID_POINTS),
  );
}

/** The largest error of each run of errors of one sign, thinned to `count` alternating points. */
function alternation(errors: readonly number[], count: number): number[] {
  const peaks: number[] = [];
  errors.forEach((error, i) => {
    const last = peaks.at(-1);
    if (last === undefined || Math.sign(errors[last]!) !== Math.sign(error)) peaks.push(i);
    else if (Math.abs(error) > Math.abs(errors[last]!)) peaks[peaks.length - 1] = i;
  });
  while (peaks.length > count) {
    if (Math.abs(errors[peaks[0]!]!) < Math.abs(errors[peaks.at(-1)!]!)) peaks.shift();
    else peaks.pop();
  }
  return peaks;
}

/**
 * Coefficients, constant term first, of the polynomial whose largest weighted error is smallest: the exchange algorithm of
 * Remez on a dense grid in float64.
 */
export function minimaxPolynomial(approximation: Approximation): number[] {
  const { value, weight, degree } = approximation;
  const points = grid(approximation).filter((x) => weight(x) > 1e-12);
  const unknowns = degree + 2;
  let reference = Array.from({ length: unknowns }, (_, i) =>
    Math.round((i * (points.length - 1)) / (unknowns - 1)),
  );
  let coefficients: number[] = [];
  for (let turn = 0; turn < 30; turn++) {
    const rows = reference.map((index, i) => {
      const x = points[index]!;
      const powers = Array.from({ length: degree + 1 }, (_, k) => x ** k);
      return [...powers, (i % 2 === 0 ? 1 : -1) / weight(x)];
    });
    coefficients = solveLinear(
      rows,
      reference.map((index) => value(points[index]!)),
    ).slice(0, degree + 1);
    const errors = points.map((x) => (value(x) - evaluatePolynomial(coefficients, x)) * weight(x));
    const next = alternation(errors, unknowns);
    if (next.length < unknowns || next.every((index, i) => index === reference[i])) break;
    reference = next;
  }
  return coefficients;
}

/** The largest weighted error of a polynomial on the grid. */
export function weightedError(approximation: Approximation, coefficients: readonly number[]): number {
  const { value, weight } = approximation;
  return grid(approximation).reduce((largest, x) => {
    const error = Math.abs((value(x) - evaluatePolynomial(coefficients, x)) * weight(x));
    return weight(x) > 1e-12 ? Math.max(largest, error) : largest;
  }, 0);
}

/** The float32 number `steps` places after `value`. */
function stepFloat32(value: number, steps: number): number {
  const bits = new Int32Array(new Float32Array([value]).buffer);
  bits[0] = bits[0]! + steps;
  return new Float32Array(bits.buffer)[0]!;
}

/**
 * As {@link minimaxPolynomial}, with float32 coefficients: all are rounded, then one after the other is moved to neighbouring
 * numbers for as long as that makes the largest error smaller.
 */
export function minimaxFloat32(approximation: Approximation): number[] {
  let best = minimaxPolynomial(approximation).map(Math.fround);
  let error = weightedError(approximation, best);
  for (let improved = true; improved; ) {
    improved = false;
    for (let k = 0; k < best.length; k++) {
      for (const steps of [-4, -1, 1, 4]) {
        const candidate = best.with(k, stepFloat32(best[k]!, steps));
        const candidateError = weightedError(approximation, candidate);
        if (candidateError < error) [best, error, improved] = [candidate, candidateError, true];
      }
    }
  }
  return best;
}
