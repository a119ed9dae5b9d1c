import { InvalidArgumentError } from '@qedge/core';
import { controlBytes } from './control-words.ts';
import { SPIN_MICROSECONDS, StartedTeam, type TeamWorker, type ThreadTeam } from './thread-team.ts';
import type { WorkerStart } from './worker-program.ts';

/** More threads than any host has that runs this. */
const MAX_THREADS = 256;
const START_LIMIT_MILLISECONDS = 20_000;

/** Starts one worker. Calls `onReady` once it can take messages, `onEnd` when it has failed or ended. May throw. */
export type WorkerStarter = (
  start: Omit<WorkerStart, 'koffiPath'>,
  onReady: () => void,
  onEnd: (why: string) => void,
) => TeamWorker;

/** @throws InvalidArgumentError when `size` is not an integer from 1 to 256. */
export function assertTeamSize(size: number): void {
  if (Number.isInteger(size) && size >= 1 && size <= MAX_THREADS) return;
  throw new InvalidArgumentError('A team has an impossible number of threads', {
    expected: `an integer from 1 to ${MAX_THREADS}`,
    actual: size,
  });
}

/** A team of the calling thread alone. */
export function createSingleThreadTeam(reason: string | null): ThreadTeam {
  return new StartedTeam([], new ArrayBuffer(controlBytes(1)), reason, () => {});
}

/** Starts `size - 1` workers and waits until they are ready; a team of one, with the reason, where that fails. */
export async function startTeam(
  size: number,
  startWorker: WorkerStarter,
  yieldThread: () => void = () => {},
): Promise<ThreadTeam> {
  if (size === 1) return createSingleThreadTeam(null);
  const control = new SharedArrayBuffer(controlBytes(size));
  const workers: TeamWorker[] = [];
  let team: StartedTeam | null = null;
  const start = (thread: number, onReady: () => void, onFailure: (error: Error) => void) => {
    const onEnd = (why: string) => {
      onFailure(new Error(why));
      team?.reportEnd(thread, why);
    };
    workers.push(startWorker({ control, thread, spinMicroseconds: SPIN_MICROSECONDS }, onReady, onEnd));
  };
  try {
    await allReady(size - 1, start);
    team = new StartedTeam(workers, control, null, yieldThread);
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
