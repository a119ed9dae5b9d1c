/**
 * @file The matrices of all gates, without their controls: complex, row-major, interleaved; bit 0 of an index belongs to the
 * first qubit.
 */

/** A matrix as a function of the gate's angles. */
export type MatrixFormula = (parameters: readonly number[]) => Float64Array;

const HALF = Math.SQRT1_2;

/** From `re, im` pairs written out row by row. */
const fixed = (...entries: number[]): MatrixFormula => {
  const matrix = Float64Array.from(entries);
  return () => matrix;
};

/** A square matrix from its entries that are not 0: `[row, column, re, im]`. */
function sparse(size: number, entries: readonly (readonly number[])[]): Float64Array {
  const matrix = new Float64Array(2 * size * size);
  for (const [row, column, re, im] of entries) {
    matrix[2 * (size * row! + column!)] = re!;
    matrix[2 * (size * row! + column!) + 1] = im!;
  }
  return matrix;
}

const constant = (matrix: Float64Array): MatrixFormula => {
  return () => matrix;
};

/** Cosine and sine of half an angle. */
const halves = (angle: number) => [Math.cos(angle / 2), Math.sin(angle / 2)] as const;

export const IDENTITY = fixed(1, 0, 0, 0, 0, 0, 1, 0);
export const X = fixed(0, 0, 1, 0, 1, 0, 0, 0);
export const Y = fixed(0, 0, 0, -1, 0, 1, 0, 0);
export const Z = fixed(1, 0, 0, 0, 0, 0, -1, 0);
export const H = fixed(HALF, 0, HALF, 0, HALF, 0, -HALF, 0);
export const S = fixed(1, 0, 0, 0, 0, 0, 0, 1);
export const SDG = fixed(1, 0, 0, 0, 0, 0, 0, -1);
export const T = fixed(1, 0, 0, 0, 0, 0, HALF, HALF);
export const TDG = fixed(1, 0, 0, 0, 0, 0, HALF, -HALF);
export const SX = fixed(0.5, 0.5, 0.5, -0.5, 0.5, -0.5, 0.5, 0.5);
export const SXDG = fixed(0.5, -0.5, 0.5, 0.5, 0.5, 0.5, 0.5, -0.5);

export const GLOBAL_PHASE: MatrixFormula = ([angle]) => Float64Array.of(Math.cos(angle!), Math.sin(angle!));
export const P: MatrixFormula = ([angle]) =>
  Float64Array.of(1, 0, 0, 0, 0, 0, Math.cos(angle!), Math.sin(angle!));
export const RX: MatrixFormula = ([angle]) => {
  const [c, s] = halves(angle!);
  return Float64Array.of(c, 0, 0, -s, 0, -s, c, 0);
};
export const RY: MatrixFormula = ([angle]) => {
  const [c, s] = halves(angle!);
  return Float64Array.of(c, 0, -s, 0, s, 0, c, 0);
};
export const RZ: MatrixFormula = ([angle]) => {
  const [c, s] = halves(angle!);
  return Float64Array.of(c, -s, 0, 0, 0, 0, c, s);
};
/** `exp(-i theta (cos(phi) X + sin(phi) Y) / 2)`. */
export const R: MatrixFormula = ([theta, phi]) => {
  const [c, s] = halves(theta!);
  const [re, im] = [s * Math.sin(phi!), s * Math.cos(phi!)];
  return Float64Array.of(c, 0, -re, -im, re, -im, c, 0);
};
export const U: MatrixFormula = ([theta, phi, lambda]) => {
  const [c, s] = halves(theta!);
  return Float64Array.of(
    ...[c, 0, -s * Math.cos(lambda!), -s * Math.sin(lambda!)],
    ...[s * Math.cos(phi!), s * Math.sin(phi!), c * Math.cos(phi! + lambda!), c * Math.sin(phi! + lambda!)],
  );
};
export const U2: MatrixFormula = ([phi, lambda]) => U([Math.PI / 2, phi!, lambda!]);
/** `e^(i gamma) u(theta, phi, lambda)`, what `cu` controls. */
export const PHASED_U: MatrixFormula = ([theta, phi, lambda, gamma]) => {
  const [c, s] = [Math.cos(gamma!), Math.sin(gamma!)];
  const matrix = U([theta!, phi!, lambda!]);
  for (let i = 0; i < 8; i += 2) {
    const [re, im] = [matrix[i]!, matrix[i + 1]!];
    matrix[i] = c * re - s * im;
    matrix[i + 1] = c * im + s * re;
  }
  return matrix;
};

