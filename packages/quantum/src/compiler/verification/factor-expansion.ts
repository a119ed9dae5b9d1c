import { DisjointSets } from './aligned-circuits.ts';
import { MOST_EXPANSION_WIRES, type PauliExpansion } from './pauli-expansion.ts';

/** Coefficients may differ by this share of the largest one from those of a product. */
const TOLERANCE = 1e-10;
/** Larger sums are not tried: it would take longer than it helps. */
const MOST_TERMS = 8192;

/**
 * Writes an operator as a tensor product of operators on fewer wires where it is one, each of norm 1; wires that it leaves alone are
 * dropped. The global phase is not kept.
 */
export function factorExpansion(whole: PauliExpansion): readonly PauliExpansion[] {
  const used = whole.x.reduce((bits, x, term) => bits | x | whole.z[term]!, 0);
  const bits = whole.wires.flatMap((_, bit) => ((used >> bit) & 1 ? [bit] : []));
  const operator = normalize(selectBits(whole, bits));
  if (bits.length <= 1) return bits.length === 0 ? [] : [operator];
  if (operator.x.length > MOST_TERMS) return [operator];
  const terms = new TermIndex(operator);
  const groups = dependentBits(operator, terms);
  if (groups.length === 1 || !isProduct(operator, terms, groups)) return [operator];
  return groups.map((group) => normalize(sliceOf(operator, terms.largest, group)));
}

/** Finds terms by their strings. */
class TermIndex {
  readonly #places = new Map<number, number>();
  readonly #operator: PauliExpansion;
  /** The term with the largest coefficient. */
  readonly largest: number;

  constructor(operator: PauliExpansion) {
    this.#operator = operator;
    let [largest, most] = [0, -1];
    for (let term = 0; term < operator.x.length; term++) {
      this.#places.set(keyOf(operator.x[term]!, operator.z[term]!), term);
      const weight = operator.re[term]! ** 2 + operator.im[term]! ** 2;
      // A little more, so that equal coefficients give the first one whatever the rounding.
      if (weight > most * (1 + 1e-9)) [largest, most] = [term, weight];
    }
    this.largest = largest;
  }

  /** The coefficient of a string. */
  get(x: number, z: number): readonly [number, number] {
    const term = this.#places.get(keyOf(x, z));
    return term === undefined ? ZERO : [this.#operator.re[term]!, this.#operator.im[term]!];
  }
}

const ZERO = [0, 0] as const;

function keyOf(x: number, z: number): number {
  return x * 2 ** MOST_EXPANSION_WIRES + z;
}

/** Groups of bits: two are in one where the coefficients around the largest one are no product. */
function dependentBits({ wires, x, z }: PauliExpansion, terms: TermIndex): readonly (readonly number[])[] {
  const groups = new DisjointSets(wires.length);
  const [x0, z0] = [x[terms.largest]!, z[terms.largest]!];
  const replaced = (a: number, p: number, b: number, q: number) => {
    const mask = (1 << a) | (1 << b);
    const xs = (x0 & ~mask) | ((p & 1) << a) | ((q & 1) << b);
    const zs = (z0 & ~mask) | ((p >> 1) << a) | ((q >> 1) << b);
    return terms.get(xs, zs);
  };
  const letterAt = (bit: number) => ((x0 >> bit) & 1) | (((z0 >> bit) & 1) << 1);
  const center = terms.get(x0, z0);
  for (let a = 0; a < wires.length; a++) {
    for (let b = a + 1; b < wires.length; b++) {
      if (groups.find(a) === groups.find(b)) continue;
      const [p0, q0] = [letterAt(a), letterAt(b)];
      for (let pair = 0; pair < 16; pair++) {
        const [p, q] = [pair & 3, pair >> 2];
        const product = multiply(replaced(a, p, b, q0), replaced(a, p0, b, q));
        if (!areClose(multiply(replaced(a, p, b, q), center), product, center)) groups.join(a, b);
      }
    }
  }
  return groups.list();
}

/** Whether every coefficient is the product of those of its groups, and every such product is there. */
function isProduct(
  { x, z, re, im }: PauliExpansion,
  terms: TermIndex,
  groups: readonly (readonly number[])[],
): boolean {
  const [x0, z0] = [x[terms.largest]!, z[terms.largest]!];
  const center = terms.get(x0, z0);
  const weight = center[0] ** 2 + center[1] ** 2;
  const masks = groups.map((group) => group.reduce((mask, bit) => mask | (1 << bit), 0));
  const counts = masks.map(() => 0);
  for (let term = 0; term < x.length; term++) {
    let expected: readonly [number, number] = center;
    for (const [index, mask] of masks.entries()) {
      if (((x[term]! ^ x0) & ~mask) === 0 && ((z[term]! ^ z0) & ~mask) === 0) counts[index]!++;
      const part = terms.get((x0 & ~mask) | (x[term]! & mask), (z0 & ~mask) | (z[term]! & mask));
      // Divided by the centre.
      const [pr, pi] = multiply(part, [center[0] / weight, -center[1] / weight]);
      expected = multiply(expected, [pr, pi]);
    }
    const allowed = TOLERANCE * Math.sqrt(weight);
    if (Math.hypot(re[term]! - expected[0], im[term]! - expected[1]) > allowed) return false;
  }
  return counts.reduce((product, count) => product * count, 1) === x.length;
}

function multiply([a, b]: readonly [number, number], [c, d]: readonly [number, number]): [number, number] {
  return [a * c - b * d, a * d + b * c];
}

function areClose(
  [a, b]: readonly [number, number],
  [c, d]: readonly [number, number],
  [re, im]: readonly [number, number],
): boolean {
  return Math.hypot(a - c, b - d) <= TOLERANCE * (re * re + im * im);
}

/** The terms that agree with one of them outside of a group, on the wires of the group. */
function sliceOf(operator: PauliExpansion, center: number, group: readonly number[]): PauliExpansion {
  const mask = group.reduce((bits, bit) => bits | (1 << bit), 0);
  const { x, z } = operator;
  const chosen: number[] = [];
  for (let term = 0; term < x.length; term++) {
    const differs = ((x[term]! ^ x[center]!) | (z[term]! ^ z[center]!)) & ~mask;
    if (differs === 0) chosen.push(term);
  }
  return selectBits(
    {
      wires: operator.wires,
      x: Int32Array.from(chosen, (term) => x[term]!),
      z: Int32Array.from(chosen, (term) => z[term]!),
      re: Float64Array.from(chosen, (term) => operator.re[term]!),
      im: Float64Array.from(chosen, (term) => operator.im[term]!),
    },
    group,
  );
}

function selectBits(operator: PauliExpansion, bits: readonly number[]): PauliExpansion {
  const select = (mask: number) => bits.reduce((moved, from, to) => moved | (((mask >> from) & 1) << to), 0);
  const wires = bits.map((bit) => operator.wires[bit]!);
  return { ...operator, wires, x: operator.x.map(select), z: operator.z.map(select) };
}

function normalize(operator: PauliExpansion): PauliExpansion {
  const { re, im } = operator;
  const norm = Math.sqrt(re.reduce((sum, value, term) => sum + value * value + im[term]! ** 2, 0));
  return { ...operator, re: re.map((value) => value / norm), im: im.map((value) => value / norm) };
}
