import { UseAfterReleaseError } from '@qedge/core';
import type { EncodedKernels, KernelMemory, LoadedKernel } from '../host/kernel-host.ts';
import { type CpuDescription, describeCpu } from './cpu-features.ts';
import { ExecutableMemory } from './executable-memory.ts';
import { loadMachineCode } from './load-machine-code.ts';
import { MachineMemory } from './machine-memory.ts';
import { assertNativeAllowed } from './native-allowed.ts';

/**
 * Runs machine code that `KernelHost.encode` made before, without what generates it: importing this entry takes a third of the time of importing
 * a host. x86-64 on Linux, through the optional dependency koffi.
 *
 * @example
 * using loader = new MachineCodeLoader();
 * const memory = loader.createMemory(4096);
 * const [kernel] = loader.load(encoded, memory);
 */
export class MachineCodeLoader implements Disposable {
  readonly cpu: CpuDescription;
  readonly #executable: ExecutableMemory;
  #disposed = false;

  /**
   * @throws CapabilityUnavailableError on another system or processor, without koffi, where the system refuses executable memory, or
   *   where the environment forbids machine code (`QEDGE_NATIVE=0`); InvalidArgumentError for a value of `QEDGE_NATIVE` that is not known.
   */
  constructor() {
    assertNativeAllowed();
    this.#executable = new ExecutableMemory();
    try {
      this.cpu = describeCpu(this.#executable);
    } catch (error) {
      this.#executable.dispose();
      throw error;
    }
  }

  /** Zeroed memory. @throws as `KernelHost.createMemory`. */
  createMemory(byteLength: number): KernelMemory {
    this.#assertUsable();
    return new MachineMemory(this.#executable.koffi, byteLength);
  }

  /**
   * Binds code to memory of {@link createMemory}. It is not checked and can do whatever this process can: it must come from where programs come
   * from. Stays usable after `dispose`.
   *
   * @throws as `KernelHost.loadEncoded`.
   */
  load(encoded: EncodedKernels, memory: KernelMemory): readonly LoadedKernel[] {
    this.#assertUsable();
    return loadMachineCode(this.#executable, this.cpu, encoded, memory);
  }

  /** Loads no more. Further calls do nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#executable.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #assertUsable(): void {
    if (!this.#disposed) return;
    throw new UseAfterReleaseError('A loader was used after dispose()', { remedy: 'Create another one.' });
  }
}
