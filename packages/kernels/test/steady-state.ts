import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
/** Collects all garbage at once. */
export const collectGarbage = runInNewContext('gc') as () => void;

/** Runs per turn. */
export const RUNS = 10_000;

/**
 * Bytes of JavaScript heap that 10,000 runs may add: 6 per run, less than the smallest heap object (a boxed number has 12 or
 * more), so that not even one object per run fits. Optimising compilers and the measurement itself add a few KiB once.
 */
export const ALLOWED_BYTES = 64 * 1024;

/** Turns in a row that must stay below: one alone could be luck. */
const SETTLED_TURNS = 3;
/** The engine compiles in the background and boxes numbers until it has: seven turns were seen on busy cores. */
const MOST_TURNS = 25;

/** What one turn of 10,000 runs added, in bytes. */
export interface Growth {
  readonly heap: number;
  /** Memory outside of the heap that JavaScript holds. */
  readonly external: number;
}

/** Growth while nothing is collected: the loop is synchronous, and the young generation is larger than what is allowed. */
export function growthOf(work: () => void): Growth {
  collectGarbage();
  const before = process.memoryUsage();
  for (let run = 0; run < RUNS; run++) work();
  const after = process.memoryUsage();
  return { heap: after.heapUsed - before.heapUsed, external: after.external - before.external };
}

/**
 * Runs turns until three in a row add next to nothing.
 *
 * @returns null then; otherwise what every turn added, for a message.
 */
export function findAllocation(work: () => void): string | null {
  const growths: Growth[] = [];
  while (growths.length < MOST_TURNS) {
    growths.push(growthOf(work));
    const last = growths.slice(-SETTLED_TURNS);
    const settled = last.every(({ heap, external }) => heap < ALLOWED_BYTES && external <= 0);
    if (settled && last.length === SETTLED_TURNS) return null;
  }
  return growths.map(({ heap, external }) => `${heap}+${external}`).join(' ');
}
