import { CapabilityUnavailableError, FileFormatError } from '@qedge/core';
import {
  type EncodedKernels,
  type KernelMemory,
  type LoadedKernel,
  MEMORY_ALIGNMENT,
} from '../host/kernel-host.ts';
import { enabledFeatures, featureNames } from '../x64/features.ts';
import type { CpuDescription } from './cpu-features.ts';
import type { ExecutableMemory } from './executable-memory.ts';

/** What each function that runs a kernel refers to, so that the memory of its argument block lives as long as the function. */
const MEMORY = Symbol('memory');

/** The names of the features that code may use on a processor. */
export function featuresOf({ features }: CpuDescription): readonly string[] {
  return featureNames(enabledFeatures(features));
}

/** Copies code to executable memory. @returns its address. @throws CapabilityUnavailableError where the system refuses. */
export function placeMachineCode(executable: ExecutableMemory, code: Uint8Array): number {
  const placement = executable.place(code);
  if (placement.placed) return placement.address;
  throw new CapabilityUnavailableError(placement.reason, { remedy: placement.remedy });
}

/** A kernel whose code is at an address. Its function is koffi's own: a wrapper would cost as much as the call. */
export function kernelAt(
  { koffi, kernelType }: ExecutableMemory,
  key: string,
  address: number,
  memory: KernelMemory,
): LoadedKernel {
  const run: (block: number) => void = koffi.decode(BigInt(address), kernelType);
  Object.defineProperty(run, MEMORY, { value: memory });
  return { key, run, portable: { kind: 'machine-code', address } };
}

/**
 * Loads code that was encoded elsewhere.
 *
 * @throws CapabilityUnavailableError for features that the processor lacks, FileFormatError for functions that begin outside of the code.
 */
export function loadMachineCode(
  executable: ExecutableMemory,
  cpu: CpuDescription,
  { code, starts, features }: EncodedKernels,
  memory: KernelMemory,
): readonly LoadedKernel[] {
  const present = featuresOf(cpu);
  const missing = features.filter((name) => !present.includes(name));
  if (missing.length > 0) {
    throw new CapabilityUnavailableError('Machine code needs a processor with more features', {
      expected: features,
      actual: present,
      facts: { missing },
    });
  }
  const strange = starts.find(
    (start) => !(start >= 0 && start < code.byteLength && start % MEMORY_ALIGNMENT === 0),
  );
  if (strange !== undefined) {
    throw new FileFormatError('A function begins outside of its machine code', {
      expected: `a multiple of ${MEMORY_ALIGNMENT} below ${code.byteLength}`,
      actual: strange,
    });
  }
  const base = placeMachineCode(executable, code);
  return starts.map((start, index) => kernelAt(executable, String(index), base + start, memory));
}
