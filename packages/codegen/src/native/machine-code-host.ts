import { InvalidArgumentError, UseAfterReleaseError } from '@qedge/core';
import {
  type AssembledKernels,
  type EmittedKernel,
  type EncodedKernels,
  type ForeignMemory,
  type KernelHost,
  type KernelMemory,
  type LoadedKernel,
  MEMORY_ALIGNMENT,
} from '../host/kernel-host.ts';
import { requireDifferentKeys } from '../host/require-different-keys.ts';
import { requireForeignMemory } from '../host/require-foreign-memory.ts';
import { VerifiedKernels } from '../host/verified-kernels.ts';
import { emitKernel, type KernelDescription, kernelKey } from '../kernels/families.ts';
import type { FloatElement, Target, TargetTraits } from '../target/target.ts';
import { Avx2Target } from '../x64/avx2-target.ts';
import { Avx512Target, supportsAvx512 } from '../x64/avx512-target.ts';
import type { CodeFragments } from '../x64/x64-frame.ts';
import { AdoptedMachineMemory } from './adopted-memory.ts';
import { type CpuDescription, describeCpu } from './cpu-features.ts';
import { ExecutableMemory } from './executable-memory.ts';
import { featuresOf, kernelAt, loadMachineCode, placeMachineCode } from './load-machine-code.ts';
import { MachineMemory } from './machine-memory.ts';
import { assertNativeAllowed } from './native-allowed.ts';

/** Options of {@link createMachineCodeHost}. */
export interface MachineCodeHostOptions {
  /** Default: `avx512` where the processor has it, else `avx2`. */
  readonly isa?: MachineIsa;
  /** True: multiply-adds round twice, so that results have the same bits on every strict host. Default: false. */
  readonly strict?: boolean;
}

/** How memory of machine code is allocated. */
export interface MachineMemoryOptions {
  /**
   * Whether to ask the system for pages of 2 MiB. Default: true, which serves weights that are read over and over; memory that is
   * touched for the first time becomes slower by it, twice as slow in a virtual machine.
   */
  readonly hugePages?: boolean;
}

/** A host that runs machine code on this processor. */
export interface MachineCodeHost extends KernelHost {
  readonly isa: MachineIsa;
  readonly cpu: CpuDescription;
  createMemory(byteLength: number, options?: MachineMemoryOptions): KernelMemory;
}

const ISAS = ['avx512', 'avx2'] as const;
type MachineIsa = (typeof ISAS)[number];

/**
 * Runs kernels as x86-64 machine code, on Linux, through the optional dependency koffi.
 *
 * A wrong address in an argument block ends the process: addresses are not checked, and faults cannot be caught.
 *
 * @example
 * using host = createMachineCodeHost({ isa: 'avx2' });
 * const memory = host.createMemory(4096);
 * const [kernel] = host.load([description], memory);
 * @throws CapabilityUnavailableError on another system or processor, without koffi, where the system refuses executable memory,
 *   where the processor lacks the instruction set, or where the environment forbids machine code (`QEDGE_NATIVE=0`);
 *   InvalidArgumentError for an instruction set or a value of `QEDGE_NATIVE` that is not known.
 */
export function createMachineCodeHost(options: MachineCodeHostOptions = {}): MachineCodeHost {
  const { isa, strict = false } = options;
  if (isa !== undefined && !ISAS.includes(isa)) {
    throw new InvalidArgumentError('An instruction set is not known', {
      expected: ISAS.join(' or '),
      actual: isa,
    });
  }
  assertNativeAllowed();
  const executable = new ExecutableMemory();
  try {
    const cpu = describeCpu(executable);
    return new X64Host(isa ?? (supportsAvx512(cpu.features) ? 'avx512' : 'avx2'), strict, cpu, executable);
  } catch (error) {
    executable.dispose();
    throw error;
  }
}

