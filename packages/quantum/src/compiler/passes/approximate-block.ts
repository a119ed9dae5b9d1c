import { coreMatrix, kronecker, multiply4 } from '../interaction/matrix4.ts';
import { cxCost } from '../interaction/two-qubit-class.ts';
import { weylDecomposition } from '../interaction/weyl-decomposition.ts';
import { matrixOfRotation } from '../translation/rotation.ts';

/** A cheaper unitary near another one. */
export interface BlockApproximation {
  /** `[4, 4, 2]`. */
  readonly matrix: Float64Array;
  /** How many cx it saves, 1..3. */
  readonly saved: number;
  /** The operator norm of the difference under the best global phase, 0..2. */
  readonly distance: number;
}

const AXES = [
  [1, 0, 0],
  [0, 1, 0],
  [0, 0, 1],
] as const;

/** What a unitary comes to when its smaller Weyl coordinates are left out: coordinates that need two, one and no cx. */
const CHEAPER: readonly ((a: number, b: number) => readonly [number, number, number])[] = [
  () => [0, 0, 0],
  () => [Math.PI / 4, 0, 0],
  (a, b) => [a, b, 0],
];

/** The nearest unitaries that need fewer cx, the cheapest first; none for one that needs none. */
export function approximateBlock(matrix: Float64Array): BlockApproximation[] {
  const cost = cxCost(matrix);
  if (cost === 0) return [];
  const { coordinates, before, after } = weylDecomposition(matrix);
  const [first, last] = [before, after].map(([low, high]) =>
    kronecker(matrixOfRotation(low), matrixOfRotation(high)),
  ) as [Float64Array, Float64Array];
  return CHEAPER.slice(0, cost).map((snap, count) => {
    const snapped = snap(coordinates[0], coordinates[1]);
    let product = first;
    for (const [k, axis] of AXES.entries()) {
      if (snapped[k] === 0) continue;
      product = multiply4(coreMatrix(snapped[k]!, Float64Array.of(...axis, ...axis)), product);
    }
    return {
      matrix: multiply4(last, product),
      saved: cost - count,
      distance: distanceOf(coordinates.map((value, k) => value - snapped[k]!)),
    };
  });
}

/** Of `exp(i (x XX + y YY + z ZZ))` from the identity: half of the arc on which its eigenvalues lie. */
function distanceOf([x, y, z]: readonly number[]): number {
  const phases = [x! - y! + z!, x! + y! - z!, -x! - y! - z!, -x! + y! + z!];
  return 2 * Math.sin(Math.min(2 * Math.PI, Math.max(...phases) - Math.min(...phases)) / 4);
}
