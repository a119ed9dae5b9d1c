export type {
  CompiledGraph,
  CompiledGraphMemory,
  CompiledGraphReport,
  NodeReport,
  NodeTiming,
} from './graph/compiled-graph.ts';
export type { ValueData } from './graph/operators/operator-definition.ts';
export { type OpenPreparedProgramOptions, openPreparedProgram } from './graph/program/open-native-program.ts';
