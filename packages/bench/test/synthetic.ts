import { ManualClock, type Random } from '@qedge/core';
import type { Subject } from '../src/index.ts';

/** Subjects whose calls take exactly as long as a law says, on a clock that they move themselves. */
export function syntheticSubjects(
  random: Random,
  durationsMs: Readonly<Record<string, (nowMs: number, random: Random) => number>>,
): { clock: ManualClock; subjects: Subject[] } {
  const clock = new ManualClock();
  const subjects = Object.entries(durationsMs).map(([name, durationMs]) => ({
    name,
    run: () => clock.advance(durationMs(clock.nowMs(), random)),
  }));
  return { clock, subjects };
}

/** Student's t with two degrees of freedom: infinite variance. */
export function heavyTailed(random: Random): number {
  return random.normal() / Math.sqrt((random.normal() ** 2 + random.normal() ** 2) / 2);
}

/** A first-order autoregressive series of variance 1. */
export function autoregressive(random: Random, coefficient: number, length: number): number[] {
  let value = random.normal();
  return Array.from({ length }, () => {
    value = coefficient * value + Math.sqrt(1 - coefficient ** 2) * random.normal();
    return value;
  });
}
