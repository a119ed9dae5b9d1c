export { type ActivationRange, activationQuantization, MovingActivationRange } from './activation-range.ts';
export { type ClassificationData, type DataSplit, splitClassificationData } from './classification-data.ts';
export {
  type CompressionLedger,
  type CompressionLedgerRow,
  createCompressionLedger,
} from './compression-ledger.ts';
export {
  type CompressionRecipe,
  defaultRecipe,
  extraEpochs,
  quickRecipe,
  type RecipeStage,
} from './compression-recipe.ts';
export { type CosineLearningRate, cosineLearningRate } from './learning-rate.ts';
export { globalMagnitudeMask, magnitudeThreshold, type PrunableTensor } from './magnitude-pruning.ts';
export {
  type CodeRange,
  codeRange,
  computeQuantizationParameters,
  type QuantizationOptions,
  roundHalfEven,
} from './quantization-parameters.ts';
export { dequantizeTensor, quantizeTensor } from './quantize-tensor.ts';
export type { QuantizedClassifier, QuantizedLayer } from './quantized-classifier.ts';
export { makeShiftAugmenter, type ShiftAugmenter } from './shift-augmenter.ts';
export { cubicSparsity, type SparsityRamp } from './sparsity-schedule.ts';
export type { TrainingEpoch, TrainingHistory } from './training-history.ts';
