export type { OperatorDefinition, ValueData } from './graph/operators/operator-definition.ts';
export { applyPass, type GraphPass } from './graph/passes/graph-pass.ts';
export {
  type OptimizationReport,
  type OptimizedModel,
  optimizeGraph,
} from './graph/passes/optimize-graph.ts';
export type { ExecutionPlan, ValueLocation } from './graph/plan/execution-plan.ts';
export { type ExecutionPlanOptions, planExecution } from './graph/plan/plan-execution.ts';
