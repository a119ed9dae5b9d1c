import { type Clock, systemClock, throwIfCancelled } from '@qedge/core';

/** Long work gives way for a moment after so many milliseconds. */
const TURN_MS = 50;

/** Lets timers, and with them cancellation and progress, have their turn within work that would otherwise hold the thread to its end. */
export class WorkTurns {
  readonly #work: string;
  readonly #signal: AbortSignal | undefined;
  readonly #clock: Clock;
  #startMs: number;

  /** @param work for the message of the error: `Rounding`. */
  constructor(work: string, signal: AbortSignal | undefined, clock: Clock = systemClock) {
    this.#work = work;
    this.#signal = signal;
    this.#clock = clock;
    this.#startMs = clock.nowMs();
  }

  /** Whether the work has held the thread for long enough. */
  get isOver(): boolean {
    return this.#clock.nowMs() - this.#startMs > TURN_MS;
  }

  /** Lets others run. @throws CancelledError. */
  async next(): Promise<void> {
    await this.#clock.sleep(0);
    throwIfCancelled(this.#signal, this.#work);
    this.#startMs = this.#clock.nowMs();
  }
}
