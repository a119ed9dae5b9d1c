export {
  type LayerSensitivity,
  type ModelJudge,
  measureSensitivity,
  type SensitivityOptions,
} from './mixed-precision/measure-sensitivity.ts';
export {
  type BitWidthSearch,
  type BitWidthSearchOptions,
  searchBitWidths,
} from './mixed-precision/search-bit-widths.ts';
export { buildModel } from './model/build-model.ts';
export type { CodedWeight, CompressedModel } from './model/compressed-model.ts';
export { type KernelKind, type KernelWeight, kernelOf, listKernels } from './model/kernel-weight.ts';
export type {
  LayerCall,
  ModelTopology,
  TensorflowLayer,
  TensorReference,
  TopologyLayer,
  TopologyWeight,
} from './model/model-topology.ts';
export { type NamedWeight, nameWeights, readTopology, type WeightVariable } from './model/read-topology.ts';
export type { CalibrationData } from './post-training/calibration-data.ts';
export type { KernelCoding, PostTrainingOptions } from './post-training/post-training-options.ts';
export {
  type CodedLayerReport,
  type PostTrainingResult,
  quantizeAfterTraining,
} from './post-training/quantize-after-training.ts';
export {
  type AdaptiveRounding,
  type AdaptiveRoundingOptions,
  roundAdaptively,
} from './post-training/round-adaptively.ts';
export {
  codesOfSolution,
  type OutputError,
  type RoundingProblem,
  stateRoundingProblem,
} from './post-training/rounding-problem.ts';
export { type GradientScoring, gradientScoring } from './pruning/gradient-scoring.ts';
export { measureInputRms } from './pruning/measure-input-rms.ts';
export { type GradientScoreOptions, scoreByGradients } from './pruning/score-by-gradients.ts';
export { buildCompressedModel } from './quantization-aware/build-compressed-model.ts';
export { calibrateQuantizationAware } from './quantization-aware/calibrate-quantization-aware.ts';
export { convertQuantizationAware } from './quantization-aware/convert-quantization-aware.ts';
export type { NormalizationSettings } from './quantization-aware/folded-normalization.ts';
export type {
  KernelGranularity,
  KernelStep,
  LayerQuantization,
} from './quantization-aware/layer-quantization.ts';
export {
  type LayerQuantizationChoice,
  prepareForQuantizationAwareTraining,
  type QuantizationAwareConfig,
} from './quantization-aware/prepare-quantization-aware.ts';
export {
  type QuantizationAwareLayers,
  type QuantizationAwareSettings,
  quantizationAwareLayers,
  registerQuantizationAwareLayers,
} from './quantization-aware/quantization-aware-layers.ts';
export { type OutputReconstructionOptions, reconstructOutputs } from './structured/reconstruct-outputs.ts';
export {
  createDenseClassifier,
  type DenseClassifierOptions,
  type DenseWeights,
  getDenseWeights,
  setDenseWeights,
} from './tfjs/dense-classifier.ts';
export { type ClassifierEvaluation, computeLogits, evaluateClassifier } from './tfjs/evaluate-classifier.ts';
export {
  type ExportedModel,
  type ExportOptions,
  exportFloatModel,
  exportQuantizedModel,
} from './tfjs/export-model.ts';
export type { Tensorflow } from './tfjs/tensorflow.ts';
export type { DistillationSettings } from './training/distillation.ts';
export { type GradualPruningSettings, gradualPruning } from './training/gradual-pruning.ts';
export { type ModelMeasurement, measureModel } from './training/measure-model.ts';
export { readWeights, type WeightArrays, writeWeights } from './training/model-weights.ts';
export { trainModel } from './training/train-model.ts';
export type { BatchDataset, BatchStream, StreamedBatch, TrainingData } from './training/training-data.ts';
export type { LossFunction, TrainingLoss } from './training/training-loss.ts';
export type {
  StepReport,
  TrainingEnd,
  TrainingHook,
  TrainingMoment,
  TrainingResult,
  TrainModelOptions,
  WeightMasks,
} from './training/training-options.ts';
