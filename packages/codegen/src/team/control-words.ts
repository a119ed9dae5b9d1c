/**
 * Where the threads of a team meet: 32-bit words in shared memory, each group on cache lines of its own. Thread 0 is the caller;
 * the words of thread t are at `THREAD_WORDS * t` from those named `THREAD_...`.
 */
export const CONTROL = {
  /** Threads that have finished their part, counted over all steps of a run. */
  arrived: 0,
  /** Threads that sleep until `arrived` has grown enough. */
  sleepers: 32,
  /** 1 + the index of a thread that failed or was lost; 0 while all is well. */
  failed: 64,
  /** The plan to run. */
  plan: 96,
  /** Changes when the thread has to look at `run` and `mail`. */
  bell: 128,
  /** The number of the last run that the thread takes part in. */
  run: 129,
  /** Messages sent to the thread. */
  mail: 130,
  /** 1 while the thread sleeps until `bell` changes. */
  asleep: 131,
  /** The number of the last run that the thread began. */
  begun: 132,
} as const;

/** 32-bit words from the words of one thread to those of the next: two cache lines, because processors fetch them in pairs. */
export const THREAD_WORDS = 32;

/** What is added to `arrived` to free every thread that waits, when one has failed. Larger than any count of a run. */
export const RELEASE_ALL = 2 ** 30;

/** Turns of a spinning loop between two looks at the clock, which costs as much as dozens of turns. */
export const TURNS_PER_CLOCK = 64;

/** Bytes at the end of the control memory where a failed thread says why: the length (32 bits), then UTF-16 code units. */
export const FAILURE_TEXT_BYTES = 1024;

/** Bytes of control memory for a team. */
export function controlBytes(size: number): number {
  return (CONTROL.bell + size * THREAD_WORDS) * 4 + FAILURE_TEXT_BYTES;
}
