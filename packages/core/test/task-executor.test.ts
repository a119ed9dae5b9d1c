import { describe, expect, expectTypeOf, it } from 'vitest';
import {
  inProcessExecutor,
  type Progress,
  type TaskExecutor,
  type TaskReference,
  type TaskValue,
} from '../src/index.ts';
import { workerThreadsExecutor } from '../src/node.ts';

const module = new URL('./fixtures/tasks.mjs', import.meta.url).href;
const task = (name: string): TaskReference<TaskValue, TaskValue> => ({ module, name });
const add: TaskReference<{ a: number; b: number }, number> = { module, name: 'add' };

/** Aborts as soon as the task has started. */
function stopOnFirstProgress(): {
  stop: AbortController;
  options: { signal: AbortSignal; onProgress: () => void };
} {
  const stop = new AbortController();
  return { stop, options: { signal: stop.signal, onProgress: () => stop.abort('enough') } };
}

describe.each<[string, () => TaskExecutor]>([
  ['in-process', inProcessExecutor],
  ['one worker thread', () => workerThreadsExecutor({ threads: 1 })],
  ['two worker threads', () => workerThreadsExecutor({ threads: 2 })],
])('every executor (%s)', (_name, make) => {
  it('runs a task with its types', async () => {
    await using executor = make();
    const sum = await executor.run(add, { a: 2, b: 3 });
    expectTypeOf(sum).toEqualTypeOf<number>();
    expect(sum).toBe(5);
  });

  it('runs many tasks and gives each its own result', async () => {
    await using executor = make();
    const sums = await Promise.all(
      Array.from({ length: 50 }, (_, i) => executor.run(add, { a: i, b: 1000 })),
    );
    expect(sums).toEqual(Array.from({ length: 50 }, (_, i) => i + 1000));
  });

  it('carries typed arrays there and back without touching the input', async () => {
    await using executor = make();
    const values = new Float32Array([1, 2, 3]);
    const output = await executor.run(task('scale'), { values, factor: 2 });
    expect(output).toEqual(new Float32Array([2, 4, 6]));
    expect([...values]).toEqual([1, 2, 3]);
  });

  it('shares shared memory', async () => {
    await using executor = make();
    const shared = new Int32Array(new SharedArrayBuffer(16));
    await executor.run(task('fillShared'), { shared, value: 9 });
    expect([...shared]).toEqual([9, 9, 9, 9]);
  });

  it('tells the progress in order', async () => {
    await using executor = make();
    const heard: Progress[] = [];
    await executor.run(task('count'), { to: 3 }, { onProgress: (progress) => heard.push(progress) });
    expect(heard).toEqual([1, 2, 3].map((done) => ({ phase: 'counting', done, total: 3 })));
  });

  it('keeps the code and facts of an error', async () => {
    await using executor = make();
    await expect(executor.run(task('failWithCode'), null)).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: 'the disk is full',
      facts: { freeBytes: 12 },
    });
    await expect(executor.run(task('failWithDetails'), null)).rejects.toMatchObject({
      code: 'TOO_HOT',
      message: 'too hot',
      expected: '<= 90',
      actual: 99,
      remedy: 'Wait.',
    });
    await expect(executor.run(task('failPlainly'), null)).rejects.toThrow('out of range');
    expect(await executor.run(add, { a: 1, b: 1 })).toBe(2);
  });

  it('refuses a name that is no function and a module that is not there', async () => {
    await using executor = make();
    for (const name of ['notATask', 'missing'])
      await expect(executor.run(task(name), null)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining(`Task "${name}" is not in ${module}`),
        expected: 'an exported function',
      });
    await expect(executor.run({ module: 'file:///no/such/module.mjs', name: 'x' }, null)).rejects.toThrow();
  });

  it('does not start a task whose signal is aborted', async () => {
    await using executor = make();
    const started: Progress[] = [];
    const options = {
      signal: AbortSignal.abort(),
      onProgress: (progress: Progress) => started.push(progress),
    };
    await expect(executor.run(task('count'), { to: 3 }, options)).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    expect(started).toEqual([]);
  });

  it.each(['waitForSignal', 'sleepUntilAborted'])(
    'tells a running task to stop and rejects as cancelled, whatever the task makes of it (%s)',
    async (name) => {
      await using executor = make();
      const { options } = stopOnFirstProgress();
      await expect(executor.run(task(name), null, options)).rejects.toMatchObject({
        code: 'CANCELLED',
        cause: 'enough',
      });
      expect(await executor.run(add, { a: 1, b: 1 })).toBe(2);
    },
  );

  it('cancels what runs and what waits when it is disposed, and runs nothing afterwards', async () => {
    const executor = make();
    const running = executor.run(task('waitForSignal'), null, { onProgress: () => void executor.dispose() });
    const waiting = [executor.run(task('waitForSignal'), null), executor.run(task('waitForSignal'), null)];
    for (const result of await Promise.allSettled([running, ...waiting]))
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'CANCELLED' } });
    await executor.dispose();
    await expect(executor.run(add, { a: 1, b: 1 })).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('inProcessExecutor', () => {
  it('runs one task after the other in this thread', async () => {
    await using executor = inProcessExecutor();
    expect(executor).toMatchObject({ name: 'in-process', concurrency: 1 });
    const order: number[] = [];
    await Promise.all([
      executor.run(task('count'), { to: 3 }).then(() => order.push(1)),
      executor.run(add, { a: 1, b: 1 }).then(() => order.push(2)),
    ]);
    expect(order).toEqual([1, 2]);
    expect(await executor.run(task('currentThread'), null)).toBe(0);
  });
});

