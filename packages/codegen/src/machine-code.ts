export type { EncodedKernels, KernelMemory, LoadedKernel } from './host/kernel-host.ts';
export type { CpuDescription } from './native/cpu-features.ts';
export { MachineCodeLoader } from './native/machine-code-loader.ts';
