/** `(A x B) (cos h |00> + sin h |11>)`: a state of two qubits (Schmidt). Bit 0 of an index is that of the first qubit. */
export interface PairDecomposition {
  /** `2 h`, from 0 to pi/2: what `Ry` takes. */
  readonly angle: number;
  /** `A`, on the first qubit, `[2, 2, 2]`. */
  readonly first: Float64Array;
  /** `B`, on the second one, `[2, 2, 2]`. */
  readonly second: Float64Array;
}

/** Far below the rounding of numbers near 1, far above those whose reciprocal is infinite. */
const LEAST_GAP = 1e-100;

type Complex = readonly [re: number, im: number];
type Pair = readonly [Complex, Complex];

const conjugate = ([re, im]: Complex): Complex => [re, -im];
const product = ([a, b]: Complex, [x, y]: Complex): Complex => [a * x - b * y, a * y + b * x];
const sum = ([a, b]: Complex, [x, y]: Complex): Complex => [a + x, b + y];
const squared = ([re, im]: Complex): number => re * re + im * im;
const scaled = ([re, im]: Complex, factor: number): Complex => [factor * re, factor * im];
const normalized = (pair: Pair): Pair => {
  const factor = 1 / Math.hypot(...pair.flat());
  return [scaled(pair[0], factor), scaled(pair[1], factor)];
};
/** What is orthogonal to a vector. */
const orthogonal = ([u, v]: Pair): Pair => [scaled(conjugate(v), -1), conjugate(u)];

/**
 * Decomposes a state of two qubits (Nielsen and Chuang, Quantum Computation and Quantum Information, section 2.5). The second vector on each side
 * is the one orthogonal to the first, so that both are unitary whatever the rank.
 *
 * @param amplitudes `[4, 2]`, of norm 1.
 */
export function decomposePair(amplitudes: ArrayLike<number>): PairDecomposition {
  const at = (first: number, second: number): Complex => {
    const index = 2 * (first + 2 * second);
    return [amplitudes[index]!, amplitudes[index + 1]!];
  };
  /** `sum over i of conj(vector_i) amplitudes_ij`. */
  const project = ([u, v]: Pair): Pair => [
    sum(product(conjugate(u), at(0, 0)), product(conjugate(v), at(1, 0))),
    sum(product(conjugate(u), at(0, 1)), product(conjugate(v), at(1, 1))),
  ];
  const a = largestVector([at(0, 0), at(0, 1)], [at(1, 0), at(1, 1)]);
  const other = orthogonal(a);
  const image = project(a);
  const b = normalized(image);
  const [x, y] = orthogonal(b);
  const [p, q] = project(other);
  const overlap = sum(product(p, conjugate(x)), product(q, conjugate(y)));
  const small = Math.sqrt(squared(overlap));
  const phase: Complex = small > 0 ? scaled(overlap, 1 / small) : [1, 0];
  return {
    angle: 2 * Math.atan2(small, Math.hypot(...image.flat())),
    first: fromColumns(a, other),
    second: fromColumns(b, [product(phase, x), product(phase, y)]),
  };
}

/** The eigenvector of the larger eigenvalue of the first qubit's density matrix, of the rows that belong to its |0> and |1>. */
function largestVector(zero: Pair, one: Pair): Pair {
  const p = squared(zero[0]) + squared(zero[1]);
  const r = squared(one[0]) + squared(one[1]);
  const q = sum(product(zero[0], conjugate(one[0])), product(zero[1], conjugate(one[1])));
  const half = (p - r) / 2;
  const gap = Math.hypot(half, ...q);
  // Equal eigenvalues, but for less than rounding: any vector.
  if (gap < LEAST_GAP) {
    return [
      [1, 0],
      [0, 0],
    ];
  }
  return half >= 0 ? normalized([[half + gap, 0], conjugate(q)]) : normalized([q, [gap - half, 0]]);
}

function fromColumns([a, c]: Pair, [b, d]: Pair): Float64Array {
  return Float64Array.of(...a, ...b, ...c, ...d);
}
