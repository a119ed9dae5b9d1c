export {
  type ExactGroundState,
  exactGroundState,
  exactGroundStateEnergy,
} from './chemistry/exact-ground-state.ts';
export { type MolecularIntegrals, parseFcidump } from './chemistry/fcidump.ts';
export { jordanWigner } from './chemistry/jordan-wigner.ts';
export { hartreeFockOccupation, type ParticleSector, sectorBasis } from './chemistry/particle-sector.ts';
export { clbitsOf } from './circuit/check-control-flow.ts';
export { Circuit } from './circuit/circuit.ts';
export type { CircuitData } from './circuit/circuit-data.ts';
export type { InstructionFilter } from './circuit/circuit-depth.ts';
export {
  type BinaryOperator,
  bitsEqual,
  type ClassicalExpression,
  type ClassicalFunction,
  type ClassicalTarget,
  type ClassicalType,
  type ClassicalValue,
  type ClassicalVariable,
  type Register,
  type UnaryOperator,
} from './circuit/classical-expression.ts';
export { ClassicalMemory } from './circuit/classical-memory.ts';
export { typeOfExpression } from './circuit/classical-type.ts';
export {
  type ClassicalScope,
  castValue,
  evaluateClassical,
  isTrue,
  numberOf,
} from './circuit/evaluate-classical.ts';
export { expandInstruction } from './circuit/expand-instruction.ts';
export type { ExpressionProgram } from './circuit/expression-calculus.ts';
export type { ExpressionFunction } from './circuit/expression-node.ts';
export { GateBuilder } from './circuit/gate-builder.ts';
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
  type AssignInstruction,
  type BarrierInstruction,
  type BreakInstruction,
  bodiesOf,
  type ContinueInstruction,
  type ControlFlowInstruction,
  type ControlledInstruction,
  type DelayInstruction,
  type DelayUnit,
  type DiagonalInstruction,
  type ForInstruction,
  type ForRange,
  type GateInstruction,
  type IfInstruction,
  type InitializeInstruction,
  type Instruction,
  instructionName,
  isControlFlow,
  isUnitaryKind,
  type MeasureInstruction,
  type PauliEvolutionInstruction,
  type PermutationInstruction,
  type ResetInstruction,
  type SwitchInstruction,
  type UnitaryInstruction,
  type UnitaryKind,
  type WhileInstruction,
} from './circuit/instruction.ts';
export type { CircuitBody, LoopValues } from './circuit/instruction-builder.ts';
export { InstructionBuilder } from './circuit/instruction-builder.ts';
export { instructionMatrix } from './circuit/instruction-matrix.ts';
export {
  type LinearForm,
  type ParameterBinding,
  ParameterExpression,
  type ParameterValue,
  parameter,
} from './circuit/parameter.ts';
export {
  controlInstruction,
  invertInstruction,
  powerInstruction,
} from './circuit/transform-instruction.ts';
export { estimateResources, type ResourceEstimate } from './compiler/estimate-resources.ts';
export { GUIDE_PASSES } from './compiler/guide-passes.ts';
export { denseLayout } from './compiler/layout/dense-layout.ts';
export { trivialLayout } from './compiler/layout/trivial-layout.ts';
export { vf2Layout, vf2PostLayout } from './compiler/layout/vf2-layout.ts';
export { Layout, type LayoutData } from './compiler/layout.ts';
export { type OptimizationLevel, type PresetOptions, presetStages } from './compiler/levels/preset-stages.ts';
export type { CompilationState, Pass, PassContext, Preserved } from './compiler/pass.ts';
export {
  cheapestOf,
  doWhile,
  type PassAlternatives,
  type PassLoop,
  PassManager,
  type PassManagerOptions,
  type PassRecord,
  type PassStep,
  STAGE_NAMES,
  type StageName,
  type Stages,
  untilUnchanged,
} from './compiler/pass-manager.ts';
export { type ApproximationReport, approximateWithin } from './compiler/passes/approximate-within.ts';
export { checkGateDirection } from './compiler/passes/check-gate-direction.ts';
export { checkMap } from './compiler/passes/check-map.ts';
export { commutativeCancellation } from './compiler/passes/commutative-cancellation.ts';
export { consolidateBlocks } from './compiler/passes/consolidate-blocks.ts';
export { countOperations } from './compiler/passes/count-operations.ts';
export { depth } from './compiler/passes/depth.ts';
export { elidePermutations } from './compiler/passes/elide-permutations.ts';
export { gateDirection } from './compiler/passes/gate-direction.ts';
export { inverseCancellation } from './compiler/passes/inverse-cancellation.ts';
export { optimizeOneQubitGates } from './compiler/passes/optimize-one-qubit-gates.ts';
export { optimizeSwapBeforeMeasure } from './compiler/passes/optimize-swap-before-measure.ts';
export { removeBarriers } from './compiler/passes/remove-barriers.ts';
export { removeDiagonalGatesBeforeMeasure } from './compiler/passes/remove-diagonal-gates-before-measure.ts';
export { removeFinalReset } from './compiler/passes/remove-final-reset.ts';
export { removeIdentityEquivalent } from './compiler/passes/remove-identity-equivalent.ts';
export { removeResetInZeroState } from './compiler/passes/remove-reset-in-zero-state.ts';
export { simplifyKnownStates } from './compiler/passes/simplify-known-states.ts';
export { simplifyResetAfterMeasure } from './compiler/passes/simplify-reset-after-measure.ts';
export { size } from './compiler/passes/size.ts';
export { twoQubitDepth } from './compiler/passes/two-qubit-depth.ts';
export { unrollThreeQubitGates } from './compiler/passes/unroll-three-qubit-gates.ts';
export { width } from './compiler/passes/width.ts';
export { basicSwap } from './compiler/routing/basic-swap.ts';
export { type LayoutTrialsInput, runLayoutTrials } from './compiler/routing/layout-trial-task.ts';
export { type SabreOptions, sabreLayout, sabreRouting } from './compiler/routing/sabre-routing.ts';
export { inThreadTrials, type TrialExecutor } from './compiler/routing/trial-executor.ts';
export {
  type DecouplingOptions,
  type DecouplingSequence,
  dynamicalDecoupling,
} from './compiler/scheduling/dynamical-decoupling.ts';
export { padDelay } from './compiler/scheduling/pad-delay.ts';
export {
  type CircuitSchedule,
  type ScheduledPart,
  type SchedulingPolicy,
  scheduleCircuit,
} from './compiler/scheduling/schedule-circuit.ts';
export {
  alapSchedule,
  asapSchedule,
} from './compiler/scheduling/schedule-passes.ts';
export { InstructionFigures } from './compiler/target/instruction-figures.ts';
export {
  type CouplingEdge,
  checkTarget,
  type InstructionProperty,
  type Target,
  workingEdges,
} from './compiler/target/target.ts';
export {
  type BackendConfiguration,
  type BackendDescription,
  type BackendFigure,
  type BackendProperties,
  targetFromBackend,
} from './compiler/target/target-from-backend.ts';
export {
  type CouplingMapData,
  type CouplingMapOptions,
  targetFromCouplingMap,
  targetFromJson,
} from './compiler/target/target-from-json.ts';
export {
  allToAllTarget,
  DEFAULT_BASIS_GATES,
  gridTarget,
  heavyHexTarget,
  lineTarget,
  ringTarget,
} from './compiler/target/topologies.ts';
export { type EulerBasis, synthesizeOneQubit } from './compiler/translation/euler-synthesis.ts';
export { translateCircuit, translateToBasis } from './compiler/translation/translate-to-basis.ts';
export { type TranspileOptions, type TranspileResult, transpile } from './compiler/transpile.ts';
export type { LaidOutCircuit } from './compiler/verification/aligned-circuits.ts';
export type {
  EquivalenceMethod,
  EquivalenceOptions,
  EquivalenceReport,
} from './compiler/verification/equivalence-report.ts';
export { findTargetViolation, type TargetViolation } from './compiler/verification/target-violation.ts';
export { verifyEquivalence } from './compiler/verification/verify-equivalence.ts';
export { circuitToSvg, type SvgOptions } from './drawing/circuit-to-svg.ts';
export { type DrawingOptions, drawCircuit } from './drawing/draw-circuit.ts';
export type { InputValue } from './openqasm/analysis/input.ts';
export { formatOpenQasm2 } from './openqasm/format/format-openqasm2.ts';
export { formatOpenQasm3 } from './openqasm/format/format-openqasm3.ts';
export {
  type OpenQasmOptions,
  parseOpenQasm,
  parseOpenQasm2,
  parseOpenQasm3,
  parseOpenQasmSyntax,
} from './openqasm/parse-openqasm.ts';
export { detectVersion as detectOpenQasmVersion } from './openqasm/syntax/parse-program.ts';
export type { OpenQasmVersion } from './openqasm/syntax/source-text.ts';
export type {
  Expression as OpenQasmExpression,
  Program as OpenQasmProgram,
  Statement as OpenQasmStatement,
} from './openqasm/syntax/syntax-tree.ts';
export { type MaskedPauli, PauliSum, type PauliTerm } from './operator/pauli-sum.ts';
export type { AmplitudePrecision } from './simulation/engine/state-engine.ts';
export { finiteDifferenceGradient } from './simulation/gradient/finite-difference.ts';
export { type ShiftTerm, shiftRule } from './simulation/gradient/shift-rule.ts';
export type { BasisState, DensityMatrix, QuantumState } from './simulation/quantum-state.ts';
export { Sample, type SampleCounts } from './simulation/sampling/sample.ts';
export type {
  CompiledCircuit,
  GradientMethod,
  GradientOptions,
  InitialState,
  ParameterValues,
  RunOptions,
  SampleOptions,
  Simulator,
  ValueAndGradient,
} from './simulation/simulator.ts';
export { createReferenceSimulator } from './simulation/state-simulator.ts';
export {
  createStateVectorSimulator,
  type StateVectorOptions,
} from './simulation/state-vector-simulator.ts';
export type { PlanStatistics } from './state-vector/planner/plan-statistics.ts';
export type { Ansatz } from './variational/ansatz.ts';
export { ExpectationFunction } from './variational/expectation-function.ts';
export {
  type HardwareEfficientOptions,
  hardwareEfficientAnsatz,
} from './variational/hardware-efficient-ansatz.ts';
export {
  parameterShiftGradient,
  type ShiftOptions,
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
