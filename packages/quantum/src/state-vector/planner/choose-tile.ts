import { countBits, lowBits } from './bits.ts';
import { type OperationQueue, QueueKind } from './operation-queue.ts';

/** Rotations that a matrix counts as. */
const MATRIX_WEIGHT = 8;
/** Numbers per entry of a {@link TileView}: mask, controls, weight (0 for phases). */
const STRIDE = 3;

/** What the choice of a tile must know of the queue: phases of one qubit block nothing that is not blocked already. */
interface TileView {
  readonly entries: Int32Array;
  readonly length: number;
  /** Matrices on two qubits that nothing before them blocks. */
  readonly readyMatrices: readonly number[];
}

function viewQueue(queue: OperationQueue): TileView {
  const { order, kinds, masks, controls } = queue;
  const entries = new Int32Array(STRIDE * queue.length);
  const readyMatrices: number[] = [];
  let length = 0;
  let seen = 0;
  for (let i = 0; i < queue.length; i++) {
    const operation = order[i]!;
    const mask = masks[operation]!;
    const kind = kinds[operation];
    if (kind === QueueKind.diagonal && (mask & (mask - 1)) === 0) continue;
    if (kind === QueueKind.matrix && (mask & seen) === 0) readyMatrices.push(mask);
    if (kind !== QueueKind.diagonal) seen |= mask;
    entries[length] = mask;
    entries[length + 1] = controls[operation]!;
    entries[length + 2] = kind === QueueKind.diagonal ? 0 : kind === QueueKind.matrix ? MATRIX_WEIGHT : 1;
    length += STRIDE;
  }
  return { entries, length, readyMatrices };
}

/**
 * How many rotations can be executed, in order, on tiles that hold the qubits of a mask: each needs its own qubits inside, and that
 * none before it which it does not commute with is left. Phases may use any bits, hence follow.
 */
function countExecutable(view: TileView, tile: number): number {
  const { entries, length } = view;
  /** Qubits with a rotation left behind; and with anything left behind, so that no rotation may pass. */
  let rotated = 0;
  let blocked = 0;
  let count = 0;
  for (let i = 0; i < length && (tile & ~blocked) !== 0; i += STRIDE) {
    const mask = entries[i]!;
    const controls = entries[i + 1]!;
    const weight = entries[i + 2]!;
    if (weight === 0) {
      if ((mask & rotated) !== 0) blocked |= mask;
    } else if ((mask & (~tile | blocked)) === 0 && (controls & rotated) === 0) {
      count += weight;
    } else {
      blocked |= mask | controls;
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
  const view = viewQueue(queue);
  const low = lowBits(lowQubits);
  const free = tileQubits - lowQubits;
  let best = -1;
  let bestTile = 0;
  for (let start = lowQubits; start + free <= qubitCount; start++) {
    const tile = low | (lowBits(free) << start);
    const score = countExecutable(view, tile);
    if (score > best) {
      best = score;
      bestTile = tile;
    }
  }
  const grown = growTile(view, qubitCount, free, low);
  return countExecutable(view, grown) > best ? grown : bestTile;
}

function growTile(view: TileView, qubitCount: number, free: number, low: number): number {
  let tile = low;
  let left = free;
  let score = 0;
  while (left > 0) {
    let best = -1;
    let bestTile = 0;
    let bestScore = 0;
    for (let qubit = 0; qubit < qubitCount; qubit++) {
      if (((tile >>> qubit) & 1) !== 0) continue;
      const grown = countExecutable(view, tile | (1 << qubit));
      if (grown - score <= best) continue;
      best = grown - score;
      bestTile = tile | (1 << qubit);
      bestScore = grown;
    }
    for (const mask of view.readyMatrices) {
      if (left < 2 || countBits(mask & ~tile) !== 2) continue;
      const grown = countExecutable(view, tile | mask);
      if ((grown - score) / 2 <= best) continue;
      best = (grown - score) / 2;
      bestTile = tile | mask;
      bestScore = grown;
    }
    left -= countBits(bestTile & ~tile);
    tile = bestTile;
    score = bestScore;
  }
  return tile;
}
