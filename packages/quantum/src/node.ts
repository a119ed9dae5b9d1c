export { readFcidump, readOpenQasm2 } from './read-files.ts';
export { createStateVectorSimulator } from './simulation/native-state-vector-simulator.ts';
