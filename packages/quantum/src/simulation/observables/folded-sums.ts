import { parity } from '../../operator/bit-counts.ts';
import type { ProductFold, StateArithmetic } from '../../state-vector/state-machine.ts';
import type { StoredState } from '../amplitudes/stored-state.ts';
import { addSignSums, planSignSums, type SignPlan } from './sign-sums.ts';

/** Blocks that the machine works on at a time (see `foldProducts`). */
const TILE_BLOCK_QUBITS = 12;

/** How queries are answered from what the machine folded. */
interface FoldPlan {
  readonly fold: Pick<ProductFold, 'arrays' | 'totals'>;
  /** For each array the sums over it. */
  readonly plans: readonly SignPlan[];
  /** The sums, the array that is worked on and scratch, used again in every call. */
  readonly sums: readonly Float64Array[];
  readonly table: Float64Array;
  readonly scratch: Float64Array;
  readonly members: readonly {
    /** The array, -1 for a total. */
    readonly array: number;
    /** The total, or the sum over the array. */
    readonly sum: number;
    /** The mask of the tile's number. */
    readonly z: number;
  }[];
}

const plans = new WeakMap<readonly number[], { readonly key: string; readonly plan: FoldPlan }>();

/** True where states are large enough to be folded by the machine. */
export function canFold({ laneQubits, rowQubits }: StateArithmetic, qubitCount: number): boolean {
  return qubitCount >= laneQubits + rowQubits;
}

/** For every mask `z` the sum of `(-1)^(|s & z|) part(conj(left[s]) right[s])`; the first qubits are summed over by the machine. */
export function foldAmplitudeProducts(
  arithmetic: StateArithmetic,
  masks: readonly number[],
  part: ProductFold['part'],
  left: StoredState,
  right: StoredState,
  out: Float64Array,
): void {
  const { laneQubits, rowQubits } = arithmetic;
  const key = `${laneQubits} ${rowQubits} ${right.qubitCount}`;
  let known = plans.get(masks);
  if (known?.key !== key) {
    known = { key, plan: planFold(masks, arithmetic, right.qubitCount) };
    plans.set(masks, known);
  }
  const { fold, plans: arrayPlans, members, sums, table, scratch } = known.plan;
  out.fill(0);
  arithmetic.foldProducts({ part, ...fold }, left.memory, right.memory, (tile, arrays, totals) => {
    arrays.forEach((array, index) => {
      table.set(array);
      addSignSums(arrayPlans[index]!, table, scratch, sums[index]!.fill(0));
    });
    for (let query = 0; query < members.length; query++) {
      const { array, sum, z } = members[query]!;
      const value = array < 0 ? totals[sum]! : sums[array]![sum]!;
      out[query] = out[query]! + (parity(tile & z) === 1 ? -value : value);
    }
  });
}

function planFold(
  masks: readonly number[],
  { laneQubits, rowQubits }: StateArithmetic,
  qubitCount: number,
): FoldPlan {
  const tileBits = Math.min(TILE_BLOCK_QUBITS, qubitCount - laneQubits);
  const groupBits = tileBits - rowQubits;
  const cut = (z: number, first: number, count: number) => (z >>> first) & (2 ** count - 1);
  const parts = masks.map((z) => ({
    row: cut(z, laneQubits, rowQubits),
    rest: cut(z, 0, laneQubits) | (cut(z, laneQubits + rowQubits, groupBits) << laneQubits),
    tile: laneQubits + tileBits > 31 ? 0 : z >>> (laneQubits + tileBits),
  }));
  const arrays = [...new Set(parts.filter(({ rest }) => rest !== 0).map(({ row }) => row))].sort();
  const rows = new Set(parts.map(({ row }) => row));
  const totals = [...rows].filter((row) => !arrays.includes(row)).sort();
  const rests = arrays.map((array) => [
    ...new Set(parts.filter(({ row }) => row === array).map(({ rest }) => rest)),
  ]);
  const length = 2 ** (laneQubits + groupBits);
  return {
    fold: { arrays, totals },
    plans: rests.map((list) => planSignSums(list, laneQubits + groupBits)),
    sums: rests.map((list) => new Float64Array(list.length)),
    table: new Float64Array(length),
    scratch: new Float64Array(length),
    members: parts.map(({ row, rest, tile }) => {
      const array = arrays.indexOf(row);
      return { array, sum: array < 0 ? totals.indexOf(row) : rests[array]!.indexOf(rest), z: tile };
    }),
  };
}
