export {
  type Compression,
  type CompressionData,
  type CompressOptions,
  compress,
  reportCompression,
} from './recipes/compress.ts';
export { compressWithoutData, type DataFreeCompression } from './recipes/compress-without-data.ts';
export type {
  CompressionRecipe,
  FileSettings,
  PruningStage,
  QuantizationStage,
  QuantizationTraining,
  RecipeTraining,
  StructuredPruningStage,
} from './recipes/compression-recipe.ts';
export {
  type CompressionEstimate,
  estimateCompression,
  type StageEstimate,
} from './recipes/estimate-compression.ts';
export { findRecipe, namedRecipes, type RecipeName } from './recipes/named-recipes.ts';
export { parseRecipe } from './recipes/parse-recipe.ts';
export { classifierShape, rehearseCompression } from './recipes/plan-compression.ts';
export type { CompressionAttempt } from './recipes/search-sparsity.ts';
export { type CompressionTargets, recipeForTargets } from './recipes/targets.ts';
