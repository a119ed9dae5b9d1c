export type { OperatorDefinition, ValueData } from './graph/operators/operator-definition.ts';
export type { ExecutionPlan, ValueLocation } from './graph/plan/execution-plan.ts';
