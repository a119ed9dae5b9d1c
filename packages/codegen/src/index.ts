export {
  ACTIVATION_ARGUMENT_COUNT,
  ACTIVATION_ARGUMENTS,
  type ActivationDescription,
} from './description/activation.ts';
export {
  ADAM_UPDATE_ARGUMENT_COUNT,
  ADAM_UPDATE_ARGUMENTS,
  type AdamUpdateDescription,
} from './description/adam-update.ts';
export {
  type ArgExtremumDescription,
  AXIS_REDUCTION_ARGUMENT_COUNT,
  AXIS_REDUCTION_ARGUMENTS,
  type AxisReductionDescription,
  type ReducedAxis,
} from './description/axis-reduction.ts';
export {
  BANDWIDTH_ARGUMENTS,
  BANDWIDTH_STEP_BYTES,
  type BandwidthDescription,
} from './description/bandwidth.ts';
export {
  CONVERSION_ARGUMENT_COUNT,
  CONVERSION_ARGUMENTS,
  type ConversionDescription,
  type NumberFormat,
} from './description/conversion.ts';
export {
  CONVOLUTION_ARGUMENT_COUNT,
  CONVOLUTION_ARGUMENTS,
  type ConvolutionBlocking,
  type ConvolutionDescription,
  type DepthwiseDescription,
  IMAGE_TO_COLUMNS_ARGUMENTS,
  type ImageToColumnsDescription,
  type WeightFormat,
} from './description/convolution.ts';
export {
  ELEMENTWISE_ARGUMENT_COUNT,
  ELEMENTWISE_ARGUMENTS,
  type ElementwiseDescription,
  type ElementwiseOperation,
} from './description/elementwise.ts';
export { type Activation, type Epilogue, NO_EPILOGUE } from './description/epilogue.ts';
export { GATHER_ARGUMENT_COUNT, GATHER_ARGUMENTS, type GatherDescription } from './description/gather.ts';
export {
  GEMM_ARGUMENT_COUNT,
  GEMM_ARGUMENTS,
  type GemmBlocking,
  type GemmDescription,
  type GemmRightOperand,
  type MatrixLayout,
} from './description/gemm.ts';
export { GEMV_ARGUMENTS, type GemvBlocking, type GemvDescription } from './description/gemv.ts';
export {
  DEPTHWISE_FILTER_GRADIENT_ARGUMENT_COUNT,
  DEPTHWISE_FILTER_GRADIENT_ARGUMENTS,
  type DepthwiseFilterGradientDescription,
  POOLING_GRADIENT_ARGUMENT_COUNT,
  POOLING_GRADIENT_ARGUMENTS,
  type PoolingGradientDescription,
} from './description/gradient.ts';
export {
  INTEGER_GEMM_ARGUMENTS,
  type IntegerGemmBlocking,
  type IntegerGemmDescription,
  type IntegerWeights,
  MAX_INTEGER_DEPTH,
  MAX_ROW_ZERO_POINT_DEPTH,
  ROW_PARAMETER_BYTES,
} from './description/integer-gemm.ts';
export {
  expressionKey,
  MAP_ARGUMENT_COUNT,
  MAP_ARGUMENTS,
  type MapDescription,
  type MapInput,
  MOST_MAP_INPUTS,
} from './description/map.ts';
export {
  NIBBLE_GEMM_ARGUMENTS,
  type NibbleGemmBlocking,
  type NibbleGemmDescription,
} from './description/nibble-gemm.ts';
export {
  CHANNEL_SCALE_ARGUMENT_COUNT,
  CHANNEL_SCALE_ARGUMENTS,
  type ChannelScaleDescription,
  ROW_NORMALIZATION_ARGUMENT_COUNT,
  ROW_NORMALIZATION_ARGUMENTS,
  type RowNormalizationDescription,
} from './description/normalization.ts';
export { PEAK_ARGUMENTS, type PeakDescription } from './description/peak.ts';
export {
  POOLING_ARGUMENT_COUNT,
  POOLING_ARGUMENTS,
  type PoolingDescription,
  type PoolingOperation,
} from './description/pooling.ts';
export {
  GROUP_DEPTH,
  GROUP_PARAMETER_BYTES,
  QUANTIZE_ROWS_ARGUMENTS,
  type QuantizationMode,
  type QuantizeRowsDescription,
} from './description/quantize-rows.ts';
export {
  REDUCTION_ARGUMENT_COUNT,
  REDUCTION_ARGUMENTS,
  type ReductionDescription,
} from './description/reduction.ts';
export { RESIZE_ARGUMENT_COUNT, RESIZE_ARGUMENTS, type ResizeDescription } from './description/resize.ts';
export type { RowLayout } from './description/row-layout.ts';
export { SOFTMAX_ARGUMENT_COUNT, SOFTMAX_ARGUMENTS, type SoftmaxDescription } from './description/softmax.ts';
export {
  SPARSE_PRODUCT_ARGUMENT_COUNT,
  SPARSE_PRODUCT_ARGUMENTS,
  type SparseProductDescription,
} from './description/sparse-product.ts';
export {
  type CopyAxis,
  copySpan,
  MOST_COPY_AXES,
  mergeCopyAxes,
  STRIDED_COPY_ARGUMENT_COUNT,
  STRIDED_COPY_ARGUMENTS,
  type StridedCopyDescription,
} from './description/strided-copy.ts';
export {
  type ImageShape,
  type IndexRange,
  NO_PADDING,
  type Padding,
  type SlidingWindow,
  samePadding,
  windowOutput,
} from './description/window.ts';
export { RegisterBudgetError, ThreadLostError } from './errors.ts';
export { ARGUMENT_BYTES, setArgument, setFloatArgument } from './host/argument-block.ts';
export { createInterpreterHost, type InterpreterHostOptions } from './host/interpreter-host.ts';
export type { Isa } from './host/isa.ts';
export {
  type AssembledKernels,
  type EmittedKernel,
  type EncodedKernels,
  type ForeignMemory,
  type KernelHost,
  type KernelMemory,
  type LoadedKernel,
  MEMORY_ALIGNMENT,
  type PortableKernel,
} from './host/kernel-host.ts';
export type { KernelHostChoice, KernelHostOptions } from './host/kernel-host-choice.ts';
export { createKernelHost } from './host/portable-hosts.ts';
export {
  type ColumnsAndGemm,
  convolutionAsGemm,
  isPointwiseGemm,
  pointwiseAsGemm,
} from './kernels/convolution/convolution-as-gemm.ts';
export { divideConvolution, divideRange } from './kernels/convolution/divide-convolution.ts';
export {
  type BatchNormalization,
  foldBatchNormalization,
} from './kernels/convolution/fold-batch-normalization.ts';
export {
  convolutionWeightBytes,
  depthwiseWeightBytes,
  packConvolutionWeights,
  packDepthwiseWeights,
} from './kernels/convolution/pack-weights.ts';
export {
  type ConvolutionRequest,
  convolutionBlockings,
  planConvolution,
} from './kernels/convolution/plan-convolution.ts';
export {
  type DepthwiseRequest,
  planDepthwise,
} from './kernels/convolution/plan-depthwise.ts';
export type { PackedConvolution } from './kernels/convolution/weight-panels.ts';
export { emitKernel, type KernelDescription, kernelKey, kernelTrial } from './kernels/families.ts';
export {
  type CacheSizes,
  defaultGemmBlocking,
  type GemmProduct,
  gemmBlockingCandidates,
  gemmPanelColumns,
  SMALLEST_CACHES,
} from './kernels/gemm/blocking.ts';
export {
  type GemmPanelFormat,
  type GemmPanelShape,
  type GemmPanelSource,
  gemmPanelBytes,
  gemmScratchBytes,
  packGemmPanels,
} from './kernels/gemm/gemm-panels.ts';
export { defaultGemvBlocking } from './kernels/gemv/gemv-blocking.ts';
export {
  defaultCodeRowStride,
  encodedCodeBytes,
  encodedGroupCodeBytes,
  encodeRowZeroPoint,
  type IntegerArithmetic,
  integerArithmetic,
  prefersNibbles,
  readsUint8InPlace,
} from './kernels/integer/code-form.ts';
export {
  defaultIntegerBlocking,
  type IntegerProductShape,
  integerBlockingCandidates,
} from './kernels/integer/integer-blocking.ts';
export {
  type ColumnParameterOffsets,
  type IntegerPanel,
  type IntegerPanelDescription,
  type IntegerPanelLayout,
  type IntegerWeightColumns,
  integerPanelLayout,
  type PanelTraits,
  packIntegerPanels,
} from './kernels/integer/integer-panels.ts';
export {
  defaultNibbleBlocking,
  type NibbleProductShape,
  nibbleBlockingCandidates,
} from './kernels/integer/nibble-blocking.ts';
export {
  type NibblePanel,
  type NibblePanelDescription,
  type NibblePanelLayout,
  type NibblePanelTraits,
  type NibbleWeights,
  nibblePanelLayout,
  packNibblePanels,
} from './kernels/integer/nibble-panels.ts';
export type { KernelTrial } from './kernels/kernel-family.ts';
export { peakOperations } from './kernels/peak/peak-family.ts';
export { type PoolingRequest, planPooling } from './kernels/pooling/plan-pooling.ts';
export {
  packSparseColumns,
  type SparseSource,
  type SparseStream,
} from './kernels/sparse/pack-sparse-columns.ts';
export { mostSparseRows } from './kernels/sparse/sparse-product-family.ts';
export { InterpreterTarget } from './target/interpreter.ts';
export type { InterpretedKernel } from './target/interpreter-frame.ts';
export { bfloat16Bits, bfloat16Value, float16Bits, float16Value } from './target/narrow-numbers.ts';
export type {
  Comparison,
  Conversion,
  DotForm,
  FloatElement,
  FloatOperation,
  IntegerOperation,
  MemoryOperand,
  NarrowFormat,
  Pointer,
  Rounding,
  Routine,
  Shift,
  Target,
  TargetTraits,
  Vector,
} from './target/target.ts';
export { createBrowserTeam } from './team/browser-team.ts';
export type { TeamPart, ThreadTeam, ThreadTeamOptions } from './team/thread-team.ts';
export { detectWasmFeatures, type WasmFeatures } from './wasm/features.ts';
export { encodeModule, type WasmExport, type WasmFunction, type WasmKernel } from './wasm/module.ts';
export { WasmTarget } from './wasm/target.ts';
export { WASM_TRAITS, type WasmDialect } from './wasm/traits.ts';
export { createWasmHost, type WasmHostOptions, type WasmIsa } from './wasm/wasm-host.ts';
export { Avx2Target } from './x64/avx2-target.ts';
export { Avx512Target } from './x64/avx512-target.ts';
export type { X64Feature, X64Features } from './x64/features.ts';
export type { X64TargetOptions } from './x64/x64-target.ts';
