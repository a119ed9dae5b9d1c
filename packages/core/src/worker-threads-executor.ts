import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { CancelledError, InvalidArgumentError, QedgeError } from './errors.ts';
import type { Progress } from './progress.ts';
import type { RunOptions, TaskExecutor, TaskReference, TaskValue } from './task-executor.ts';

/** Options of {@link workerThreadsExecutor}. */
export interface WorkerThreadsOptions {
  /** Threads to use; default: the machine's parallelism, at least 1. */
  readonly threads?: number;
  /** Node flags for the workers, e.g. `['--conditions=@qedge/source']`. */
  readonly execArgv?: readonly string[];
}

/** An error that was thrown in a worker, with its code and details kept. Its message is complete already. */
class RemoteTaskError extends QedgeError {
  readonly code: string;
  constructor(failure: TaskFailure) {
    super(failure.message, { facts: failure.facts });
    this.code = failure.code;
    Object.assign(this, failure.details);
    if (failure.stack !== undefined) this.stack = failure.stack;
  }
}

interface TaskFailure {
  readonly code: string;
  readonly message: string;
  readonly facts: Record<string, unknown>;
  /** `expected`, `actual` and `remedy`, those of them that the error has. */
  readonly details: Readonly<Record<string, unknown>>;
  readonly stack: string | undefined;
}

type FromWorker =
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'done'; readonly output: TaskValue }
  | { readonly type: 'failed'; readonly failure: TaskFailure };

interface Job {
  readonly task: TaskReference<TaskValue, TaskValue>;
  readonly input: TaskValue;
  readonly options: RunOptions;
  readonly resolve: (output: TaskValue) => void;
  readonly reject: (error: unknown) => void;
}

// The worker's program is inlined as text because a published package cannot know where a bundler will put its files.
const WORKER_PROGRAM = `
const { parentPort } = require('node:worker_threads');
// Node gives evaluated code these as globals, where the modules of tasks would mistake them for their own.
for (const name of ['__filename', '__dirname', 'require', 'module', 'exports']) delete globalThis[name];
let stop = new AbortController();
parentPort.on('message', async (message) => {
  if (message.type === 'cancel') { stop.abort(message.reason); return; }
  stop = new AbortController();
  const { task, input } = message;
  try {
    const call = (await import(task.module))[task.name];
    if (typeof call !== 'function') throw Object.assign(
      new TypeError('Task "' + task.name + '" is not in ' + task.module + ': expected an exported function, got ' + typeof call),
      { code: 'INVALID_ARGUMENT', expected: 'an exported function', actual: typeof call });
    const progress = (value) => parentPort.postMessage({ type: 'progress', progress: value });
    const output = await call(input, { signal: stop.signal, progress });
    parentPort.postMessage({ type: 'done', output });
  } catch (error) {
    // What is not plain data must not hide the error itself.
    const plain = (value) => { try { return JSON.parse(JSON.stringify(value)); } catch { return {}; } };
    const { expected, actual, remedy } = plain(error) ?? {};
    parentPort.postMessage({ type: 'failed', failure: {
      code: String(error?.code ?? 'TASK_FAILED'), message: String(error?.message ?? error),
      facts: plain(error?.facts ?? {}), details: plain({ expected, actual, remedy }), stack: error?.stack } });
  }
});
`;

/**
 * Runs tasks on a fixed set of worker threads, first come, first served. Threads start on first use and are reused.
 * A task that ignores its cancelled signal for a second has its thread ended.
 *
 * @example
 * await using executor = workerThreadsExecutor({ threads: 2 });
 * const area = await executor.run({ module: import.meta.resolve('./task.mjs'), name: 'integrate' }, { steps: 1000 });
 * @throws InvalidArgumentError when `threads` is not a positive integer.
 */
export function workerThreadsExecutor(options: WorkerThreadsOptions = {}): TaskExecutor {
  const threads = options.threads ?? availableParallelism();
  if (!Number.isInteger(threads) || threads < 1) {
    throw new InvalidArgumentError('A number of threads is out of range', {
      expected: 'an integer >= 1',
      actual: threads,
    });
  }
  return new WorkerThreadsExecutor(threads, options.execArgv);
}

const CANCEL_GRACE_MS = 1000;

class WorkerThreadsExecutor implements TaskExecutor {
  readonly name: string;
  readonly concurrency: number;
  readonly #execArgv: readonly string[] | undefined;
  readonly #idle: Worker[] = [];
  readonly #busy = new Map<Worker, Job>();
  readonly #waiting: Job[] = [];
  #disposed = false;

