import { countBits, fillWithLowest, lowBits } from './bits.ts';
import { type OperationQueue, QueueKind } from './operation-queue.ts';
import type { Requirements } from './requirements.ts';

/** Rows from this qubit on are far enough apart for the processor to follow them as streams of their own. */
const LEAST_FAR_QUBIT = 15;
/** The one that makes the second stream where there is a choice. */
const FAR_QUBIT = 18;

/** The qubits besides `given` that the rotations and matrices of a queue require. */
export function requiredQubits(queue: OperationQueue, requirements: Requirements, given: number): number {
  const { order, kinds, length } = queue;
  let required = 0;
  for (let i = 0; i < length; i++) {
    if (kinds[order[i]!] !== QueueKind.diagonal) required |= requirements.masks[order[i]!]!;
  }
  return required & ~given;
}

/**
 * The block, with all of `required`, of a kernel that reads and writes a whole state by itself: rows that follow each other in memory, at two
 * places. A processor moves 1.3 times as much in two streams as in one (AMD Zen 4).
 */
export function chooseStreamingBlock(
  required: number,
  qubitCount: number,
  laneQubits: number,
  blockQubits: number,
): number {
  const hasFar = (required & ~lowBits(LEAST_FAR_QUBIT)) !== 0;
  const far = Math.min(FAR_QUBIT, qubitCount - 1);
  const hasRoom = countBits(required) < blockQubits;
  const streams = hasFar || !hasRoom || far < LEAST_FAR_QUBIT ? required : required | (1 << far);
  return fillWithLowest(streams, Math.min(blockQubits, qubitCount - laneQubits), laneQubits);
}
