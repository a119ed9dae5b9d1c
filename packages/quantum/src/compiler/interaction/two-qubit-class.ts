import { coreMatrix, factorKronecker, multiply4 } from './matrix4.ts';
import { PauliCorrelations } from './pauli-correlations.ts';
import { weylCoordinates } from './weyl-decomposition.ts';

/**
 * Weyl coordinates below this are 0, and differences from pi/4 too. Errors of so many radians in each of 5,000 gates, all in the
 * same direction, would cost a fidelity of 1e-9; rounding stays far below.
 */
const WEYL_TOLERANCE = 6e-9;
/** What is measured is the sine of twice an angle. */
const SINE_TOLERANCE = 2 * WEYL_TOLERANCE;
/** Where `sin 2a sin 2b` is less, dividing by it would leave too little of the third coordinate. */
const CLEAR_PRODUCT = 1e-5;

const HALF_PI = Math.PI / 2;
const QUARTER_PI = Math.PI / 4;

/** How many cx the core `exp(i angle n.sigma (x) m.sigma)` needs: 0, 1 or 2. */
export function coreCost(angle: number): 0 | 1 | 2 {
  const rest = Math.abs(angle - HALF_PI * Math.round(angle / HALF_PI));
  if (rest < WEYL_TOLERANCE) return 0;
  return rest > QUARTER_PI - WEYL_TOLERANCE ? 1 : 2;
}

/** How many half turns (pi/2 in a core's angle) are to be taken from a core so that at most pi/4 are left, of either sign. */
export function halfTurnsOf(angle: number): number {
  return Math.abs(angle) <= QUARTER_PI + WEYL_TOLERANCE ? 0 : Math.round(angle / HALF_PI);
}

/** What a two-qubit unitary is up to one-qubit gates. Made once and used for many. */
export class TwoQubitClass {
  /** How many cx it needs, 0..3. */
  cost = 0;
  /** The same for the unitary followed by a swap. */
  costWithSwap = 0;
  /** Equal to a swap but for one-qubit gates: its cost is 3. */
  isSwap = false;
  /** Equal to `exp(i angle n.sigma (x) m.sigma)`, then one-qubit gates; `angle` in 0..pi/4 and `axes` are set then. */
  isCore = false;
  angle = 0;
  /** `[2, 3]`: n on the first wire, m on the second. */
  readonly axes = new Float64Array(6);
  readonly #correlations = new PauliCorrelations();

  /** Classifies a unitary `[4, 4, 2]`. */
  classify(u: Float64Array): this {
    const k = this.#correlations;
    k.measure(u);
    const [normRe, normIm] = [norm(k.re), norm(k.im)];
    this.isCore = false;
    this.isSwap = false;
    if (normRe < SINE_TOLERANCE && normIm < SINE_TOLERANCE) {
      this.isSwap = Math.abs(k.traceIm) > 0.5;
      this.cost = this.isSwap ? 3 : 0;
      this.costWithSwap = 3 - this.cost;
      return this;
    }
    this.isCore = normRe < SINE_TOLERANCE && isOfRankOne(k.im, normIm);
    if (this.isCore) this.#readCore(normIm);
    this.cost = this.isCore ? coreCost(this.angle) : costOf(u, k.traceIm, normRe, 2);
    const isCoreSwapped = normIm < SINE_TOLERANCE && isOfRankOne(k.re, normRe);
    this.costWithSwap = isCoreSwapped
      ? coreCost(Math.atan2(normRe, Math.abs(k.traceIm)) / 2)
      : costOf(u, k.traceRe, normIm, 0);
    return this;
  }

