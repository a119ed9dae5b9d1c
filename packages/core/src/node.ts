export { fileAccessError } from './file-access.ts';
export { type WorkerThreadsOptions, workerThreadsExecutor } from './worker-threads-executor.ts';
export { assertWritableFile, writeFileAtomic } from './write-file-atomic.ts';