export const SWAP = constant(
  sparse(4, [
    [0, 0, 1, 0],
    [1, 2, 1, 0],
    [2, 1, 1, 0],
    [3, 3, 1, 0],
  ]),
);
export const ISWAP = constant(
  sparse(4, [
    [0, 0, 1, 0],
    [1, 2, 0, 1],
    [2, 1, 0, 1],
    [3, 3, 1, 0],
  ]),
);
/** `cx(0, 1)`, then `cx(1, 0)`. */
export const DCX = constant(
  sparse(4, [
    [0, 0, 1, 0],
    [1, 3, 1, 0],
    [2, 1, 1, 0],
    [3, 2, 1, 0],
  ]),
);
/** `(1 (x) X - X (x) Y) / sqrt(2)`, the first qubit on the right. */
export const ECR = constant(
  sparse(4, [
    ...[
      [0, 1, HALF, 0],
      [0, 3, 0, HALF],
      [1, 0, HALF, 0],
      [1, 2, 0, -HALF],
    ],
    ...[
      [2, 1, 0, HALF],
      [2, 3, HALF, 0],
      [3, 0, 0, -HALF],
      [3, 2, HALF, 0],
    ],
  ]),
);
const diagonal4 = (value: number) => [0, 1, 2, 3].map((i) => [i, i, value, 0]);
export const RXX: MatrixFormula = ([angle]) => {
  const [c, s] = halves(angle!);
  return sparse(4, [...diagonal4(c), [0, 3, 0, -s], [1, 2, 0, -s], [2, 1, 0, -s], [3, 0, 0, -s]]);
};
export const RYY: MatrixFormula = ([angle]) => {
  const [c, s] = halves(angle!);
  return sparse(4, [...diagonal4(c), [0, 3, 0, s], [1, 2, 0, -s], [2, 1, 0, -s], [3, 0, 0, s]]);
};
export const RZZ: MatrixFormula = ([angle]) => {
  const [c, s] = halves(angle!);
  return sparse(4, [
    [0, 0, c, -s],
    [1, 1, c, s],
    [2, 2, c, s],
    [3, 3, c, -s],
  ]);
};
/** `exp(-i angle Z X / 2)`, Z on the first qubit, X on the second. */
export const RZX: MatrixFormula = ([angle]) => {
  const [c, s] = halves(angle!);
  return sparse(4, [...diagonal4(c), [0, 2, 0, -s], [1, 3, 0, s], [2, 0, 0, -s], [3, 1, 0, s]]);
};

/** A rotation in the plane of two basis states, the identity on all others: `-i s e^(-i beta)` above, `-i s e^(i beta)` below. */
function planeRotation(size: number, low: number, high: number, theta: number, beta: number): Float64Array {
  const [c, s] = halves(theta);
  const [re, im] = [s * Math.sin(beta), s * Math.cos(beta)];
  const others = Array.from({ length: size }, (_, i) => [i, i, i === low || i === high ? c : 1, 0]);
  return sparse(size, [...others, [low, high, -re, -im], [high, low, re, -im]]);
}
export const XX_PLUS_YY: MatrixFormula = ([theta, beta]) => planeRotation(4, 1, 2, theta!, beta!);
export const XX_MINUS_YY: MatrixFormula = ([theta, beta]) => planeRotation(4, 0, 3, theta!, beta!);
// With beta = pi/2 the rotation is real: -s above, s below; with -pi/2 the other way round.
/** `|01> -> c |01> + s |10>`, the first qubit written first. */
export const SINGLE_EXCITATION: MatrixFormula = ([angle]) =>
  planeRotation(4, 1, 2, angle!, -Math.PI / 2).map(dropRounding);
/** `|0011> -> c |0011> + s |1100>`, the first qubit written first. */
export const DOUBLE_EXCITATION: MatrixFormula = ([angle]) =>
  planeRotation(16, 3, 12, angle!, -Math.PI / 2).map(dropRounding);

