export {
  type BitWidthAssignment,
  type BitWidthGoal,
  type BitWidthLimits,
  type BitWidthOption,
  chooseBitWidths,
  type LayerBitWidths,
  paretoFront,
} from './mixed-precision/bit-width-choice.ts';
export { correctBias, type ExpectedInputs } from './post-training/correct-bias.ts';
export {
  type CrossLayerEqualization,
  type CrossLayerEqualizationOptions,
  type EqualizedLayers,
  equalizeAcrossLayers,
} from './post-training/equalize-across-layers.ts';
export {
  type BatchNormalizationFolding,
  type FoldedNormalization,
  foldBatchNormalization,
  type KeptNormalization,
} from './post-training/fold-batch-normalization.ts';
export type { KernelGroups } from './post-training/rounding-problem.ts';
export { applyMasks, maskSparsity, masksFromZeros } from './pruning/apply-masks.ts';
export { GradientScores } from './pruning/gradient-scores.ts';
export {
  findLotteryTicket,
  type LotteryTicket,
  type LotteryTicketOptions,
} from './pruning/lottery-ticket.ts';
export { maskByPattern, type PatternMaskOptions } from './pruning/pattern-masks.ts';
export { maskBySparsity, type PruningMasks, type SparsityMaskOptions } from './pruning/sparsity-masks.ts';
export { isPruningStep, type SparsitySchedule, scheduledSparsity } from './pruning/sparsity-schedule.ts';
export {
  activationScores,
  kernelValues,
  magnitudeScores,
  type WeightScores,
  type WeightValues,
} from './pruning/weight-scores.ts';
export { type CodeRange, codeRange, roundHalfEven } from './quantization/code-range.ts';
export { createRangeObserver, type RangeMethod, rangeMethods } from './quantization/create-range-observer.ts';
export { EntropyObserver } from './quantization/entropy-observer.ts';
export { HistogramObserver } from './quantization/histogram-observer.ts';
export { MeanSquaredErrorObserver } from './quantization/mean-squared-error-observer.ts';
export { MinMaxObserver } from './quantization/min-max-observer.ts';
export { MovingAverageObserver } from './quantization/moving-average-observer.ts';
export { OctavObserver } from './quantization/octav-observer.ts';
export { PercentileObserver } from './quantization/percentile-observer.ts';
export {
  computeQuantizationParameters,
  type QuantizationOptions,
} from './quantization/quantization-parameters.ts';
export { dequantizeTensor, quantizeTensor } from './quantization/quantize-tensor.ts';
export {
  activationQuantization,
  type CodeFormat,
  codeRanges,
  rangeCode,
  type ValueRange,
} from './quantization/range-coding.ts';
export type { MergeableObserver, RangeObserver } from './quantization/range-observer.ts';
export type { QuantizationGranularity } from './quantization/scale-layout.ts';
export {
  type AccuracyDifference,
  comparePaired,
  comparePairedRuns,
  gradePredictions,
  type Outcomes,
  type PairedComparison,
  type PairedRunsComparison,
} from './report/compare-paired.ts';
export {
  type CompressionLedger,
  type CompressionLedgerRow,
  createCompressionLedger,
} from './report/compression-ledger.ts';
export type {
  AccuracyReport,
  AccuracySection,
  CompressedFile,
  CompressionReport,
  FileReport,
  LayerReport,
  ModelTotals,
} from './report/compression-report.ts';
export { countMacs, type MacCount } from './report/count-macs.ts';
export {
  type CompressionReportInput,
  createCompressionReport,
} from './report/create-compression-report.ts';
export { formatCompressionReport } from './report/format-compression-report.ts';
export { type McnemarTest, mcnemarTest } from './report/mcnemar-test.ts';
export type { ImportanceCriterion } from './structured/channel-importance.ts';
export { type ChannelSlice, tensorKey } from './structured/channel-tracer.ts';
export {
  buildDependencyGraph,
  type ChannelGroup,
  type DependencyGraph,
  type DependencyGraphOptions,
  type RefusedGroup,
} from './structured/dependency-graph.ts';
export {
  type ChannelPruningOptions,
  type ChannelPruningReport,
  type ChannelPruningResult,
  type KeptGroup,
  type ModelCost,
  type PrunedGroup,
  pruneChannels,
} from './structured/prune-channels.ts';
export {
  type ChannelPruningStep,
  type GradualChannelPruningOptions,
  pruneChannelsGradually,
} from './structured/prune-channels-gradually.ts';
export { type ChannelRemoval, keepAllBut, removeChannels } from './structured/remove-channels.ts';
export type { ChannelSelection, ChannelTarget } from './structured/select-channels.ts';
export {
  type ClassificationData,
  type DataSplit,
  splitClassificationData,
  takeEvenly,
} from './training/classification-data.ts';
export type { EarlyStoppingSettings } from './training/early-stopping.ts';
export {
  type ConstantLearningRate,
  type CosineLearningRate,
  type LearningRateSchedule,
  learningRateAt,
  type PolynomialLearningRate,
  type StepLearningRate,
  type WarmUp,
} from './training/learning-rate.ts';
export type { AdamSettings, MomentumSettings, OptimizerSettings } from './training/make-optimizer.ts';
export type { Augmentation, SampleAugmenter } from './training/sample-batches.ts';
export { type ImageShape, makeShiftAugmenter } from './training/shift-augmenter.ts';
export {
  type CheckpointStore,
  memoryCheckpointStore,
  type TrainingCheckpoint,
  type TrainingSetup,
} from './training/training-checkpoint.ts';
export type { RegressionData, SampleData } from './training/training-data.ts';
export type { TrainingEpoch, TrainingHistory } from './training/training-history.ts';
