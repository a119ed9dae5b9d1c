export { type ArenaOptions, type ArenaPlan, type BufferLifetime, planArena } from './arena-plan.ts';
export type { ByteSource } from './byte-source.ts';
export { LazyModel, type TensorResidency } from './lazy-model.ts';
export { encodeModel, type ModelContent } from './model-file/encode-model.ts';
export type { ModelMetadata } from './model-file/header.ts';
export type { EncodingName } from './model-file/payload-encoding.ts';
