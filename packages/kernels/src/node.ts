/// <reference types="@webgpu/types" />
export { createCpuDevice } from './cpu/node-cpu-device.ts';
export type { BoundKernel } from './engine/bound-kernel.ts';
export { windowOutputSize } from './engine/image.ts';
export type { KernelEngine } from './engine/kernel-engine.ts';
export { columnMajor } from './engine/matrix-view.ts';
export { createKernelEngine, type NodeKernelEngineOptions } from './engine/node-engine.ts';
export type { KernelWorkspace } from './engine/workspace.ts';
export { compileGraph } from './graph/compile-graph.ts';
export {
  type CompilePreparedOptions,
  type OpenPreparedModelOptions,
  openPreparedModel,
  type PreparedModel,
  type PreparedProgramReport,
  type SavePreparedModelOptions,
  savePreparedModel,
} from './graph/prepared-model.ts';
export type { ProgramTarget } from './graph/program/program.ts';
export {
  type LoadModelOptions,
  loadModel,
  openModelSource,
} from './inference/load-model-file.ts';
export {
  type LoadedOnnxRuntime,
  type LoadOnnxRuntimeOptions,
  loadOnnxRuntime,
  ONNX_RUNTIME_LIBRARIES,
  type OnnxRuntimeLibrary,
} from './ort/load-onnx-runtime.ts';
export { type ProbeOptions, probeCapabilities } from './probe/probe-capabilities.ts';
export type { AccelerateOptions, Acceleration, KernelUse } from './tfjs/accelerate/accelerate.ts';
export { accelerate } from './tfjs/accelerate/node-accelerate.ts';
export {
  type LoadedTensorflow,
  type LoadTensorflowOptions,
  loadTensorflow,
  TENSORFLOW_LIBRARIES,
  type TensorflowLibrary,
} from './tfjs/load-tensorflow.ts';
export type { TensorflowNamespace } from './tfjs/tensorflow-namespace.ts';
export { type NodeGpu, type NodeGpuOptions, requestNodeGpu } from './webgpu/node-gpu.ts';
