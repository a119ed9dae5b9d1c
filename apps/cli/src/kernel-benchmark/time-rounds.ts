import { compareInterleaved, type Subject } from '@qedge/bench';

/** Threads of some libraries spin for up to 20 ms after a call. */
const PAUSE_MS = 40;

/** How subjects are timed. */
export interface RoundOptions {
  readonly rounds: number;
  /** Milliseconds per subject and round. */
  readonly blockMs: number;
  /** Decides the order. */
  readonly seed: number;
  readonly signal: AbortSignal;
}

/**
 * Times subjects in rounds of random order, in this process.
 *
 * @param threads that each of them uses.
 * @returns milliseconds per run, by subject and round.
 * @throws VerificationError when a result is wrong before or after, CancelledError.
 */
export async function timeRounds(
  subjects: readonly Subject[],
  threads: number,
  { rounds, blockMs, seed, signal }: RoundOptions,
): Promise<readonly (readonly number[])[]> {
  const comparison = await compareInterleaved(subjects, {
    repeats: rounds,
    blockMs,
    pauseMs: threads > 1 ? PAUSE_MS : 0,
    seed,
    signal,
  });
  return comparison.subjects.map(({ medians }) => medians);
}
