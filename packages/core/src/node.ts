export { fileAccessError } from './file-access.ts';
export type { Koffi, KoffiLibrary, KoffiType, NativeFunction } from './koffi-interface.ts';
export { type KoffiResult, loadKoffi } from './koffi-library.ts';
export { type WorkerThreadsOptions, workerThreadsExecutor } from './worker-threads-executor.ts';
export { assertWritableFile, writeFileAtomic } from './write-file-atomic.ts';
