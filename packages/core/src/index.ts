export type { Capability, Fallback } from './capability.ts';
export { type Clock, ManualClock, systemClock } from './clock.ts';
export type { CompiledModel, CompileOptions, Device, DeviceKind, InferenceResult } from './device.ts';
export { DTYPE_BITS, type DType, dtypeByteLength, isDType } from './dtype.ts';
export { type EnergyFigure, energyOver, type PowerFigure, type Provenance, sumEnergy } from './energy.ts';
export {
  BudgetExceededError,
  CancelledError,
  CapabilityUnavailableError,
  ConvergenceError,
  DoubleReleaseError,
  type ErrorDetails,
  type ErrorFacts,
  FileAccessError,
  FileFormatError,
  FileNotFoundError,
  InvalidArgumentError,
  NonFiniteValueError,
  QedgeError,
  ShapeMismatchError,
  throwIfCancelled,
  UnsupportedError,
  UseAfterReleaseError,
  VerificationError,
} from './errors.ts';
export { halfFloatToNumber, numberToHalfFloat } from './half-float.ts';
export type { MetricKind, MetricSample, MetricSink, Span } from './metric.ts';
export {
  type Activation,
  type ActivationQuantization,
  type DenseLayerSpec,
  type FlattenLayerSpec,
  graphWeightSpecs,
  type LayerSpec,
  layerOutputShape,
  type ModelGraph,
  type SoftmaxLayerSpec,
  validateModelGraph,
} from './model-graph.ts';
export type {
  Operator,
  OperatorGraph,
  OperatorModel,
  OperatorNode,
  OperatorOf,
  PointwiseExpression,
  PointwiseFunction,
  PointwiseOperation,
  ValueDType,
  ValueSpec,
  WindowSpec,
} from './operator-graph.ts';
export type { PowerState, PowerSupply } from './power-state.ts';
export { isPrecision, PRECISION_BITS, PRECISIONS, type Precision, type PrecisionBits } from './precision.ts';
export type { Progress, ProgressListener } from './progress.ts';
export { Random } from './random.ts';
export { assertShape, elementCount, formatShape, rowMajorStrides, type Shape, shapesEqual } from './shape.ts';
export { type Interval, quantileOfSorted, type Summary, summarize, wilsonInterval } from './statistics.ts';
export {
  importTask,
  inProcessExecutor,
  type RunOptions,
  type TaskContext,
  type TaskExecutor,
  type TaskFunction,
  type TaskReference,
  type TaskValue,
} from './task-executor.ts';
export {
  borrowTensor,
  type OwnedTensor,
  type QuantizationParameters,
  type StoredTensor,
  type TensorData,
  type TensorSpec,
  type TensorView,
  type WeightSource,
} from './tensor.ts';
