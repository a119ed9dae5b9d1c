export { referenceAccumulators, runReference } from '../reference/run-reference.ts';
export {
  type DeviceConformanceCase,
  describeDeviceConformance,
  deviceConformanceCases,
  FLOAT32_TOLERANCE,
  type TestFramework,
} from './device-conformance.ts';
export { type RandomGraphOptions, randomGraph, randomGraphInputs } from './random-graph.ts';
export {
  type RandomModel,
  type RandomModelOptions,
  randomInput,
  randomModel,
  weightSourceOf,
} from './random-model.ts';
export type { RandomOperatorKind } from './random-operators.ts';
