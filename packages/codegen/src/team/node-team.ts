import { existsSync } from 'node:fs';
import { platform } from 'node:os';
import { basename } from 'node:path';
import { Worker } from 'node:worker_threads';
import { loadKoffi } from '@qedge/core/node';
import { requireTeam, startTeam } from './start-team.ts';
import { placeThreads } from './thread-placement.ts';
import type { TeamWorker, ThreadTeam, ThreadTeamOptions } from './thread-team.ts';
import { NODE_WORKER_PROGRAM, type WorkerStart } from './worker-program.ts';

/**
 * Starts a team of `size` threads: the calling one and `size - 1` worker threads. Where they cannot be started, the team has one
 * thread and says why.
 *
 * @example
 * using team = await createNodeTeam(2);
 * const run = team.prepare([{ kernel, block: upperHalf }, { kernel, block: lowerHalf }]);
 * run();
 * @throws InvalidArgumentError when `size` is not an integer from 1 to 256, or for an impossible time.
 */
export async function createNodeTeam(size: number, options: ThreadTeamOptions = {}): Promise<ThreadTeam> {
  const spinMicroseconds = requireTeam(size, options);
  const loaded = platform() === 'win32' ? null : loadKoffi();
  const koffi = loaded?.available ? loaded : null;
  const workers: NodeTeamWorker[] = [];
  const taskIds = () => workers.map(({ taskId }) => taskId()).filter((task) => task !== null);
  return startTeam(
    size,
    (start, onReady, onEnd) => {
      const worker = startNodeWorker({ ...start, koffiPath: koffi?.path ?? null }, onReady, onEnd);
      workers.push(worker);
      return worker;
    },
    {
      spinMicroseconds,
      yieldThread: koffi === null ? () => {} : placeThreads(koffi.koffi, size, taskIds).yieldThread,
    },
  );
}

interface NodeTeamWorker extends TeamWorker {
  /** The number that the kernel gives its thread; null where it is not known, or the thread has ended. */
  taskId(): number | null;
}

function startNodeWorker(
  start: WorkerStart,
  onReady: () => void,
  onEnd: (why: string) => void,
): NodeTeamWorker {
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
    taskId: () => (hasEnded || taskPath === null ? null : Number(basename(taskPath))),
    terminate: () => worker.terminate(),
  };
}
