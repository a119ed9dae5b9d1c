import { type KernelScan, scanKernel } from './kernel-scan.ts';

/** Scores of blocks of one qubit, kept as long as nothing near them is planned. */
export interface BlockScores {
  readonly scores: Float64Array;
  readonly reaches: Int32Array;
}

export function createBlockScores(): BlockScores {
  return { scores: new Float64Array(32).fill(-1), reaches: new Int32Array(32).fill(-1) };
}

/**
 * The mask of the next register block: the best single qubit of the tile, then its best partner, and so on. Returns -1 where no block
 * executes anything.
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
  let block = 0;
  let best = -1;
  for (let size = 1; size <= Math.min(blockQubits, candidates.length); size++) {
    let bestQubit = -1;
    let bestScore = -2;
    for (const qubit of candidates) {
      if (((block >>> qubit) & 1) !== 0) continue;
      let score: number;
      if (size === 1 && (known.reaches[qubit]! & changed) === 0) score = known.scores[qubit]!;
      else score = scanKernel(scan, scan.lanes | block | (1 << qubit), false);
      if (size === 1) {
        known.scores[qubit] = score;
        if ((known.reaches[qubit]! & changed) !== 0) known.reaches[qubit] = scan.reach;
      }
      if (score <= bestScore) continue;
      bestScore = score;
      bestQubit = qubit;
    }
    block |= 1 << bestQubit;
    best = bestScore;
  }
  if (candidates.length === 0) best = scanKernel(scan, scan.lanes, false);
  return best < 0 ? -1 : block;
}
