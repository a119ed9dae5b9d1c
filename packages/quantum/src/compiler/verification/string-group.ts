import { popCount } from './pauli-expansion.ts';
import { doCommute, lettersKey, multiplyStrings, type PauliString, withoutSign } from './pauli-string.ts';

/** A sum over the monomials of a group, `[2^rank, 2]` interleaved. */
export type GroupSum = readonly number[];

/** All products of a few strings; monomial `m` is the product of the generators in the bits of `m`, the lowest first. */
export class StringGroup {
  readonly #generators: PauliString[] = [];
  #monomials: PauliString[] = [];
  readonly #places = new Map<string, number>();
  /** For each generator the lower ones that it does not commute with. */
  readonly #conflicts: number[] = [];

  get rank(): number {
    return this.#generators.length;
  }

  has(key: string): boolean {
    return this.#places.has(key);
  }

  /** False while there is nothing. */
  commutesWith(axis: PauliString): boolean {
    return this.rank > 0 && this.#generators.every((generator) => doCommute(generator, axis));
  }

  areConflicting(a: number, b: number): boolean {
    return ((this.#exchanges(a, b) + this.#exchanges(b, a)) & 1) === 1;
  }

  extend(axis: PauliString): void {
    if (this.rank === 0) {
      const words = axis.x.length;
      const nothing = { x: new Int32Array(words), z: new Int32Array(words), quarterTurns: 0 };
      this.#monomials = [nothing];
      this.#places.set(lettersKey(nothing), 0);
    }
    const conflicts = this.#generators.reduce(
      (mask, generator, index) => (doCommute(generator, axis) ? mask : mask | (1 << index)),
      0,
    );
    this.#generators.push(axis);
    this.#conflicts.push(conflicts);
    for (const monomial of this.#monomials.slice()) {
      const product = multiplyStrings(monomial, axis);
      this.#places.set(lettersKey(product), this.#monomials.length);
      this.#monomials.push(product);
    }
  }

  /** The axes of a spin: the strings of two monomials, and `-i` times their product; of one monomial its string alone. */
  spinAxes(monomials: readonly number[]): readonly PauliString[] {
    const [first, second] = monomials.map((monomial) => withoutSign(this.#monomials[monomial]!));
    return second === undefined ? [first!] : [first!, second, multiplyStrings(first!, second, 3)];
  }

  /** Where a sum has `c monomial`, the `b` of `-i b axis` that this is. */
  coefficientOf(sum: GroupSum, monomial: number, axis: PauliString): readonly [number, number] {
    const turns = this.#monomials[monomial]!.quarterTurns - axis.quarterTurns;
    return turned(sum[2 * monomial]!, sum[2 * monomial + 1]!, turns + 1);
  }

  /** Where a sum has `c (first second)`, that `c`. */
  productCoefficient(sum: GroupSum, first: number, second: number): readonly [number, number] {
    const at = 2 * (first ^ second);
    return turned(sum[at]!, sum[at + 1]!, 2 * this.#exchanges(first, second));
  }

  /** A sum times `exp(-i angle/2 axis)`, which acts before it; the axis is one of the group. */
  multiplyByRotation(
    sum: GroupSum,
    { axis, key, angle }: { readonly axis: PauliString; readonly key: string; readonly angle: number },
  ): GroupSum {
    const factor = this.#places.get(key)!;
    const quarterTurns = axis.quarterTurns - this.#monomials[factor]!.quarterTurns;
    const [cos, sin] = [Math.cos(angle / 2), Math.sin(angle / 2)];
    const product = sum.map((value) => cos * value);
    for (let monomial = 0; monomial < sum.length / 2; monomial++) {
      const turns = 3 + quarterTurns + 2 * this.#exchanges(monomial, factor);
      const [re, im] = turned(sin * sum[2 * monomial]!, sin * sum[2 * monomial + 1]!, turns);
      product[2 * (monomial ^ factor)]! += re;
      product[2 * (monomial ^ factor) + 1]! += im;
    }
    return product;
  }

  /** How many generators that do not commute pass each other in the product of two monomials. */
  #exchanges(first: number, second: number): number {
    let count = 0;
    for (let index = 0; index < this.rank; index++) {
      // Generator `index` of the first one has to pass the lower ones of the second.
      if ((first >> index) & 1) count += popCount(second & this.#conflicts[index]!);
    }
    return count;
  }
}

/** `i^quarters (re + i im)`. */
function turned(re: number, im: number, quarters: number): readonly [number, number] {
  switch (quarters & 3) {
    case 0:
      return [re, im];
    case 1:
      return [-im, re];
    case 2:
      return [-re, -im];
    default:
      return [im, -re];
  }
}
