import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Capability } from '@qedge/core';
import { failureReason } from './optional-package.ts';

// Adds 42 to shared memory; the other side looks whether it arrived.
const WORKER_PROGRAM = `Atomics.add(require('node:worker_threads').workerData, 0, 42);`;

/** Whether threads over shared memory work: one is started and writes to a `SharedArrayBuffer`. */
export async function probeThreads(): Promise<Capability> {
  const name = 'threads';
  const parallelism = availableParallelism();
  try {
    const shared = new Int32Array(new SharedArrayBuffer(4));
    const worker = new Worker(WORKER_PROGRAM, { eval: true, workerData: shared, execArgv: [] });
    await new Promise<void>((resolve, reject) => {
      worker.once('error', reject);
      worker.once('exit', () => resolve());
    });
    if (Atomics.load(shared, 0) !== 42) throw new Error('a worker did not see the shared memory');
    const reason = `worker_threads share memory; the system grants a parallelism of ${parallelism}`;
    return { name, available: true, reason, remedy: null };
  } catch (error) {
    return {
      name,
      available: false,
      reason: failureReason(error),
      remedy: 'run where Node may start threads',
    };
  }
}
