export { constantWeights, type GraphConstant } from './graph/constant-weights.ts';
export { type EvaluateGraphOptions, evaluateGraph } from './graph/evaluate-graph.ts';
export { type AddNodeOptions, GraphBuilder, type GraphBuilderOptions } from './graph/graph-builder.ts';
export { type GraphOfLayersOptions, graphOfLayers } from './graph/layers/graph-of-layers.ts';
export { type BertConfig, type BertEncoderOptions, bertEncoder } from './graph/models/bert.ts';
export type { CustomOperator, CustomOperators } from './graph/operators/custom-operator.ts';
export type { OperatorDefinition, ValueData } from './graph/operators/operator-definition.ts';
export {
  findQuantizedProducts,
  type QuantizedOperand,
  type QuantizedProduct,
} from './graph/passes/find-quantized-products.ts';
export { applyPass, type GraphPass } from './graph/passes/graph-pass.ts';
export {
  type OptimizationReport,
  type OptimizedModel,
  optimizeGraph,
} from './graph/passes/optimize-graph.ts';
export type { ExecutionPlan, ValueLocation } from './graph/plan/execution-plan.ts';
export { type ExecutionPlanOptions, planExecution } from './graph/plan/plan-execution.ts';
export { type ValidateGraphOptions, validateGraph } from './graph/validate-graph.ts';
