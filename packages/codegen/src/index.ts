export {
  type GemmDescription,
  type GemmElements,
  type GemmEpilogue,
  type KernelDescription,
  kernelKey,
  MAX_INTEGER_DEPTH,
  type QuantizeDescription,
  validateKernelDescription,
} from './description/kernel-description.ts';
export { RegisterBudgetError } from './errors.ts';
export { emitKernel, kernelParameterCount } from './kernels/emit-kernel.ts';
export { GEMM_PARAMETERS, maxTileRows } from './kernels/gemm-tile.ts';
export { type PanelLayout, packCodes, packFloat32, panelLayout } from './kernels/panels.ts';
export { QUANTIZE_PARAMETERS } from './kernels/quantize-rows.ts';
export {
  type ProductShape,
  referenceEpilogue,
  referenceGemmFloat32,
  referenceGemmInteger,
  referenceScale,
} from './reference/gemm.ts';
export { referenceQuantize } from './reference/quantize.ts';
export { fusedMultiplyAdd, type InterpretedKernel, InterpreterTarget } from './target/interpreter.ts';
export type {
  BinaryOperation,
  Conversion,
  Count,
  MemoryOperand,
  Pointer,
  Shift,
  Target,
  TargetTraits,
  Vector,
} from './target/target.ts';
export { detectWasmFeatures, type WasmFeatures } from './wasm/features.ts';
export type { WasmMemory, WasmModule } from './wasm/host.ts';
export {
  compileModule,
  createMemory,
  encodeKernels,
  instantiateKernels,
  type LoadedKernel,
  moduleKey,
} from './wasm/load-kernels.ts';
export { encodeModule, type WasmExport, type WasmFunction } from './wasm/module.ts';
export { WASM_TRAITS, type WasmDialect, WasmTarget } from './wasm/target.ts';
