import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { TaskValue } from '@qedge/core';
import { workerThreadsExecutor } from '@qedge/core/node';
import type { RoutingCandidate, TrialProblem } from './layout-trial.ts';
import type { TrialExecutor, TrialRun } from './trial-executor.ts';

/** Options of {@link workerThreadTrials}. */
export interface WorkerThreadTrialsOptions {
  /** Threads to use; default: the machine's parallelism. More than 8 find no work. */
  readonly threads?: number;
  /**
   * What the threads import: the address of a module that exports `runLayoutTrials`. Default: `@qedge/quantum` as it is installed,
   * which programs that have been bundled into one file have to replace.
   */
  readonly module?: string;
}

/**
 * Runs layout trials on worker threads. The result of a compilation is the same as without; it takes less time where trials take
 * long. Belongs to the caller.
 *
 * @example
 * await using executor = workerThreadTrials();
 * const result = await transpile(circuit, target, { level: 3, executor });
 * @throws InvalidArgumentError when `threads` is not a positive integer.
 */
export function workerThreadTrials({
  threads,
  module = installedModule(),
}: WorkerThreadTrialsOptions = {}): TrialExecutor & AsyncDisposable & { dispose(): Promise<void> } {
  const executor = workerThreadsExecutor(threads === undefined ? {} : { threads });
  const task = { module, name: 'runLayoutTrials' };
  let known: { problem: TrialProblem; shared: TrialProblem } | null = null;
  return {
    async run({ problem, trials, keep, clock, deadlineMs, signal }: TrialRun) {
      if (known?.problem !== problem) known = { problem, shared: shareProblem(problem) };
      const remainingMs = deadlineMs - clock.nowMs();
      const parts = Math.min(executor.concurrency, trials.length);
      const answers = await Promise.all(
        Array.from({ length: parts }, (_, part) => {
          const own = trials.filter((__, index) => index % parts === part);
          const input = { problem: known!.shared, trials: own, keep, remainingMs };
          return executor.run(task, input as unknown as TaskValue, signal ? { signal } : {});
        }),
      );
      return trials.map(
        (_, index) => (answers[index % parts] as unknown as RoutingCandidate[][])[Math.floor(index / parts)]!,
      );
    },
    dispose: () => executor.dispose(),
    [Symbol.asyncDispose]: () => executor.dispose(),
  };
}

/** This package's main entry, by address. */
function installedModule(): string {
  // The CommonJS build has __filename, the ES module build has import.meta.url.
  const here = typeof __filename === 'string' ? __filename : import.meta.url;
  return pathToFileURL(createRequire(here).resolve('@qedge/quantum')).href;
}

/** The same problem in memory that threads share instead of copying it. */
function shareProblem(problem: TrialProblem): TrialProblem {
  const share = <T>(value: T): T => {
    if (ArrayBuffer.isView(value)) return shareArray(value) as T;
    if (Array.isArray(value)) return value.map(share) as T;
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, share(inner)])) as T;
  };
  return share(problem);
}

function shareArray(array: ArrayBufferView): ArrayBufferView {
  const buffer = new SharedArrayBuffer(array.byteLength);
  new Uint8Array(buffer).set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  if (array instanceof Int32Array) return new Int32Array(buffer);
  if (array instanceof Uint16Array) return new Uint16Array(buffer);
  return new Uint8Array(buffer);
}
