import { InvalidArgumentError } from '@qedge/core';
import { requireInteger } from './require-integer.ts';

/**
 * Copies rows by their indices: `y[o, i] = x[o, indices[i]]` for rows of `rowBytes` bytes, written without gaps. Bits are copied as
 * they are. The indices, int32, must be 0 or more and below the number of rows: whoever binds the kernel sees to that, because
 * the kernel reads wherever they lead.
 */
export interface GatherDescription {
  readonly kind: 'gather';
  /** Positive. */
  readonly outer: number;
  /** Number of indices, positive. */
  readonly count: number;
  /** Rows to choose from, positive; what a trial draws indices from. */
  readonly rows: number;
  /** Positive. */
  readonly rowBytes: number;
  /** Bytes from one row of x to the next, at least `rowBytes`. */
  readonly rowStrideBytes: number;
}

/** Fields of the argument block of a gather; x is `[outer, rows]` without gaps between outer indices. */
export const GATHER_ARGUMENTS = { input: 0, indices: 1, output: 2 } as const;

/** Fields that the argument block of a gather has. */
export const GATHER_ARGUMENT_COUNT = 3;

/** Distances in code are 32-bit. */
const MOST_BYTES = 2 ** 30;

/** @throws InvalidArgumentError for what is no gather. */
export function requireGather({ outer, count, rows, rowBytes, rowStrideBytes }: GatherDescription): void {
  requireInteger('outer size', outer, 1);
  requireInteger('number of indices', count, 1);
  requireInteger('number of rows', rows, 1);
  requireInteger('bytes of a row', rowBytes, 1);
  requireInteger('bytes from one row to the next', rowStrideBytes, rowBytes);
  for (const bytes of [outer * rows * rowStrideBytes, outer * count * rowBytes]) {
    if (bytes <= MOST_BYTES) continue;
    throw new InvalidArgumentError('A gather reaches too far', {
      expected: `at most ${MOST_BYTES} bytes`,
      actual: bytes,
      remedy: 'Gather in parts.',
    });
  }
}