class X64Host implements MachineCodeHost {
  readonly isa: MachineIsa;
  readonly strict: boolean;
  readonly traits: TargetTraits;
  readonly cpu: CpuDescription;
  readonly #executable: ExecutableMemory;
  /** Addresses of code by kernel key. */
  readonly #addresses = new Map<string, number>();
  readonly #verified: VerifiedKernels;
  readonly #fragments: Readonly<Record<FloatElement, CodeFragments>> = {
    float32: new Map(),
    float64: new Map(),
  };
  #disposed = false;

  constructor(isa: MachineIsa, strict: boolean, cpu: CpuDescription, executable: ExecutableMemory) {
    this.isa = isa;
    this.strict = strict;
    this.cpu = cpu;
    this.#executable = executable;
    this.traits = this.#createTarget().traits;
    this.#verified = new VerifiedKernels(this);
  }

  createMemory(byteLength: number, { hugePages = true }: MachineMemoryOptions = {}): KernelMemory {
    this.#assertUsable();
    return new MachineMemory(this.#executable.koffi, byteLength, hugePages);
  }

  adoptMemory(memory: ForeignMemory): KernelMemory {
    this.#assertUsable();
    requireForeignMemory(memory);
    return new AdoptedMachineMemory(this.#executable.koffi, memory);
  }

  load(descriptions: readonly KernelDescription[], memory: KernelMemory): readonly LoadedKernel[] {
    this.#assertUsable();
    assertOwnKind(memory);
    try {
      return descriptions.map((description) => this.#loadOne(description, memory));
    } finally {
      this.#verified.releaseLargeScratch();
    }
  }

  #loadOne(description: KernelDescription, memory: KernelMemory): LoadedKernel {
    const key = kernelKey(description);
    const address = this.#addressOf(key, description);
    if (!this.#verified.has(key)) {
      this.#verified.verify(description, (scratch) => this.#loadedAt(key, address, scratch).run);
    }
    return this.#loadedAt(key, address, memory);
  }

  encode(descriptions: readonly KernelDescription[]): EncodedKernels {
    this.#assertUsable();
    const verified = new VerifiedKernels(this);
    const { code, starts } = joinFunctions(
      descriptions.map((description) => emitKernel(this.#createTarget(), description)),
    );
    const address = this.#place(code);
    for (const [index, description] of descriptions.entries()) {
      verified.verify(description, (scratch) => {
        return this.#loadedAt(String(index), address + starts[index]!, scratch).run;
      });
    }
    return { code, starts, features: featuresOf(this.cpu) };
  }

  loadEncoded(encoded: EncodedKernels, memory: KernelMemory): readonly LoadedKernel[] {
    this.#assertUsable();
    assertOwnKind(memory);
    return loadMachineCode(this.#executable, this.cpu, encoded, memory);
  }

  traitsOf(element: FloatElement): TargetTraits {
    return this.#createTarget(element).traits;
  }

  assemble(kernels: readonly EmittedKernel[], memory: KernelMemory, element: FloatElement): AssembledKernels {
    this.#assertUsable();
    assertOwnKind(memory);
    requireDifferentKeys(kernels);
    const { code, starts } = joinFunctions(
      kernels.map(({ emit }) => {
        const target = this.#createTarget(element);
        emit(target);
        return target.finish();
      }),
    );
    const base = this.#place(code);
    const dispose = () => this.#executable.release(base, code.byteLength);
    return {
      kernels: kernels.map(({ key }, index) => this.#loadedAt(key, base + starts[index]!, memory)),
      byteLength: code.byteLength,
      dispose,
      [Symbol.dispose]: dispose,
    };
  }

  #loadedAt(key: string, address: number, memory: KernelMemory): LoadedKernel {
    return kernelAt(this.#executable, key, address, memory);
  }

  dispose(): void {
    this.#disposed = true;
    this.#addresses.clear();
    this.#verified.dispose();
    this.#executable.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #createTarget(element: FloatElement = 'float32'): Target<Uint8Array> {
    const { features } = this.cpu;
    const options = { strict: this.strict, element, fragments: this.#fragments[element] };
    return this.isa === 'avx512' ? new Avx512Target(features, options) : new Avx2Target(features, options);
  }

  /** Where a kernel's code is; emits it the first time. */
  #addressOf(key: string, description: KernelDescription): number {
    const known = this.#addresses.get(key);
    if (known !== undefined) return known;
    const address = this.#place(emitKernel(this.#createTarget(), description));
    this.#addresses.set(key, address);
    return address;
  }

  #place(code: Uint8Array): number {
    return placeMachineCode(this.#executable, code);
  }

  #assertUsable(): void {
    if (this.#disposed) {
      throw new UseAfterReleaseError('A host was used after dispose()', {
        remedy: 'Create another host.',
      });
    }
  }
}

/** Functions one after the other, each at a whole multiple of the alignment. */
function joinFunctions(parts: readonly Uint8Array[]): {
  readonly code: Uint8Array;
  readonly starts: number[];
} {
  const starts: number[] = [];
  let byteLength = 0;
  for (const part of parts) {
    starts.push(byteLength);
    byteLength += Math.ceil(part.byteLength / MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;
  }
  const code = new Uint8Array(byteLength);
  for (const [index, part] of parts.entries()) code.set(part, starts[index]!);
  return { code, starts };
}

function assertOwnKind(memory: KernelMemory): asserts memory is MachineMemory | AdoptedMachineMemory {
  if (memory instanceof MachineMemory || memory instanceof AdoptedMachineMemory) return;
  throw new InvalidArgumentError(
    'Machine code works on memory from createMemory() or adoptMemory() of a machine code host',
    { actual: String(memory) },
  );
}
