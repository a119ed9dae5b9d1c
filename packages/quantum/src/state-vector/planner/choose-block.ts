import { countBits } from './bits.ts';
import { type KernelScan, scanKernel } from './kernel-scan.ts';
import { QueueKind } from './operation-queue.ts';

/** Scores of blocks of one qubit, kept as long as nothing near them is planned. */
export interface BlockScores {
  readonly scores: Float64Array;
  readonly reaches: Int32Array;
}

export function createBlockScores(): BlockScores {
  return { scores: new Float64Array(32).fill(-1), reaches: new Int32Array(32).fill(-1) };
}

/**
 * The mask of the next register block: the best qubit of the tile (or pair that a matrix needs), then its best partner, and so on.
 * Returns -1 where no block executes anything.
 *
 * @param changed qubits of operations planned since the last call in the same tile; -1 on the first one.
 */
export function chooseBlock(
  scan: KernelScan,
  candidates: readonly number[],
  blockQubits: number,
  known: BlockScores,
  changed: number,
): number {
  const size = Math.min(blockQubits, candidates.length);
  if (size === 0) return scanKernel(scan, scan.lanes, false) < 0 ? -1 : 0;
  const pairs = size > 1 ? listReadyPairs(scan) : [];
  let block = 0;
  let best = -1;
  for (let count = 0; count < size; count = countBits(block)) {
    let next = 0;
    best = -2;
    for (const qubit of candidates) {
      if (((block >>> qubit) & 1) !== 0) continue;
      const score =
        block === 0 ? scoreAlone(scan, qubit, known, changed) : scoreBlock(scan, block | (1 << qubit));
      if (score <= best) continue;
      best = score;
      next = 1 << qubit;
    }
    for (const pair of pairs) {
      if (count + 2 > size || (pair & block) !== 0) continue;
      const score = scoreBlock(scan, block | pair);
      if (score <= best) continue;
      best = score;
      next = pair;
    }
    block |= next;
  }
  return best < 0 ? -1 : block;
}

function scoreBlock(scan: KernelScan, block: number): number {
  return scanKernel(scan, scan.lanes | block, false);
}

function scoreAlone(scan: KernelScan, qubit: number, known: BlockScores, changed: number): number {
  if ((known.reaches[qubit]! & changed) === 0) return known.scores[qubit]!;
  known.scores[qubit] = scoreBlock(scan, 1 << qubit);
  known.reaches[qubit] = scan.reach;
  return known.scores[qubit]!;
}

/** Pairs of qubits, no lanes, of matrices that nothing blocks: neither qubit alone would show what they are worth. */
function listReadyPairs({ queue, lanes }: KernelScan): number[] {
  const pairs: number[] = [];
  let seen = 0;
  for (let i = 0; i < queue.length; i++) {
    const operation = queue.order[i]!;
    if (queue.kinds[operation] === QueueKind.diagonal) continue;
    const mask = queue.masks[operation]!;
    if (queue.kinds[operation] === QueueKind.matrix && (mask & (seen | lanes)) === 0) pairs.push(mask);
    seen |= mask;
  }
  return pairs;
}
