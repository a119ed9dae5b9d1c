import { type Clock, InvalidArgumentError, throwIfCancelled, VerificationError } from '@qedge/core';
import type { Subject } from './subject.ts';

/** The shortest time that a clock with microsecond steps measures to about 2 %. */
const MIN_BATCH_MS = 0.05;
/** Between 50 us (clock resolution) and 500 us (a longer batch often meets an interrupt or outlives its time slice). */
const TARGET_BATCH_MS = 0.2;
const MAX_BATCH_SIZE = 1 << 22;
/** How long the thread may be kept from its event loop, so that an `AbortSignal` can arrive. */
const YIELD_AFTER_MS = 50;

/** Times one subject in batches of calls. Decides, while warming up, whether it is synchronous and how large a batch must be. */
export class BatchTimer {
  readonly subject: Subject;
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  #asynchronous = false;
  #batchSize = 1;
  #quickestCallMs = Number.POSITIVE_INFINITY;
  #lastYieldMs: number;

  constructor(subject: Subject, clock: Clock, signal: AbortSignal | undefined) {
    this.subject = subject;
    this.#clock = clock;
    this.#signal = signal;
    this.#lastYieldMs = clock.nowMs();
  }

  /** Calls per timed batch; 1 when a call takes 50 us or more. */
  get batchSize(): number {
    return this.#batchSize;
  }

  /** The quickest mean of a warm-up batch, in milliseconds per call; infinite before the warm-up. */
  get quickestCallMs(): number {
    return this.#quickestCallMs;
  }

  /** Runs once, then checks. @throws VerificationError when the subject's check throws. */
  async verify(moment: 'before' | 'after'): Promise<void> {
    if (moment === 'before') {
      const first = this.subject.run();
      this.#asynchronous = isPromise(first);
      await first;
    }
    try {
      await this.subject.check?.();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new VerificationError(`"${this.subject.name}" gave a wrong result ${moment} timing: ${why}`, {
        cause,
      });
    }
  }

  /** Runs for about `durationMs` (at least two batches) and sizes the batches from the quickest rate seen. */
  async warmUp(durationMs: number): Promise<void> {
    const startMs = this.#clock.nowMs();
    for (let batches = 0; ; batches++) {
      const perCallMs = await this.sample();
      if (perCallMs > 0) this.#quickestCallMs = Math.min(this.#quickestCallMs, perCallMs);
      else if (this.#batchSize === MAX_BATCH_SIZE) this.#refuseStoppedClock();
      const needed = batchSizeFor(perCallMs);
      const settled = this.#batchSize >= needed;
      if (batches >= 1 && settled && this.#clock.nowMs() - startMs >= durationMs) break;
      // Growth is limited to a factor of four: the first calls run in the interpreter and say little about the compiled code.
      this.#batchSize = Math.max(this.#batchSize, Math.min(needed, this.#batchSize * 4));
    }
    this.#batchSize = batchSizeFor(this.#quickestCallMs);
  }

  /** The mean time of a call within one batch, in milliseconds. @throws CancelledError */
  async sample(): Promise<number> {
    throwIfCancelled(this.#signal, `Timing "${this.subject.name}"`);
    if (this.#clock.nowMs() - this.#lastYieldMs >= YIELD_AFTER_MS) await this.#yield();
    const { subject } = this;
    const calls = this.#batchSize;
    const startMs = this.#clock.nowMs();
    if (this.#asynchronous) for (let call = 0; call < calls; call++) await subject.run();
    else for (let call = 0; call < calls; call++) subject.run();
    return (this.#clock.nowMs() - startMs) / calls;
  }

  #refuseStoppedClock(): never {
    throw new InvalidArgumentError(`The clock did not move while "${this.subject.name}" ran`, {
      expected: `a clock that moves within ${MAX_BATCH_SIZE} calls`,
      actual: this.#clock.nowMs(),
    });
  }

  async #yield(): Promise<void> {
    await this.#clock.sleep(0, this.#signal);
    this.#lastYieldMs = this.#clock.nowMs();
  }
}

function batchSizeFor(perCallMs: number): number {
  if (perCallMs >= MIN_BATCH_MS) return 1;
  return perCallMs > 0 ? Math.min(MAX_BATCH_SIZE, Math.ceil(TARGET_BATCH_MS / perCallMs)) : MAX_BATCH_SIZE;
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as { then?: unknown } | undefined)?.then === 'function';
}
