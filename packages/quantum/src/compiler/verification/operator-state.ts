import { adjoint, multiplyMatrices } from '../../circuit/complex-matrix.ts';
import { factorExpansion } from './factor-expansion.ts';
import {
  afterLocals,
  beforeLocals,
  flipWeight,
  IDENTITY,
  identityDistance,
  type LocalUnitary,
} from './local-unitary.ts';
import {
  expandMatrix,
  MOST_EXPANSION_WIRES,
  multiplyExpansions,
  type PauliExpansion,
} from './pauli-expansion.ts';

/** On which side of the product a gate comes: those of the compiled circuit left, inverse ones of the original right. */
export type ProductSide = 'left' | 'right';

/** What the product becomes with one more gate. */
export interface ProductChange {
  readonly labels: readonly number[];
  /** Which circuits it takes a gate of. */
  readonly sides: { readonly left: boolean; readonly right: boolean };
  readonly product: PauliExpansion;
  /** Terms of the factors on several wires that take part, multiplied, before and after: 1 where there are none. */
  readonly termsBefore: number;
  readonly termsAfter: number;
}

/**
 * A unitary operator on many wires ("labels") as a product `L (factors) R`: `L` and `R` are unitaries on single wires, the factors act on
 * different wires and are sums of Pauli strings. Wires outside of all factors have `R = 1`.
 */
export class OperatorState {
  readonly #left: LocalUnitary[];
  readonly #right: LocalUnitary[];
  readonly #factors: (PauliExpansion | null)[];
  /** Grows whenever something about a label changes. */
  readonly versions: Float64Array;

  constructor(labelCount: number) {
    this.#left = Array.from({ length: labelCount }, () => IDENTITY);
    this.#right = Array.from({ length: labelCount }, () => IDENTITY);
    this.#factors = Array.from({ length: labelCount }, () => null);
    this.versions = new Float64Array(labelCount);
  }

  /** One more gate on a single wire. */
  applyLocal(side: ProductSide, label: number, matrix: LocalUnitary): void {
    if (side === 'left') this.#left[label] = multiplyMatrices(matrix, this.#left[label]!);
    else if (this.#factors[label] === null) {
      this.#left[label] = multiplyMatrices(this.#left[label]!, adjoint(matrix));
    } else this.#right[label] = multiplyMatrices(this.#right[label]!, adjoint(matrix));
    this.versions[label]!++;
  }

  /** What the product would become. @returns null beyond `mostTerms`. */
  peek(
    side: ProductSide,
    labels: readonly number[],
    matrix: Float64Array,
    mostTerms: number,
  ): ProductChange | null {
    return side === 'left'
      ? this.peekBoth(labels, matrix, null, mostTerms)
      : this.peekBoth(labels, null, matrix, mostTerms);
  }