describe('workerThreadsExecutor', () => {
  it('runs on other threads, reuses them, and starts no more than it may', async () => {
    await using executor = workerThreadsExecutor({ threads: 2 });
    expect(executor).toMatchObject({ name: '2 worker threads', concurrency: 2 });
    const first = await executor.run(task('currentThread'), null);
    expect(first).not.toBe(0);
    expect(await executor.run(task('currentThread'), null)).toBe(first);
    const threads = await Promise.all(
      Array.from({ length: 6 }, () => executor.run(task('threadAfter'), { milliseconds: 20 })),
    );
    expect(new Set(threads).size).toBe(2);
  });

  it('ends a thread that ignores its signal, and goes on with a new one', async () => {
    await using executor = workerThreadsExecutor({ threads: 1 });
    const { options } = stopOnFirstProgress();
    const spinning = executor.run(task('spinForever'), null, options);
    const next = executor.run(add, { a: 1, b: 1 });
    await expect(spinning).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await next).toBe(2);
  });

  it('drops a waiting task that is cancelled without disturbing the running one', async () => {
    await using executor = workerThreadsExecutor({ threads: 1 });
    const running = executor.run(task('count'), { to: 30 });
    const stop = new AbortController();
    const waiting = executor.run(add, { a: 1, b: 1 }, { signal: stop.signal });
    stop.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await running).toBe(30);
  });

  it('survives a thread that ends by itself', async () => {
    await using executor = workerThreadsExecutor({ threads: 1 });
    await expect(executor.run(task('endThread'), null)).rejects.toThrow('exit code 7');
    expect(await executor.run(add, { a: 1, b: 1 })).toBe(2);
  });

  it('reports errors that are hard to carry: odd facts, thrown text, results that cannot be copied', async () => {
    await using executor = workerThreadsExecutor({ threads: 1 });
    await expect(executor.run(task('failWithOddFacts'), null)).rejects.toMatchObject({
      code: 'ODD',
      facts: {},
    });
    await expect(executor.run(task('throwText'), null)).rejects.toMatchObject({
      code: 'TASK_FAILED',
      message: 'not even an error',
    });
    await expect(executor.run(task('returnFunction'), null)).rejects.toThrow(/could not be cloned/);
    const uncopyable = (() => 1) as unknown as TaskValue;
    await expect(executor.run(task('add'), uncopyable)).rejects.toThrow(/could not be cloned/);
    expect(await executor.run(add, { a: 1, b: 1 })).toBe(2);
  });

  it('leaves no listener on a signal that outlives its tasks', async () => {
    await using executor = workerThreadsExecutor({ threads: 1 });
    const { signal } = new AbortController();
    let listeners = 0;
    const add_ = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...parameters: Parameters<typeof add_>) => {
      listeners++;
      add_(...parameters);
    };
    signal.removeEventListener = (...parameters: Parameters<typeof remove>) => {
      listeners--;
      remove(...parameters);
    };
    for (let i = 0; i < 3; i++) await executor.run(add, { a: i, b: i }, { signal });
    await executor.run(task('failPlainly'), null, { signal }).catch(() => undefined);
    expect(listeners).toBe(0);
  });

  it.each([0, -1, 1.5, Number.NaN])('refuses %s threads', (threads) => {
    expect(() => workerThreadsExecutor({ threads })).toThrow(/expected an integer >= 1/);
  });
});
