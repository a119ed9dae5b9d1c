import { type AxisTurn, fewestTurns } from './euler-angles.ts';
import { turnString } from './pauli-frame.ts';
import { doCommute, type PauliString, withoutSign } from './pauli-string.ts';
import type { PauliRotation } from './rotation-list.ts';
import { type GroupSum, StringGroup } from './string-group.ts';

/** Rotations that are the same as fewer other ones. */
export interface RotationCluster {
  /** Their places, ascending. */
  readonly places: readonly number[];
  /** What they are, one spin after the other; the axes of each spin are as seen from in front of its first turn. */
  readonly spins: readonly SpinTurns[];
  /** The norm of what was rounded away. */
  readonly lost: number;
}

/** Turns of one spin: of what acts on strings `P`, `Q` and `-i P Q` as gates do on one qubit. */
export interface SpinTurns {
  readonly axes: readonly PauliString[];
  readonly turns: readonly AxisTurn[];
}

/** How many rotations are looked through, and how many of them may take part. */
const MOST_PASSED = 400;
const MOST_MEMBERS = 48;
const NOTHING = 1e-9;

/**
 * Looks, from the end, for rotations that can be brought there and that are fewer ones in truth: none, those of one spin, or of two.
 * All products of `mostGenerators` strings are taken into account, so that their product is a small sum, which is worked out.
 */
export function findCluster(
  rotations: readonly PauliRotation[],
  mostGenerators: 2 | 4,
): RotationCluster | null {
  const last = rotations.length - 1;
  const passed: PauliRotation[] = [];
  const places: number[] = [];
  const group = new StringGroup();
  let product: GroupSum = [1, 0];
  for (let at = last; at >= Math.max(0, last - MOST_PASSED) && places.length < MOST_MEMBERS; at--) {
    const rotation = rotations[at]!;
    const isKnown = group.has(rotation.key);
    const joins = isKnown || (group.rank < mostGenerators && !group.commutesWith(rotation.axis));
    // What stays where it is must let those before it through.
    if (!joins || !passed.every(({ axis }) => doCommute(axis, rotation.axis))) {
      passed.push(rotation);
      continue;
    }
    if (!isKnown) {
      group.extend(rotation.axis);
      product = product.concat(product.map(() => 0));
    }
    places.unshift(at);
    product = group.multiplyByRotation(product, rotation);
    if (places.length < 3) continue;
    const spins = spinsOf(product, group);
    if (spins === null) continue;
    const turnCount = spins.reduce((count, { turns }) => count + turns.length, 0);
    if (turnCount < places.length) return { places, spins, lost: NOTHING };
  }
  return null;
}

/** The axes of a spin behind a Clifford turn, seen from in front of it. */
export function turnAxes(
  axes: readonly PauliString[],
  about: PauliString,
  quarters: number,
): readonly PauliString[] {
  return quarters === 0 ? axes : axes.map((axis) => turnString(axis, withoutSign(about), quarters));
}

/** A sum as turns of one spin or of two that commute; null where it is neither. */
function spinsOf(sum: GroupSum, group: StringGroup): readonly SpinTurns[] | null {
  const used: number[] = [];
  for (let monomial = 1; monomial < sum.length / 2; monomial++) {
    if (Math.hypot(sum[2 * monomial]!, sum[2 * monomial + 1]!) > NOTHING / 16) used.push(monomial);
  }
  if (used.length === 0) return [];
  if (used.length === 1) return [spinOf(sum, group, [used[0]!])];
  if (used.length <= 3 && group.areConflicting(used[0]!, used[1]!)) {
    const third = used[0]! ^ used[1]!;
    if (used.length === 2 || used[2] === third) return [spinOf(sum, group, [used[0]!, used[1]!, third])];
  }
  return group.rank === 4 ? twoSpinsOf(sum, group) : null;
}

/** @param monomials one, or two that do not commute and their product. */
function spinOf(sum: GroupSum, group: StringGroup, monomials: readonly number[]): SpinTurns {
  const axes = group.spinAxes(monomials);
  // c0 - i sum c_j axis_j, all with one phase, which that of the largest coefficient is.
  const parts = [
    [sum[0]!, sum[1]!] as const,
    ...axes.map((axis, index) => group.coefficientOf(sum, monomials[index]!, axis)),
  ];
  const [pr, pi] = parts.reduce((a, b) => (Math.hypot(b[0], b[1]) > Math.hypot(a[0], a[1]) ? b : a));
  const size = Math.hypot(pr, pi);
  const real = parts.map(([re, im]) => (re * pr + im * pi) / size);
  // There is no second axis to turn about.
  if (axes.length === 1) return { axes, turns: [{ axis: 0, angle: 2 * Math.atan2(real[1]!, real[0]!) }] };
  const [w = 1, x = 0, y = 0, z = 0] = real;
  return { axes, turns: fewestTurns([w, x, y, z]) };
}

/** Tries all ten ways to split the strings of two spins. */
function twoSpinsOf(sum: GroupSum, group: StringGroup): readonly SpinTurns[] | null {
  for (let a = 1; a < 16; a++) {
    for (let b = a + 1; b < 16; b++) {
      if (!group.areConflicting(a, b) || (a ^ b) < b) continue;
      const others: number[] = [];
      for (let c = 1; c < 16; c++) {
        if (!group.areConflicting(a, c) && !group.areConflicting(b, c)) others.push(c);
      }
      // Each way comes twice.
      if (others.length !== 3 || others[0]! < a) continue;
      const found = splitSum(sum, group, [a, b, a ^ b], others);
      if (found !== null) return found;
    }
  }
  return null;
}

function splitSum(
  sum: GroupSum,
  group: StringGroup,
  first: readonly number[],
  second: readonly number[],
): readonly SpinTurns[] | null {
  const [rows, columns] = [
    [0, ...first],
    [0, ...second],
  ];
  const entry = (row: number, column: number) => group.productCoefficient(sum, rows[row]!, columns[column]!);
  let [best, most] = [[0, 0] as readonly [number, number], -1];
  for (let row = 0; row < 4; row++) {
    for (let column = 0; column < 4; column++) {
      const size = Math.hypot(...entry(row, column));
      if (size > most) [best, most] = [[row, column], size];
    }
  }
  const [row0, column0] = best;
  const center = entry(row0, column0);
  for (let row = 0; row < 4; row++) {
    for (let column = 0; column < 4; column++) {
      const [left, right] = [
        multiply(entry(row, column), center),
        multiply(entry(row, column0), entry(row0, column)),
      ];
      if (Math.hypot(left[0] - right[0], left[1] - right[1]) > NOTHING / 16) return null;
    }
  }
  const part = (monomials: readonly number[], at: (index: number) => readonly [number, number]) => {
    const own = new Array<number>(sum.length).fill(0);
    [0, ...monomials].forEach((monomial, index) => {
      const [re, im] = at(index);
      own[2 * monomial] = re / most;
      own[2 * monomial + 1] = im / most;
    });
    return spinOf(own, group, [monomials[0]!, monomials[1]!, monomials[0]! ^ monomials[1]!]);
  };
  return [part(first, (index) => entry(index, column0)), part(second, (index) => entry(row0, index))];
}

function multiply([a, b]: readonly [number, number], [c, d]: readonly [number, number]): [number, number] {
  return [a * c - b * d, a * d + b * c];
}
