import { fillWithLowest, lowBits } from './bits.ts';
import { coveredWeight, type Demands, gainsOf } from './cover-qubits.ts';

/** For {@link gainsOf}: the best of several over random, regular and dense circuits. */
const PROMISE = 0.6;

/**
 * The mask of the next tile of `tileQubits` out of `qubitCount`, among them the lowest `lowQubits`: the best run of neighbours, or
 * the qubits that greedy growth adds one by one. Qubits that would be idle give way to the lowest ones, so that memory is touched in runs
 * as long as possible.
 *
 * @param demands what the rotations that are left require besides the lowest qubits.
 */
export function chooseTile(
  demands: Demands,
  qubitCount: number,
  tileQubits: number,
  lowQubits: number,
  gains: Float64Array,
): number {
  const low = lowBits(lowQubits);
  const free = tileQubits - lowQubits;
  let best = -1;
  let bestTile = 0;
  for (let start = lowQubits; start + free <= qubitCount; start++) {
    const tile = low | (lowBits(free) << start);
    const weight = coveredWeight(demands, tile);
    if (weight > best) {
      best = weight;
      bestTile = tile;
    }
  }
  let grown = low;
  for (let room = free; room > 0; room--) {
    gainsOf(demands, grown, room, PROMISE, gains);
    let next = -1;
    for (let qubit = lowQubits; qubit < qubitCount; qubit++) {
      if (((grown >>> qubit) & 1) === 0 && (next < 0 || gains[qubit]! > gains[next]!)) next = qubit;
    }
    grown |= 1 << next;
  }
  const chosen = coveredWeight(demands, grown) > best ? grown : bestTile;
  let used = low;
  for (let i = 0; i < demands.count; i++) {
    if ((demands.masks[i]! & ~chosen) === 0) used |= demands.masks[i]!;
  }
  return fillWithLowest(used, tileQubits, 0);
}
