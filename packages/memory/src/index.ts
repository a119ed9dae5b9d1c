export type { BufferLifetime } from './arena/blocks.ts';
export { type ArenaOptions, type ArenaPlan, planArena } from './arena-plan.ts';
export { type ByteSource, bytesInMemory } from './byte-source.ts';
export { LazyModel } from './lazy-model.ts';
export type { LazyModelOptions } from './lazy-model-options.ts';
export { type EvictableMemory, MemoryBudget } from './memory-budget.ts';
export { encodeModel } from './model-file/encode-model.ts';
export type { ModelFileGraph } from './model-file/graph-json.ts';
export type { ModelMetadata } from './model-file/header.ts';
export type { ModelContent, ModelFileOptions, ModelSection } from './model-file/model-content.ts';
export type { EncodingName } from './model-file/payload-encoding.ts';
export type { SectionRange, TensorResidency } from './residency.ts';
export { encodeSafetensors, type SafetensorsContent } from './safetensors/encode-safetensors.ts';
export type { SafetensorsEntry } from './safetensors/header.ts';
export { SafetensorsFile } from './safetensors/safetensors-file.ts';
export { tensorToFloat32 } from './tensor-numbers.ts';
export {
  type AcquireOptions,
  type LeakReport,
  type OutstandingTensor,
  TensorPool,
  type TensorPoolOptions,
  type TensorPoolStatistics,
} from './tensor-pool.ts';
export type { TfjsDType, TfjsQuantization, TfjsWeightEntry } from './tfjs-manifest/manifest.ts';
export type { OpenShard } from './tfjs-manifest/shards.ts';
export { TfjsWeights } from './tfjs-manifest/tfjs-weights.ts';
