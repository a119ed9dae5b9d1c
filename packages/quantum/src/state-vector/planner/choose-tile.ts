import { lowBits } from './bits.ts';
import { type OperationQueue, QueueKind } from './operation-queue.ts';

/** Rotations that a matrix counts as. */
const MATRIX_WEIGHT = 8;

/**
 * How many rotations can be executed, in order, on tiles that hold the qubits of a mask: each needs its own qubits inside, and that
 * none before it which it does not commute with is left. Phases may use any bits, hence follow.
 */
function countExecutable(queue: OperationQueue, tile: number): number {
  const { order, kinds, masks, controls, length } = queue;
  /** Qubits with a rotation left behind; and with anything left behind, so that no rotation may pass. */
  let rotated = 0;
  let blocked = 0;
  let count = 0;
  for (let i = 0; i < length && (tile & ~blocked) !== 0; i++) {
    const operation = order[i]!;
    const mask = masks[operation]!;
    const kind = kinds[operation];
    if (kind === QueueKind.diagonal) {
      if ((mask & rotated) !== 0) blocked |= mask;
    } else if ((mask & (~tile | blocked)) === 0 && (controls[operation]! & rotated) === 0) {
      count += kind === QueueKind.matrix ? MATRIX_WEIGHT : 1;
    } else {
      blocked |= mask | controls[operation]!;
      rotated |= mask;
    }
  }
  return count;
}

/**
 * The mask of the next tile of `tileQubits` out of `qubitCount`, among them the lowest `lowQubits`: the best run of neighbours, or
 * the qubits that greedy growth adds one by one.
 */
export function chooseTile(
  queue: OperationQueue,
  qubitCount: number,
  tileQubits: number,
  lowQubits: number,
): number {
  if (tileQubits >= qubitCount) return lowBits(qubitCount);
  const low = lowBits(lowQubits);
  const free = tileQubits - lowQubits;
  let best = -1;
  let bestTile = 0;
  for (let start = lowQubits; start + free <= qubitCount; start++) {
    const tile = low | (lowBits(free) << start);
    const score = countExecutable(queue, tile);
    if (score > best) {
      best = score;
      bestTile = tile;
    }
  }
  const grown = growTile(queue, qubitCount, free, low);
  return countExecutable(queue, grown) > best ? grown : bestTile;
}

function growTile(queue: OperationQueue, qubitCount: number, free: number, low: number): number {
  let tile = low;
  for (let added = 0; added < free; added++) {
    let best = -1;
    let bestQubit = -1;
    for (let qubit = 0; qubit < qubitCount; qubit++) {
      if (((tile >>> qubit) & 1) !== 0) continue;
      const score = countExecutable(queue, tile | (1 << qubit));
      if (score > best) {
        best = score;
        bestQubit = qubit;
      }
    }
    tile |= 1 << bestQubit;
  }
  return tile;
}
