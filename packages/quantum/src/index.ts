export {
  type ExactGroundState,
  exactGroundState,
  exactGroundStateEnergy,
} from './chemistry/exact-ground-state.ts';
export { type MolecularIntegrals, parseFcidump } from './chemistry/fcidump.ts';
export { jordanWigner } from './chemistry/jordan-wigner.ts';
export { hartreeFockOccupation, type ParticleSector, sectorBasis } from './chemistry/particle-sector.ts';
export { Circuit, type CircuitData, type InstructionFilter } from './circuit/circuit.ts';
export {
  GATE_NAMES,
  type GateDefinition,
  type GateName,
  type GateStep,
  gateDefinition,
  isGateName,
} from './circuit/gate-definition.ts';
export { gateMatrix } from './circuit/gate-matrix.ts';
export {
  type BarrierInstruction,
  type GateInstruction,
  type Instruction,
  instructionName,
  type MeasureInstruction,
  type ResetInstruction,
} from './circuit/instruction.ts';
export {
  type ParameterBinding,
  ParameterExpression,
  type ParameterValue,
  parameter,
} from './circuit/parameter.ts';
export { formatOpenQasm2 } from './openqasm/format-openqasm2.ts';
export { parseOpenQasm2 } from './openqasm/parse-openqasm2.ts';
export { type MaskedPauli, PauliSum, type PauliTerm } from './operator/pauli-sum.ts';
export {
  type AngleSource,
  type CircuitPlan,
  orderParameters,
  type PlannedGate,
  type PlannedStep,
  planCircuit,
  resolveAngles,
} from './simulation/circuit-plan.ts';
export type { SampleCounts } from './simulation/sample-counts.ts';
export type { PreparedCircuit, SimulationOptions, Simulator } from './simulation/simulator.ts';
export { StateVector } from './simulation/state-vector.ts';
export { StateVectorSimulator } from './simulation/state-vector-simulator.ts';
export { adjointGradient, type ValueAndGradient } from './variational/adjoint-gradient.ts';
export type { Ansatz } from './variational/ansatz.ts';
export { ExpectationFunction } from './variational/expectation-function.ts';
export { finiteDifferenceGradient } from './variational/finite-difference.ts';
export { fubiniStudyMetric } from './variational/fubini-study-metric.ts';
export {
  type HardwareEfficientOptions,
  hardwareEfficientAnsatz,
} from './variational/hardware-efficient-ansatz.ts';
export {
  parameterShiftGradient,
  type ShiftOptions,
  type ShiftTerm,
  shiftRule,
} from './variational/parameter-shift.ts';
export { appendPauliEvolution } from './variational/pauli-evolution.ts';
export { type UccsdOptions, uccsd } from './variational/uccsd.ts';
export {
  type VqeGradient,
  type VqeIteration,
  type VqeOptimizer,
  type VqeOptions,
  type VqeResult,
  type VqeStopReason,
  vqe,
} from './variational/vqe.ts';