  /** `im` is `sin(2 angle) n m^T`, and the trace `cos(2 angle)` up to a sign that one-qubit gates take. */
  #readCore(normIm: number): void {
    const { traceRe, im } = this.#correlations;
    const sign = traceRe < 0 ? -1 : 1;
    this.angle = Math.atan2(normIm, Math.abs(traceRe)) / 2;
    if (this.angle > QUARTER_PI - WEYL_TOLERANCE) this.angle = QUARTER_PI;
    let largest = 0;
    for (let i = 1; i < 9; i++) if (Math.abs(im[i]!) > Math.abs(im[largest]!)) largest = i;
    const row = 3 * Math.trunc(largest / 3);
    const length = Math.hypot(im[row]!, im[row + 1]!, im[row + 2]!);
    const axes = this.axes;
    for (let j = 0; j < 3; j++) axes[3 + j] = im[row + j]! / length;
    for (let i = 0; i < 3; i++) {
      axes[i] = sign * (im[3 * i]! * axes[3]! + im[3 * i + 1]! * axes[4]! + im[3 * i + 2]! * axes[5]!);
    }
    const scale = 1 / Math.hypot(axes[0]!, axes[1]!, axes[2]!);
    for (let i = 0; i < 3; i++) axes[i] = axes[i]! * scale;
  }
}

function norm(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < 9; i++) sum += values[i]! * values[i]!;
  return Math.sqrt(sum);
}

/** Whether the second singular value of a 3 x 3 matrix vanishes: the norm of its minors is the product of the first two. */
function isOfRankOne(m: Float64Array, size: number): boolean {
  let sum = 0;
  for (let i = 0; i < 3; i++) {
    const [a, b] = [3 * ((i + 1) % 3), 3 * ((i + 2) % 3)];
    for (let j = 0; j < 3; j++) {
      const [c, d] = [(j + 1) % 3, (j + 2) % 3];
      const minor = m[a + c]! * m[b + d]! - m[a + d]! * m[b + c]!;
      sum += minor * minor;
    }
  }
  return Math.sqrt(sum) < SINE_TOLERANCE * size;
}

/**
 * 2 or 3 for a unitary that is neither local, nor a swap, nor a core. `volume` is `sin 2a sin 2b sin 2c` and `area`, where c is
 * small, `sin 2a sin 2b`: their quotient tells c. (The volume alone is small for small a and b with any c.)
 *
 * @param swapped whether the coordinates are those of the unitary with a swap.
 */
function costOf(u: Float64Array, volume: number, area: number, swapped: 0 | 2): 2 | 3 {
  if (area > CLEAR_PRODUCT) return Math.abs(volume) < SINE_TOLERANCE * area ? 2 : 3;
  if (Math.abs(volume) > CLEAR_PRODUCT) return 3;
  const [a, , c] = weylCoordinates(u);
  // With a swap (a, b, c) becomes (pi/4 - |c|, pi/4 - b, ...): the smallest coordinate is what a lacks of pi/4.
  const smallest = swapped === 2 ? Math.abs(c) : QUARTER_PI - a;
  return smallest < WEYL_TOLERANCE ? 2 : 3;
}

const shared = new TwoQubitClass();

/** How many cx a two-qubit unitary `[4, 4, 2]` needs, 0..3 (Shende, Bullock, Markov, Phys. Rev. A 70 (2004) 012310). */
export function cxCost(matrix: Float64Array): number {
  return shared.classify(matrix).cost;
}

/** Two-qubit gates that hardware offers. */
export type Entangler = 'cx' | 'cz' | 'ecr' | 'rzz' | 'iswap';

/** How many of an entangler a two-qubit unitary needs, 0..3. */
export function entanglerCost(matrix: Float64Array, entangler: Entangler): number {
  const { cost, costWithSwap, isCore, isSwap } = shared.classify(matrix);
  switch (entangler) {
    case 'rzz':
      return isCore ? 1 : cost;
    case 'iswap':
      // iswap is swap . cz: one leaves a swap, which turns cores of pi/4 into its class.
      if (cost === 0 || isSwap) return cost;
      return costWithSwap === 1 ? 1 : Math.max(2, cost);
    default:
      return cost;
  }
}

const product = new Float64Array(32);
const inverseCore = new Float64Array(32);

/**
 * The one-qubit gates that come after the core in `u`: `u = (first (x) second) exp(i angle n.sigma (x) m.sigma)` up to a phase.
 *
 * @param axes `[2, 3]`: n, m.
 */
export function localsAfterCore(
  u: Float64Array,
  angle: number,
  axes: Float64Array,
): readonly [first: Float64Array, second: Float64Array] {
  return factorKronecker(multiply4(u, coreMatrix(-angle, axes, 0, inverseCore), product));
}
