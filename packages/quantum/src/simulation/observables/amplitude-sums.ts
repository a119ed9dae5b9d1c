import { parity } from '../../operator/bit-counts.ts';
import type { AmplitudeArray, StoredState } from '../amplitudes/stored-state.ts';
import { addSignSums, planSignSums, type SignPlan } from './sign-sums.ts';

/** Amplitudes that are worked on at a time: tables of double precision that stay in the level-2 cache. */
const TILE_QUBITS = 13;

const table = new Float64Array(2 ** TILE_QUBITS);
const scratch = new Float64Array(2 ** TILE_QUBITS);

/** Signed sums over products of amplitudes, prepared for states of one size. */
export interface AmplitudeSums {
  readonly qubitCount: number;
  /** All masks. */
  readonly masks: readonly number[];
  /** How loops work them out. */
  readonly plan: () => LoopPlan;
}

interface LoopPlan {
  readonly plan: SignPlan;
  /** For each query: which sum of the plan it takes, and its mask above the tile. */
  readonly members: readonly { readonly sum: number; readonly z: number }[];
}

/**
 * Prepares sums over all physical indices `s`, each with the sign `(-1)^(|s & z|)`.
 *
 * @param masks `z` of every query.
 * @param qubitCount physical qubits, at most 31.
 */
export function prepareAmplitudeSums(masks: readonly number[], qubitCount: number): AmplitudeSums {
  let plan: LoopPlan | null = null;
  return {
    qubitCount,
    masks,
    plan: () => {
      plan ??= planLoops(masks, Math.min(TILE_QUBITS, qubitCount));
      return plan;
    },
  };
}

function planLoops(masks: readonly number[], tileQubits: number): LoopPlan {
  const low = 2 ** tileQubits - 1;
  const distinct: number[] = [];
  const numbers = new Map<number, number>();
  const members = masks.map((z) => {
    let sum = numbers.get(z & low);
    if (sum === undefined) {
      sum = distinct.push(z & low) - 1;
      numbers.set(z & low, sum);
    }
    return { sum, z: z >>> tileQubits };
  });
  return { plan: planSignSums(distinct, tileQubits), members };
}

/** Which part of `conj(left[s ^ x]) right[s]` is summed. */
export type ProductPart = 'real' | 'imaginary';

/**
 * For every query `sum over s of (-1)^(|s & z|) part(conj(left[s ^ x]) right[s])`, in double precision.
 *
 * @param left of the same layout as `right`; may be the same state.
 * @param x a mask of physical qubits.
 * @param out `[queries]`; overwritten.
 */
export function sumAmplitudeProducts(
  sums: AmplitudeSums,
  part: ProductPart,
  left: StoredState,
  right: StoredState,
  x: number,
  out: Float64Array,
): void {
  const { arithmetic } = right;
  if (arithmetic !== null && x === 0) {
    arithmetic.sumProducts(part, sums.masks, left.memory, right.memory, out);
    return;
  }
  const tileQubits = Math.min(TILE_QUBITS, right.qubitCount);
  const { plan, members } = sums.plan();
  const partial = new Float64Array(plan.queryCount);
  const high = x >>> tileQubits;
  out.fill(0);
  for (let tile = 0; tile < 2 ** (right.qubitCount - tileQubits); tile++) {
    const a = tileOf(left, tile ^ high, tileQubits);
    const b = tileOf(right, tile, tileQubits);
    const low = x & (2 ** tileQubits - 1);
    if (low === 0) multiplyInOrder(part, a, b, right.lanes, 2 ** tileQubits);
    else multiplyExchanged(part, a, b, right.lanes, 2 ** tileQubits, low);
    partial.fill(0);
    addSignSums(plan, table, scratch, partial);
    for (let query = 0; query < members.length; query++) {
      const { sum, z } = members[query]!;
      const value = partial[sum]!;
      out[query] = out[query]! + (parity(tile & z) === 1 ? -value : value);
    }
  }
}

/** `sum of part(conj(left[s]) right[s])` over the physical indices whose bits of `mask` are those of `value`. */
export function sumProductsWhere(
  part: ProductPart,
  left: StoredState,
  right: StoredState,
  mask: number,
  value: number,
): number {
  const tileQubits = Math.min(TILE_QUBITS, right.qubitCount);
  const count = 2 ** tileQubits;
  const [low, wanted] = [mask & (count - 1), value & (count - 1)];
  let sum = 0;
  for (let tile = 0; tile < 2 ** (right.qubitCount - tileQubits); tile++) {
    if (((tile ^ (value >>> tileQubits)) & (mask >>> tileQubits)) !== 0) continue;
    multiplyInOrder(
      part,
      tileOf(left, tile, tileQubits),
      tileOf(right, tile, tileQubits),
      right.lanes,
      count,
    );
    for (let i = 0; i < count; i++) if ((i & low) === wanted) sum += table[i]!;
  }
  return sum;
}

/** Some consecutive amplitudes of a region: those of physical index `start ...`. */
interface Tile {
  readonly region: AmplitudeArray;
  readonly start: number;
}

function tileOf(state: StoredState, tile: number, tileQubits: number): Tile {
  const perRegion = state.regionQubits - tileQubits;
  return {
    region: state.regions[tile >>> perRegion]!,
    start: (tile & (2 ** perRegion - 1)) << tileQubits,
  };
}

/** Fills the table with `part(conj(a[i]) b[i])`. */
function multiplyInOrder(part: ProductPart, a: Tile, b: Tile, lanes: number, count: number): void {
  const [left, right] = [a.region, b.region];
  const run = Math.min(lanes, count);
  const laneMask = -lanes;
  for (let i = 0; i < count; i += run) {
    const first = a.start + i;
    let m = first + (first & laneMask);
    const second = b.start + i;
    let n = second + (second & laneMask);
    if (part === 'real') {
      for (let k = i; k < i + run; k++, m++, n++) {
        table[k] = left[m]! * right[n]! + left[m + lanes]! * right[n + lanes]!;
      }
    } else {
      for (let k = i; k < i + run; k++, m++, n++) {
        table[k] = left[m]! * right[n + lanes]! - left[m + lanes]! * right[n]!;
      }
    }
  }
}

/** Fills the table with `part(conj(a[i ^ x]) b[i])`. */
function multiplyExchanged(
  part: ProductPart,
  a: Tile,
  b: Tile,
  lanes: number,
  count: number,
  x: number,
): void {
  const [left, right] = [a.region, b.region];
  const laneMask = -lanes;
  const real = part === 'real';
  for (let i = 0; i < count; i++) {
    const first = a.start + (i ^ x);
    const m = first + (first & laneMask);
    const second = b.start + i;
    const n = second + (second & laneMask);
    table[i] = real
      ? left[m]! * right[n]! + left[m + lanes]! * right[n + lanes]!
      : left[m]! * right[n + lanes]! - left[m + lanes]! * right[n]!;
  }
}
