export { type WorkerThreadsOptions, workerThreadsExecutor } from './worker-threads-executor.ts';
export { writeFileAtomic } from './write-file-atomic.ts';
