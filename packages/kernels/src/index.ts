export { type CpuDeviceOptions, createCpuDevice } from './cpu/cpu-device.ts';
export type { CpuTier } from './cpu/tier.ts';
export { type InferOnceOptions, inferOnce } from './infer-once.ts';
