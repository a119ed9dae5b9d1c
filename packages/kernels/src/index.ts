export type { BatchNormalization, Isa, Padding } from '@qedge/codegen';
export type { CpuDevice, CpuDeviceOptions } from './cpu/cpu-device.ts';
export { createCpuDevice } from './cpu/portable-cpu-device.ts';
export type { ArgExtremumOptions, AxisOptions, GatherOptions, ReduceOptions } from './engine/axis-kernels.ts';
export type { BoundKernel } from './engine/bound-kernel.ts';
export type { ConvolutionOptions, DepthwiseOptions } from './engine/convolution.ts';
export type { ConvolutionEpilogue } from './engine/convolution-weights.ts';
export type { CopyArray, CopyOptions, FillOptions, StridedView } from './engine/copy.ts';
export type { CombineOptions, ConvertOptions } from './engine/element-kernels.ts';
export type { EpilogueOptions, GemmOptions } from './engine/gemm.ts';
export type { GemvOptions } from './engine/gemv.ts';
export { type ImageOptions, type PerAxis, type WindowOptions, windowOutputSize } from './engine/image.ts';
export type { IntegerGemmOptions, LeftQuantization } from './engine/integer-gemm.ts';
export type { KernelEngine, KernelEngineOptions } from './engine/kernel-engine.ts';
export type { MapOptions } from './engine/map.ts';
export type { MatmulShape } from './engine/matmul-cache.ts';
export { columnMajor, type MatrixOperand, type MatrixView } from './engine/matrix-view.ts';
export type { NibbleGemmOptions } from './engine/nibble-gemm.ts';
export type { PackedMatrix, PackMatrixOptions } from './engine/packed-matrix.ts';
export type { PoolingOptions } from './engine/pooling.ts';
export { createKernelEngine } from './engine/portable-engine.ts';
export type { ProcessBatchOptions } from './engine/process-batch.ts';
export type { ResizeAxis, ResizeOptions } from './engine/resize.ts';
export type {
  ActivationOptions,
  NormalizeOptions,
  RowOptions,
  ScaleChannelsOptions,
} from './engine/row-kernels.ts';
export type { KernelWorkspace } from './engine/workspace.ts';
export { type CompileGraphOptions, compileGraph, type OwnedWeights } from './graph/compile-graph.ts';
export type {
  CompiledGraph,
  CompiledGraphMemory,
  CompiledGraphReport,
  NodeReport,
  NodeTiming,
} from './graph/compiled-graph.ts';
export { type InferOnceOptions, inferOnce } from './infer-once.ts';
export {
  graphSource,
  inputShapesOf,
  type ModelSource,
  type SourceFile,
  type SourceInput,
} from './inference/model-source.ts';
export { type OnnxSourceOptions, onnxSource } from './inference/onnx-source.ts';
export type {
  BatchOptions,
  InferenceOptions,
  InferenceReport,
  InferenceRunOptions,
  OptimizedInferenceEngine,
  WarmOptions,
} from './inference/optimized-inference-engine.ts';
export type { InputValues, OutputValues } from './inference/run-values.ts';
export {
  createParallelDevice,
  type ParallelDevice,
  type ParallelDeviceOptions,
} from './parallel/parallel-device.ts';
export type { DeviceShare, ParallelModel } from './parallel/parallel-model.ts';
