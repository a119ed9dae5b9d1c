import { InvalidArgumentError, throwIfCancelled } from './errors.ts';
import type { Progress, ProgressListener } from './progress.ts';

/** Values that every executor can carry, wherever the task runs. */
export type TaskValue =
  | null
  | boolean
  | number
  | string
  | ArrayBufferView
  | readonly TaskValue[]
  | { readonly [key: string]: TaskValue | undefined };

/** What a running task is given besides its input. */
export interface TaskContext {
  readonly signal: AbortSignal;
  /** Tells the caller how far the task is. */
  progress(progress: Progress): void;
}

/** The code of a task. Must not depend on anything but its input, so that it can run in any thread or machine. */
export type TaskFunction<Input extends TaskValue, Output extends TaskValue> = (
  input: Input,
  context: TaskContext,
) => Output | Promise<Output>;

/**
 * A task by address rather than by closure, so that it can run elsewhere: `module` is an absolute `file:` URL or a package
 * specifier that the worker can import, `name` the export that holds the {@link TaskFunction}.
 */
export interface TaskReference<Input extends TaskValue, Output extends TaskValue> {
  readonly module: string;
  readonly name: string;
  /** Never set; carries the types. */
  readonly types?: TaskFunction<Input, Output>;
}

/** Per-call options of {@link TaskExecutor.run}. */
export interface RunOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressListener;
}

/** Runs tasks: in this process, in worker threads, later on other machines. Tasks may run in any order and at the same time. */
export interface TaskExecutor extends AsyncDisposable {
  /** For people, e.g. `in-process`, `2 worker threads`. */
  readonly name: string;
  /** How many tasks can run at once. */
  readonly concurrency: number;
  /**
   * Runs one task. The input is copied (or shared, for `SharedArrayBuffer`s) when the task runs elsewhere.
   *
   * @throws CancelledError when the signal ends it; whatever the task throws, with its `code` kept, otherwise.
   */
  run<Input extends TaskValue, Output extends TaskValue>(
    task: TaskReference<Input, Output>,
    input: Input,
    options?: RunOptions,
  ): Promise<Output>;
  /** Ends running tasks and frees the workers. */
  dispose(): Promise<void>;
}

/** Finds a task's function by importing its module. @throws InvalidArgumentError when the export is not a function. */
export async function importTask<Input extends TaskValue, Output extends TaskValue>(
  task: TaskReference<Input, Output>,
): Promise<TaskFunction<Input, Output>> {
  const module = (await import(/* @vite-ignore */ /* webpackIgnore: true */ task.module)) as Record<
    string,
    unknown
  >;
  const found = module[task.name];
  if (typeof found !== 'function') {
    throw new InvalidArgumentError(`Task "${task.name}" is not in ${task.module}`, {
      expected: 'an exported function',
      actual: typeof found,
    });
  }
  return found as TaskFunction<Input, Output>;
}

/** Runs every task in this thread, one after the other. For browsers without workers, tests and debugging. */
export function inProcessExecutor(): TaskExecutor {
  const stop = new AbortController();
  let tail: Promise<unknown> = Promise.resolve();
  const dispose = async () => stop.abort();
  return {
    name: 'in-process',
    concurrency: 1,
    run(task, input, options = {}) {
      const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
      const result = tail.then(async () => {
        throwIfCancelled(signal, `Task "${task.name}"`);
        const call = await importTask(task);
        try {
          return await call(input, { signal, progress: (progress) => options.onProgress?.(progress) });
        } finally {
          // Whatever a cancelled task returned or threw, the caller learns that it was cancelled.
          throwIfCancelled(signal, `Task "${task.name}"`);
        }
      });
      tail = result.catch(() => undefined);
      return result;
    },
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}
