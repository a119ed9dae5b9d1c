export { type ArenaOptions, type ArenaPlan, type BufferLifetime, planArena } from './arena-plan.ts';
export type { ByteSource } from './byte-source.ts';
export { type GraphBuffer, type GraphBufferPlan, planFromGraph, poolForGraph } from './graph-buffers.ts';
export { LazyModel, type TensorResidency } from './lazy-model.ts';
export { encodeModel, type ModelContent } from './model-file/encode-model.ts';
export type { ModelMetadata } from './model-file/header.ts';
export type { EncodingName } from './model-file/payload-encoding.ts';
export {
  type AcquireOptions,
  type LeakReport,
  type OutstandingTensor,
  TensorPool,
  type TensorPoolOptions,
  type TensorPoolStatistics,
} from './tensor-pool.ts';
