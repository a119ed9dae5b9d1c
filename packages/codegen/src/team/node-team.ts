import { existsSync } from 'node:fs';
import { platform } from 'node:os';
import { Worker } from 'node:worker_threads';
import { loadKoffi } from '@qedge/core/node';
import { assertTeamSize, startTeam } from './start-team.ts';
import type { TeamWorker, ThreadTeam } from './thread-team.ts';
import { NODE_WORKER_PROGRAM, SCHED_YIELD, type WorkerStart } from './worker-program.ts';

/**
 * Starts a team of `size` threads: the calling one and `size - 1` worker threads. Where they cannot be started, the team has one
 * thread and says why.
 *
 * @example
 * using team = await createNodeTeam(2);
 * const run = team.prepare([{ kernel, block: upperHalf }, { kernel, block: lowerHalf }]);
 * run();
 * @throws InvalidArgumentError when `size` is not an integer from 1 to 256.
 */
export async function createNodeTeam(size: number): Promise<ThreadTeam> {
  assertTeamSize(size);
  const loaded = platform() === 'win32' ? null : loadKoffi();
  const koffi = loaded?.available ? loaded : null;
  return startTeam(
    size,
    (start, onReady, onEnd) => startNodeWorker({ ...start, koffiPath: koffi?.path ?? null }, onReady, onEnd),
    koffi?.koffi.load(null).func(SCHED_YIELD),
  );
}

function startNodeWorker(start: WorkerStart, onReady: () => void, onEnd: (why: string) => void): TeamWorker {
  const worker = new Worker(NODE_WORKER_PROGRAM, {
    eval: true,
    workerData: start,
    // Loaders and hooks of the program are not for these threads.
    execArgv: [],
    name: `qedge-team-${start.thread}`,
  });
  let hasEnded = false;
  let taskPath: string | null = null;
  worker.on('message', ({ name }: { readonly name: string | null }) => {
    // Where the file system may not be read, nothing exists.
    taskPath = name !== null && existsSync(`/proc/${name}`) ? `/proc/${name}` : null;
    worker.unref();
    onReady();
  });
  worker.on('error', (error: Error) => onEnd(error.message));
  worker.on('exit', (exitCode) => {
    hasEnded = true;
    onEnd(`it ended with exit code ${exitCode}`);
  });
  return {
    post: (message) => worker.postMessage(message),
    isAlive: () => !hasEnded && (taskPath === null || existsSync(taskPath)),
    terminate: () => worker.terminate(),
  };
}
