import { whyNotShared } from '../wasm/web-assembly.ts';
import { createSingleThreadTeam, requireTeam, startTeam, type WorkerStarter } from './start-team.ts';
import type { TeamWorker, ThreadTeam, ThreadTeamOptions } from './thread-team.ts';
import { BROWSER_WORKER_PROGRAM, type WorkerStart } from './worker-program.ts';

// The parts of a browser's interface that a team uses, declared here so that the DOM's type library is not needed.

interface BrowserWorker {
  onmessage: (() => void) | null;
  onerror: ((event: { readonly message?: string; preventDefault(): void }) => void) | null;
  postMessage(message: unknown): void;
  terminate(): void;
}

interface Browser {
  readonly Worker?: new (url: string, options: { readonly name: string }) => BrowserWorker;
}

/**
 * Starts a team of `size` threads in a browser: the calling one and `size - 1` Web Workers. Threads share memory only in a page that is
 * cross-origin isolated (served with `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`);
 * elsewhere, and where workers cannot be started (a content security policy without `worker-src blob:`), the team has one thread and says
 * why.
 *
 * @throws InvalidArgumentError when `size` is not an integer from 1 to 256, or for an impossible time.
 */
export async function createBrowserTeam(size: number, options: ThreadTeamOptions = {}): Promise<ThreadTeam> {
  const spinMicroseconds = requireTeam(size, options);
  if (size === 1) return createSingleThreadTeam(null);
  const why = whyNotShared();
  if (why !== null) return createSingleThreadTeam(why);
  const { Worker } = globalThis as Browser;
  if (Worker === undefined) return createSingleThreadTeam('this host has no Web Workers');
  const url = URL.createObjectURL(new Blob([BROWSER_WORKER_PROGRAM], { type: 'text/javascript' }));
  try {
    const startWorker: WorkerStarter = (start, onReady, onEnd) => {
      const worker = new Worker(url, { name: `qedge-team-${start.thread}` });
      return superviseWorker(worker, start, onReady, onEnd);
    };
    return await startTeam(size, startWorker, { spinMicroseconds, yieldThread: () => {} });
  } finally {
    URL.revokeObjectURL(url);
  }
}

function superviseWorker(
  worker: BrowserWorker,
  start: Omit<WorkerStart, 'koffiPath'>,
  onReady: () => void,
  onEnd: (why: string) => void,
): TeamWorker {
  let hasEnded = false;
  worker.onmessage = onReady;
  worker.onerror = (event) => {
    event.preventDefault();
    hasEnded = true;
    onEnd(event.message ?? 'its program cannot be loaded');
  };
  worker.postMessage(start);
  return {
    post: (message) => worker.postMessage(message),
    isAlive: () => !hasEnded,
    async terminate() {
      hasEnded = true;
      worker.terminate();
    },
  };
}