/** The cosine of the double nearest to a quarter turn is 6e-17, not 0. */
function dropRounding(entry: number, index: number): number {
  return index % 2 === 1 ? 0 : entry;
}

/** CCX up to phases: `|101> -> -|101>`, and `-i`, `i` on the flipped pair (Maslov, arXiv 1508.03273). */
export const RCCX = constant(
  sparse(8, [
    ...[0, 1, 2, 4, 6].map((i) => [i, i, 1, 0]),
    ...[
      [5, 5, -1, 0],
      [3, 7, 0, -1],
      [7, 3, 0, 1],
    ],
  ]),
);
/** C3X up to phases (Maslov, arXiv 1508.03273). */
export const RCCCX = constant(
  sparse(16, [
    ...[0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14].map((i) => [i, i, 1, 0]),
    ...[
      [3, 3, 0, 1],
      [11, 11, 0, -1],
      [7, 15, 1, 0],
      [15, 7, -1, 0],
    ],
  ]),
);

/** The derivative of a matrix with respect to one angle. */
export type DerivativeFormula = (parameters: readonly number[], index: number) => Float64Array;

const scaled = (matrix: Float64Array, factor: number) => matrix.map((entry) => entry * factor);

/** d/dt exp(-i t P / 2) = exp(-i (t + pi) P / 2) / 2 for every P with P^2 = 1. */
export const rotationDerivative =
  (matrix: MatrixFormula): DerivativeFormula =>
  ([angle]) =>
    scaled(matrix([angle! + Math.PI]), 0.5);

export const phaseDerivative: DerivativeFormula = ([angle]) =>
  Float64Array.of(0, 0, 0, 0, 0, 0, -Math.sin(angle!), Math.cos(angle!));

export const globalPhaseDerivative: DerivativeFormula = ([angle]) =>
  Float64Array.of(-Math.sin(angle!), Math.cos(angle!));

/** `i` times chosen entries of a matrix, negated where asked; 0 elsewhere. */
function turned(matrix: Float64Array, plus: readonly number[], minus: readonly number[] = []): Float64Array {
  const result = new Float64Array(matrix.length);
  for (const entry of plus) {
    result[2 * entry] = -matrix[2 * entry + 1]!;
    result[2 * entry + 1] = matrix[2 * entry]!;
  }
  for (const entry of minus) {
    result[2 * entry] = matrix[2 * entry + 1]!;
    result[2 * entry + 1] = -matrix[2 * entry]!;
  }
  return result;
}

/** Of `e^(i gamma) u(theta, phi, lambda)`: phi turns the second row, lambda the second column, gamma everything. */
export const phasedUDerivative: DerivativeFormula = ([theta, phi, lambda, gamma = 0], index) => {
  if (index === 0) return scaled(PHASED_U([theta! + Math.PI, phi!, lambda!, gamma]), 0.5);
  const matrix = PHASED_U([theta!, phi!, lambda!, gamma]);
  return turned(matrix, index === 1 ? [2, 3] : index === 2 ? [1, 3] : [0, 1, 2, 3]);
};

export const u2Derivative: DerivativeFormula = ([phi, lambda], index) =>
  phasedUDerivative([Math.PI / 2, phi!, lambda!], index + 1);

export const rDerivative: DerivativeFormula = ([theta, phi], index) =>
  index === 0 ? scaled(R([theta! + Math.PI, phi!]), 0.5) : turned(R([theta!, phi!]), [2], [1]);

/** Of a rotation in the plane of two basis states; only the entries of the plane move. */
export function planeDerivative(
  matrix: MatrixFormula,
  size: number,
  low: number,
  high: number,
): DerivativeFormula {
  const [above, below] = [size * low + high, size * high + low];
  return (parameters, index) => {
    if (index === 1) return turned(matrix(parameters), [below], [above]);
    const [theta, ...rest] = parameters;
    const derivative = scaled(matrix([theta! + Math.PI, ...rest]), 0.5);
    for (let i = 0; i < size; i++) {
      if (i !== low && i !== high) derivative[2 * (size * i + i)] = 0;
    }
    return derivative;
  };
}