  constructor(threads: number, execArgv: readonly string[] | undefined) {
    this.concurrency = threads;
    this.name = threads === 1 ? '1 worker thread' : `${threads} worker threads`;
    this.#execArgv = execArgv;
  }

  run<Input extends TaskValue, Output extends TaskValue>(
    task: TaskReference<Input, Output>,
    input: Input,
    options: RunOptions = {},
  ): Promise<Output> {
    return new Promise<TaskValue>((resolve, reject) => {
      if (this.#disposed || options.signal?.aborted) {
        reject(cancelled(task.name, options.signal));
        return;
      }
      const plain = { module: task.module, name: task.name };
      const cancel = () => this.#cancel(job);
      // A signal may outlive thousands of tasks, so a settled task leaves no listener on it.
      const detach = () => options.signal?.removeEventListener('abort', cancel);
      const job: Job = {
        task: plain,
        input,
        options,
        resolve: (output) => {
          detach();
          resolve(output);
        },
        reject: (error) => {
          detach();
          reject(error);
        },
      };
      options.signal?.addEventListener('abort', cancel, { once: true });
      this.#waiting.push(job);
      this.#startNext();
    }) as Promise<Output>;
  }

  async dispose(): Promise<void> {
    this.#disposed = true;
    for (const job of this.#waiting.splice(0)) job.reject(cancelled(job.task.name, undefined));
    for (const job of this.#busy.values()) job.reject(cancelled(job.task.name, undefined));
    const workers = [...this.#idle.splice(0), ...this.#busy.keys()];
    this.#busy.clear();
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  #startNext(): void {
    if (this.#waiting.length === 0 || this.#busy.size >= this.concurrency) return;
    const job = this.#waiting.shift()!;
    const worker = this.#idle.pop() ?? this.#spawn();
    worker.ref();
    this.#busy.set(worker, job);
    try {
      worker.postMessage({ task: job.task, input: job.input });
    } catch (error) {
      this.#finish(worker, () => job.reject(error));
    }
  }

  #spawn(): Worker {
    const worker = new Worker(WORKER_PROGRAM, {
      eval: true,
      ...(this.#execArgv ? { execArgv: [...this.#execArgv] } : {}),
    });
    worker.on('message', (message: FromWorker) => this.#receive(worker, message));
    worker.on('error', (error) => this.#lose(worker, error));
    worker.on('exit', (exitCode) =>
      this.#lose(worker, new Error(`The worker thread ended with exit code ${exitCode}`)),
    );
    return worker;
  }

  #receive(worker: Worker, message: FromWorker): void {
    const job = this.#busy.get(worker);
    if (!job) return;
    if (message.type === 'progress') {
      job.options.onProgress?.(message.progress);
      return;
    }
    this.#finish(worker, () => {
      if (job.options.signal?.aborted) job.reject(cancelled(job.task.name, job.options.signal));
      else if (message.type === 'done') job.resolve(message.output);
      else job.reject(new RemoteTaskError(message.failure));
    });
  }

  #finish(worker: Worker, settle: () => void): void {
    this.#busy.delete(worker);
    worker.unref();
    this.#idle.push(worker);
    settle();
    this.#startNext();
  }

  #lose(worker: Worker, error: unknown): void {
    const job = this.#busy.get(worker);
    this.#busy.delete(worker);
    const at = this.#idle.indexOf(worker);
    if (at >= 0) this.#idle.splice(at, 1);
    job?.reject(job.options.signal?.aborted ? cancelled(job.task.name, job.options.signal) : error);
    this.#startNext();
  }

  #cancel(job: Job): void {
    const at = this.#waiting.indexOf(job);
    if (at >= 0) {
      this.#waiting.splice(at, 1);
      job.reject(cancelled(job.task.name, job.options.signal));
      return;
    }
    for (const [worker, running] of this.#busy) {
      if (running !== job) continue;
      worker.postMessage({ type: 'cancel' });
      setTimeout(() => {
        if (this.#busy.get(worker) === job) void worker.terminate();
      }, CANCEL_GRACE_MS).unref();
    }
  }
}

function cancelled(name: string, signal: AbortSignal | undefined): CancelledError {
  return new CancelledError(`Task "${name}" was cancelled`, { cause: signal?.reason });
}
