/** @file Computations that can pause: so that a signal can arrive, and so that they can end early. */
import { type Clock, throwIfCancelled } from '@qedge/core';
import type { PassContext } from './pass.ts';

/** A computation that pauses again and again. Each pause is answered by whether it should settle for what it has. */
export type Work<Result> = Generator<undefined, Result, boolean>;

/** Computing for longer than this in one piece keeps signals from arriving; a timer costs a millisecond. */
const LONGEST_TURN_MS = 25;

/** How long it is since the event loop ran. */
export class Turn {
  readonly clock: Clock;
  #startMs: number;

  constructor(clock: Clock) {
    this.clock = clock;
    this.#startMs = clock.nowMs();
  }

  /** Lets the event loop run, unless it just has. */
  async endIfLong(): Promise<void> {
    if (!this.isLong) return;
    await this.clock.sleep(0);
    this.#startMs = this.clock.nowMs();
  }

  get isLong(): boolean {
    return this.clock.nowMs() - this.#startMs >= LONGEST_TURN_MS;
  }
}

/** Whether passes should settle for the best they have. */
export function isTimeUp({ clock, deadlineMs }: Pick<PassContext, 'clock' | 'deadlineMs'>): boolean {
  return deadlineMs !== Number.POSITIVE_INFINITY && clock.nowMs() > deadlineMs;
}

/** The same with an earlier deadline, which leaves the rest of the time to what follows. @param share of what is left, 0..1. */
export function withShareOfTime(context: PassContext, share: number): PassContext {
  const nowMs = context.clock.nowMs();
  return { ...context, deadlineMs: nowMs + share * (context.deadlineMs - nowMs) };
}

/** Does all of the work in one piece. */
export function finishAtOnce<Result>(work: Work<Result>, shouldSettle: () => boolean = () => false): Result {
  for (let step = work.next(false); ; step = work.next(shouldSettle())) if (step.done) return step.value;
}

/** Does the work and lets the event loop run now and then, so that the signal can arrive. @throws CancelledError once it has. */
export async function finishInTurns<Result>(
  work: Work<Result>,
  context: Pick<PassContext, 'clock' | 'deadlineMs' | 'signal'>,
  name: string,
  turn = new Turn(context.clock),
): Promise<Result> {
  for (let step = work.next(false); ; step = work.next(isTimeUp(context))) {
    if (step.done) return step.value;
    if (context.signal && turn.isLong) await turn.endIfLong();
    throwIfCancelled(context.signal, name);
  }
}
