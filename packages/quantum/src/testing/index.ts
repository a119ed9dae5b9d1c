export type { SimulatorConformanceCase } from './conformance-case.ts';
export { basisAmplitudes, denseInner, densePauliImage, denseState } from './dense-state.ts';
export { randomPauliSum } from './observable-cases.ts';
export { randomAmplitudes, randomCircuit } from './random-circuit.ts';
export { checkCounts } from './sampling-cases.ts';
export {
  describeSimulatorConformance,
  simulatorConformanceCases,
  type TestFramework,
} from './simulator-conformance.ts';
