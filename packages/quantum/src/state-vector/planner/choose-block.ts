import { coveredWeight, type Demands, gainsOf } from './cover-qubits.ts';
import { type KernelScan, scanKernel } from './kernel-scan.ts';

/** Sets of qubits that are grown side by side. */
const BEAM = 3;
/** For {@link gainsOf}. */
const PROMISE = 0.25;

/** Memory of {@link chooseBlock}. */
export interface BlockSearch {
  readonly gains: Float64Array;
  sets: Int32Array;
  weights: Float64Array;
  next: Int32Array;
  nextWeights: Float64Array;
}

export function createBlockSearch(): BlockSearch {
  return {
    gains: new Float64Array(32),
    sets: new Int32Array(BEAM),
    weights: new Float64Array(BEAM),
    next: new Int32Array(BEAM),
    nextWeights: new Float64Array(BEAM),
  };
}

/**
 * The mask of the next register block, `size` of the candidates: a few sets grow by the qubits that make most rotations
 * possible, then the one with most work per cost is taken. Returns -1 where no block executes anything.
 *
 * @param demands what rotations that the tile can execute require besides the lanes.
 */
export function chooseBlock(
  scan: KernelScan,
  demands: Demands,
  candidates: readonly number[],
  size: number,
  search: BlockSearch,
): number {
  let count = 1;
  search.sets[0] = 0;
  for (let room = size; room > 0; room--) {
    count = growSets(demands, candidates, room, count, search);
    [search.sets, search.next] = [search.next, search.sets];
    [search.weights, search.nextWeights] = [search.nextWeights, search.weights];
  }
  let best = -1;
  let block = -1;
  for (let i = 0; i < count; i++) {
    const set = search.sets[i]!;
    if (coveredWeight(demands, set) === 0) continue;
    if (count === 1) return set;
    const score = scanKernel(scan, scan.lanes | set, false);
    if (score <= best) continue;
    best = score;
    block = set;
  }
  return block;
}

/** Writes the best sets of one more qubit to `search.next`; returns how many. */
function growSets(
  demands: Demands,
  candidates: readonly number[],
  room: number,
  count: number,
  search: BlockSearch,
): number {
  const { gains, sets, next, nextWeights } = search;
  let found = 0;
  for (let i = 0; i < count; i++) {
    const set = sets[i]!;
    const covered = coveredWeight(demands, set);
    gainsOf(demands, set, room, PROMISE, gains);
    for (const qubit of candidates) {
      if (((set >>> qubit) & 1) !== 0) continue;
      found = insertSet(next, nextWeights, found, set | (1 << qubit), covered + gains[qubit]!);
    }
  }
  return found;
}

/** Keeps the sets of a beam sorted, best first, without repetition. */
function insertSet(
  sets: Int32Array,
  weights: Float64Array,
  count: number,
  set: number,
  weight: number,
): number {
  if (count === BEAM && weight <= weights[BEAM - 1]!) return count;
  for (let i = 0; i < count; i++) if (sets[i] === set) return count;
  let at = count < BEAM ? count : BEAM - 1;
  for (; at > 0 && weights[at - 1]! < weight; at--) {
    weights[at] = weights[at - 1]!;
    sets[at] = sets[at - 1]!;
  }
  weights[at] = weight;
  sets[at] = set;
  return Math.min(count + 1, BEAM);
}
