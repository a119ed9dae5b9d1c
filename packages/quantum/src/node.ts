export {
  type WorkerThreadTrialsOptions,
  workerThreadTrials,
} from './compiler/routing/worker-thread-trials.ts';
export { readFcidump, readOpenQasm } from './read-files.ts';
export { loadState, saveState } from './simulation/checkpoint.ts';
export { createStateVectorSimulator } from './simulation/native-state-vector-simulator.ts';
