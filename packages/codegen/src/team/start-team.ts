import { InvalidArgumentError } from '@qedge/core';
import { controlBytes } from './control-words.ts';
import {
  StartedTeam,
  type TeamWorker,
  type ThreadTeam,
  type ThreadTeamOptions,
  type Waiting,
} from './thread-team.ts';
import type { WorkerStart } from './worker-program.ts';

/** More threads than any host has that runs this. */
const MAX_THREADS = 256;
/** Waking a sleeping thread takes about as long. */
const SPIN_MICROSECONDS = 50;
const MAX_SPIN_MICROSECONDS = 1_000_000;
const START_LIMIT_MILLISECONDS = 20_000;

/** Starts one worker. Calls `onReady` once it can take messages, `onEnd` when it has failed or ended. May throw. */
export type WorkerStarter = (
  start: Omit<WorkerStart, 'koffiPath'>,
  onReady: () => void,
  onEnd: (why: string) => void,
) => TeamWorker;

/**
 * How long threads spin before they sleep.
 *
 * @throws InvalidArgumentError when `size` is not an integer from 1 to 256, or the time is not from 0 to 1,000,000 microseconds.
 */
export function requireTeam(
  size: number,
  { spinMicroseconds = SPIN_MICROSECONDS }: ThreadTeamOptions,
): number {
  if (!Number.isInteger(size) || size < 1 || size > MAX_THREADS) {
    throw new InvalidArgumentError('A team has an impossible number of threads', {
      expected: `an integer from 1 to ${MAX_THREADS}`,
      actual: size,
    });
  }
  if (!(spinMicroseconds >= 0 && spinMicroseconds <= MAX_SPIN_MICROSECONDS)) {
    throw new InvalidArgumentError('Threads cannot spin for such a time', {
      expected: `from 0 to ${MAX_SPIN_MICROSECONDS} microseconds`,
      actual: spinMicroseconds,
    });
  }
  return spinMicroseconds;
}

/** A team of the calling thread alone. */
export function createSingleThreadTeam(reason: string | null): ThreadTeam {
  return new StartedTeam([], new ArrayBuffer(controlBytes(1)), reason, {
    spinMicroseconds: 0,
    yieldThread: () => {},
  });
}

/** Starts `size - 1` workers and waits until they are ready; a team of one, with the reason, where that fails. */
export async function startTeam(
  size: number,
  startWorker: WorkerStarter,
  waiting: Waiting,
): Promise<ThreadTeam> {
  if (size === 1) return createSingleThreadTeam(null);
  const { spinMicroseconds } = waiting;
  const control = new SharedArrayBuffer(controlBytes(size));
  const workers: TeamWorker[] = [];
  let team: StartedTeam | null = null;
  const start = (thread: number, onReady: () => void, onFailure: (error: Error) => void) => {
    const onEnd = (why: string) => {
      onFailure(new Error(why));
      team?.reportEnd(thread, why);
    };
    workers.push(startWorker({ control, thread, spinMicroseconds }, onReady, onEnd));
  };
  try {
    await allReady(size - 1, start);
    team = new StartedTeam(workers, control, null, waiting);
    return team;
  } catch (error) {
    for (const worker of workers) void worker.terminate();
    return createSingleThreadTeam(`threads cannot be started: ${(error as Error).message}`);
  }
}

/** Starts threads 1 to `count`. Rejects when one fails or takes too long. */
async function allReady(
  count: number,
  start: (thread: number, onReady: () => void, onFailure: (error: Error) => void) => void,
): Promise<void> {
  let limit: ReturnType<typeof setTimeout> | undefined;
  try {
    await new Promise<void>((resolve, reject) => {
      let waiting = count;
      limit = setTimeout(
        () => reject(new Error(`${waiting} did not start within ${START_LIMIT_MILLISECONDS / 1000} s`)),
        START_LIMIT_MILLISECONDS,
      );
      const onReady = () => {
        waiting -= 1;
        if (waiting === 0) resolve();
      };
      for (let thread = 1; thread <= count; thread++) start(thread, onReady, reject);
    });
  } finally {
    clearTimeout(limit);
  }
}
