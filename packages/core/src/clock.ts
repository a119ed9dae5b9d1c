import { CancelledError, InvalidArgumentError } from './errors.ts';

/** Time, as an argument: production code gets {@link systemClock}, tests a {@link ManualClock}. */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. Sub-millisecond resolution. */
  nowMs(): number;
  /** Milliseconds since 1970-01-01T00:00Z, for time stamps only. */
  epochMs(): number;
  /**
   * Resolves after `durationMs`, soon when it is 0 or less.
   *
   * @throws CancelledError as soon as the signal is aborted, InvalidArgumentError for NaN or more than 2^31 - 1 ms (24.8 days).
   */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}

// Timers are the only part of the host that this module needs; declared here so that neither DOM nor Node types leak out.
declare function setTimeout(callback: () => void, delayMs: number): unknown;
declare function clearTimeout(handle: unknown): void;
declare const performance: { now(): number };

/** Timers count in 32 bits; hosts fire a longer one at once instead of refusing it. */
const LONGEST_SLEEP_MS = 2_147_483_647;

function checkSleep(durationMs: number): void {
  if (!(durationMs <= LONGEST_SLEEP_MS)) {
    throw new InvalidArgumentError('A sleep is too long', {
      expected: `at most ${LONGEST_SLEEP_MS} ms`,
      actual: durationMs,
    });
  }
}

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMs: () => performance.now(),
  epochMs: () => Date.now(),
  sleep: (durationMs, signal) =>
    new Promise((resolve, reject) => {
      checkSleep(durationMs);
      const cancel = () => {
        clearTimeout(timer);
        reject(new CancelledError('A sleep was cancelled', { cause: signal?.reason }));
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', cancel);
        resolve();
      }, durationMs);
      if (signal?.aborted) cancel();
      else signal?.addEventListener('abort', cancel, { once: true });
    }),
};

/**
 * A clock that moves only when told to.
 *
 * @example
 * const clock = new ManualClock();
 * const done = clock.sleep(1000);
 * clock.advance(1000);
 * await done;
 */
export class ManualClock implements Clock {
  #nowMs: number;
  readonly #epochAtZeroMs: number;
  #sleepers: { wakeMs: number; resolve: () => void }[] = [];

  constructor(startMs = 0, epochAtZeroMs = 0) {
    this.#nowMs = startMs;
    this.#epochAtZeroMs = epochAtZeroMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  epochMs(): number {
    return this.#epochAtZeroMs + this.#nowMs;
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      checkSleep(durationMs);
      const cancel = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
        reject(new CancelledError('A sleep was cancelled', { cause: signal?.reason }));
      };
      const sleeper = {
        wakeMs: this.#nowMs + durationMs,
        resolve: () => {
          signal?.removeEventListener('abort', cancel);
          resolve();
        },
      };
      if (signal?.aborted) return cancel();
      signal?.addEventListener('abort', cancel, { once: true });
      this.#sleepers.push(sleeper);
      if (durationMs <= 0) this.advance(0);
    });
  }

  /** Moves time forward and wakes, in order, every sleeper whose time has come. */
  advance(durationMs: number): void {
    if (!(durationMs >= 0))
      throw new InvalidArgumentError('Time cannot go back', {
        expected: 'durationMs >= 0',
        actual: durationMs,
      });
    this.#nowMs += durationMs;
    const due = this.#sleepers
      .filter((sleeper) => sleeper.wakeMs <= this.#nowMs)
      .sort((a, b) => a.wakeMs - b.wakeMs);
    this.#sleepers = this.#sleepers.filter((sleeper) => sleeper.wakeMs > this.#nowMs);
    for (const sleeper of due) sleeper.resolve();
  }
}