  /** The same for a gate of each circuit on the same labels at once. */
  peekBoth(
    labels: readonly number[],
    left: Float64Array | null,
    right: Float64Array | null,
    mostTerms: number,
  ): ProductChange | null {
    const factors = this.#factorsOf(labels);
    let product: PauliExpansion | null =
      left && expandMatrix(afterLocals(left, this.#take(this.#left, labels)), labels);
    for (const factor of factors) {
      product = product === null ? factor : multiplyExpansions(product, factor, mostTerms);
      if (product === null) return null;
    }
    if (right !== null) {
      const last = expandMatrix(beforeLocals(adjoint(right), this.#take(this.#right, labels)), labels);
      product = product === null ? last : multiplyExpansions(product, last, mostTerms);
      if (product === null) return null;
    }
    const termsBefore = factors.reduce((terms, { x }) => terms * x.length, 1);
    const whole = product!;
    return {
      labels,
      sides: { left: left !== null, right: right !== null },
      product: whole,
      termsBefore,
      termsAfter: entangledTerms(whole),
    };
  }

  /** Makes it so. */
  apply({ labels, sides, product }: ProductChange): void {
    for (const label of labels) {
      if (sides.left) this.#left[label] = IDENTITY;
      if (sides.right) this.#right[label] = IDENTITY;
    }
    for (const label of product.wires) this.#factors[label] = null;
    for (const factor of factorExpansion(product)) {
      if (factor.wires.length > 1) for (const label of factor.wires) this.#factors[label] = factor;
      else this.#left[factor.wires[0]!] = multiplyMatrices(this.#left[factor.wires[0]!]!, matrixOf(factor));
    }
    for (const label of product.wires) {
      this.versions[label]!++;
      if (this.#factors[label] !== null) continue;
      this.#left[label] = multiplyMatrices(this.#left[label]!, this.#right[label]!);
      this.#right[label] = IDENTITY;
    }
  }

  /** Exchanges nothing but makes what was worked out for some labels be worked out again. */
  touch(labels: readonly number[]): void {
    for (const label of labels) this.versions[label]!++;
  }

  /** How far a wire is from being left alone: the least infidelity that shows on it. */
  distanceFromIdentity(label: number): number {
    return this.#factors[label] === null ? identityDistance(this.#left[label]!) : Number.POSITIVE_INFINITY;
  }

  /** How much of the operator does not commute with Z on a wire. */
  distanceFromDiagonal(label: number, mostTerms: number): number {
    const factor = this.#factors[label];
    if (factor === null || factor === undefined) return flipWeight(this.#left[label]!);
    const whole = this.#absorbLocals(factor, mostTerms);
    if (whole === null) return Number.POSITIVE_INFINITY;
    const bit = whole.wires.indexOf(label);
    return whole.x.reduce(
      (sum, x, term) => ((x >> bit) & 1 ? sum + whole.re[term]! ** 2 + whole.im[term]! ** 2 : sum),
      0,
    );
  }

  /** Forgets what acts on a wire alone, where the wire loses its state. */
  clearLocal(label: number): void {
    this.#left[label] = IDENTITY;
    this.versions[label]!++;
  }

  /** True where some factor acts on a wire besides others. */
  isEntangling(label: number): boolean {
    return this.#factors[label] !== null;
  }

  /**
   * `1 - |Tr U|^2 / 4^n` of the whole operator, where some wires are known to be |0>: those parts `|<0|U|0>|^2`.
   *
   * @returns null beyond `mostTerms`.
   */
  infidelity(isZero: (label: number) => boolean, mostTerms: number): number | null {
    let loss = 0;
    const done = new Set<PauliExpansion>();
    for (const [label, factor] of this.#factors.entries()) {
      if (factor === null) {
        const local = this.#left[label]!;
        loss = joinLosses(loss, isZero(label) ? flipWeight(local) : identityDistance(local));
      } else if (!done.has(factor)) {
        done.add(factor);
        const whole = this.#absorbLocals(factor, mostTerms);
        if (whole === null) return null;
        loss = joinLosses(loss, identityLoss(whole, isZero));
      }
    }
    return loss;
  }

  #take(locals: readonly LocalUnitary[], labels: readonly number[]): LocalUnitary[] {
    return labels.map((label) => locals[label]!);
  }

  #factorsOf(labels: readonly number[]): readonly PauliExpansion[] {
    const factors = labels.map((label) => this.#factors[label]!).filter((factor) => factor !== null);
    return [...new Set(factors)];
  }

  #absorbLocals(factor: PauliExpansion, mostTerms: number): PauliExpansion | null {
    let whole: PauliExpansion | null = factor;
    for (const label of factor.wires) {
      if (this.#left[label] !== IDENTITY) {
        whole = whole && multiplyExpansions(expandMatrix(this.#left[label]!, [label]), whole, mostTerms);
      }
      if (this.#right[label] !== IDENTITY) {
        whole = whole && multiplyExpansions(whole, expandMatrix(this.#right[label]!, [label]), mostTerms);
      }
    }
    return whole;
  }
}

/** `1 - (1 - a) (1 - b)`, without cancellation. */
function joinLosses(a: number, b: number): number {
  return a + b - a * b;
}

/** The weight of everything that is not the identity, Z on wires in |0> counting as that. */
function identityLoss({ wires, x, z, re, im }: PauliExpansion, isZero: (label: number) => boolean): number {
  const zeros = wires.reduce((mask, label, bit) => (isZero(label) ? mask | (1 << bit) : mask), 0);
  // Amplitudes of (string elsewhere, flipped zero wires), summed over Z on the zero wires.
  const sums = new Map<number, [number, number]>();
  for (let term = 0; term < x.length; term++) {
    const key = x[term]! * 2 ** MOST_EXPANSION_WIRES + (z[term]! & ~zeros);
    const sum = sums.get(key) ?? [0, 0];
    // On |0> a Y is i X: a quarter turn for each.
    let turns = 0;
    for (let both = x[term]! & z[term]! & zeros; both !== 0; both &= both - 1) turns++;
    const [a, b] = [re[term]!, im[term]!];
    sum[0] += [a, -b, -a, b][turns & 3]!;
    sum[1] += [b, a, -b, -a][turns & 3]!;
    sums.set(key, sum);
  }
  let loss = 0;
  for (const [key, [a, b]] of sums) if (key !== 0) loss += a * a + b * b;
  return loss;
}

/** The matrix of an expansion on one wire. */
function matrixOf({ x, z, re, im }: PauliExpansion): LocalUnitary {
  const matrix = new Float64Array(8);
  for (let term = 0; term < x.length; term++) {
    const [a, b] = [re[term]!, im[term]!];
    const letter = x[term]! | (z[term]! << 1);
    if (letter === 0 || letter === 2) {
      const sign = letter === 0 ? 1 : -1;
      matrix[0]! += a;
      matrix[1]! += b;
      matrix[6]! += sign * a;
      matrix[7]! += sign * b;
    } else if (letter === 1) {
      matrix[2]! += a;
      matrix[3]! += b;
      matrix[4]! += a;
      matrix[5]! += b;
    } else {
      // Y = [[0, -i], [i, 0]].
      matrix[2]! += b;
      matrix[3]! -= a;
      matrix[4]! -= b;
      matrix[5]! += a;
    }
  }
  return matrix;
}

/** Products with more terms are not taken apart to be judged. */
const MOST_JUDGED_TERMS = 1024;

function entangledTerms(product: PauliExpansion): number {
  if (product.x.length > MOST_JUDGED_TERMS) return product.x.length;
  return factorExpansion(product).reduce(
    (terms, { wires, x }) => (wires.length > 1 ? terms * x.length : terms),
    1,
  );
}
