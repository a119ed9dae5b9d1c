import {
  CapabilityUnavailableError,
  FileFormatError,
  InvalidArgumentError,
  UseAfterReleaseError,
} from '@qedge/core';
import type { Isa } from '../host/isa.ts';
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
import { requireByteLength } from '../host/require-byte-length.ts';
import { requireDifferentKeys } from '../host/require-different-keys.ts';
import { requireForeignMemory } from '../host/require-foreign-memory.ts';
import { VerifiedKernels } from '../host/verified-kernels.ts';
import { emitKernel, type KernelDescription, kernelKey } from '../kernels/families.ts';
import type { FloatElement, TargetTraits } from '../target/target.ts';
import { detectWasmFeatures, type WasmFeatures } from './features.ts';
import { encodeModule, MEMORY_IMPORT, type WasmExport } from './module.ts';
import { WasmTarget } from './target.ts';
import { type WasmDialect, wasmTraits } from './traits.ts';
import type { WasmFragments } from './wasm-frame.ts';
import {
  compileWasmModule,
  createWasmMemory,
  requireWebAssembly,
  type WasmMemory,
  type WasmModule,
  whyNotShared,
} from './web-assembly.ts';

/** The ways of execution that WebAssembly offers. */
export type WasmIsa = Extract<Isa, 'wasm-256' | 'wasm' | 'wasm-strict'>;

/** Options of {@link createWasmHost}. */
export interface WasmHostOptions {
  /** Default: `wasm` where the host has relaxed SIMD, else `wasm-strict`. `wasm-256` is faster only where V8's revectorizer is on. */
  readonly isa?: WasmIsa;
  /** True: memory is shared, so that kernels can run on several threads. Default: false. */
  readonly shared?: boolean;
}

const DIALECT: Readonly<Record<WasmIsa, WasmDialect>> = {
  'wasm-256': 'relaxed-pairs',
  wasm: 'relaxed',
  'wasm-strict': 'strict',
};

/** Why the host cannot run kernels in this way, or null where it can. */
export function whyNotWasm(
  isa: WasmIsa,
  features: Pick<WasmFeatures, 'simd' | 'relaxedSimd'> = detectWasmFeatures(),
): string | null {
  if (!features.simd) return 'this host does not validate WebAssembly SIMD';
  if (isa === 'wasm-strict' || features.relaxedSimd) return null;
  return 'this host does not validate WebAssembly relaxed SIMD (Node 22 and newer do; Node 20 with --experimental-wasm-relaxed-simd)';
}

/**
 * Runs kernels as WebAssembly. Works in browsers and on every server runtime. A memory is one linear memory of up to 4 GiB that never
 * grows; it is freed when nothing refers to it. Accesses outside of it trap.
 *
 * Engines translate a kernel quickly first and optimise it once it is hot. The check before the first use runs the quick translation;
 * inside `withRevectorizer` of `./node` the optimised one.
 *
 * @example
 * using host = createWasmHost({ isa: 'wasm-strict' });
 * const memory = host.createMemory(1 << 20);
 * const [kernel] = host.load([description], memory);
 * kernel.run(block);
 * @throws CapabilityUnavailableError where the engine lacks the instructions, or shared memory where it was asked for;
 *   InvalidArgumentError for an instruction set that is none of WebAssembly's.
 */
export function createWasmHost(options: WasmHostOptions = {}): KernelHost {
  const { shared = false } = options;
  const features = detectWasmFeatures();
  const isa = options.isa ?? (features.relaxedSimd ? 'wasm' : 'wasm-strict');
  if (!Object.hasOwn(DIALECT, isa)) {
    throw new InvalidArgumentError('An instruction set is none of WebAssembly', {
      expected: Object.keys(DIALECT).join(', '),
      actual: isa,
    });
  }
  const why = whyNotWasm(isa, features);
  if (why !== null) {
    throw new CapabilityUnavailableError(`Kernels cannot run as "${isa}"`, {
      actual: why,
      remedy: 'Use "wasm-strict", or "interpreter", which every host has.',
    });
  }
  const whyPrivate = shared ? whyNotShared() : null;
  if (whyPrivate !== null) {
    throw new CapabilityUnavailableError('Memory cannot be shared between threads', {
      actual: whyPrivate,
      remedy: 'Serve the page with the COOP and COEP headers, or do without threads (shared: false).',
    });
  }
  return new WasmHost(isa, shared, features.hoistsLoads);
}

class WasmKernelMemory implements KernelMemory {
  readonly memory: WasmMemory;
  readonly shared: boolean;
  readonly byteOffset: number;
  readonly address: number;
  /** The functions of each module on this memory. */
  readonly exports = new Map<WasmModule, Readonly<Record<string, unknown>>>();

  /** @param firstByte where the part begins that kernels may use. */
  constructor(memory: WasmMemory, shared: boolean, firstByte: number) {
    this.memory = memory;
    this.shared = shared;
    this.byteOffset = firstByte;
    this.address = firstByte;
  }

  get buffer(): ArrayBufferLike {
    return this.memory.buffer;
  }

  get byteLength(): number {
    return this.memory.buffer.byteLength - this.byteOffset;
  }
}

class WasmHost implements KernelHost {
  readonly isa: WasmIsa;
  readonly strict: boolean;
  readonly traits: TargetTraits;
  readonly #shared: boolean;
  /** Which module holds a kernel. */
  readonly #modules = new Map<string, WasmModule>();
  readonly #verified: VerifiedKernels;
  readonly #fragments: Readonly<Record<FloatElement, WasmFragments>> = {
    float32: new Map(),
    float64: new Map(),
  };
  #disposed = false;

  constructor(isa: WasmIsa, shared: boolean, hoistsLoads: boolean) {
    this.isa = isa;
    this.traits = wasmTraits(DIALECT[isa], hoistsLoads);
    this.strict = this.traits.fmaRounding === 'twice';
    this.#shared = shared;
    this.#verified = new VerifiedKernels(this);
  }

  createMemory(byteLength: number): KernelMemory {
    this.#assertUsable();
    requireByteLength(byteLength);
    const memory = createWasmMemory(byteLength + MEMORY_ALIGNMENT, this.#shared);
    // Address 0 and the bytes after it stay unused, so that a forgotten argument does not point at data.
    return new WasmKernelMemory(memory, this.#shared, MEMORY_ALIGNMENT);
  }

  adoptMemory(memory: ForeignMemory): KernelMemory {
    this.#assertUsable();
    requireForeignMemory(memory);
    const shared = !(memory.buffer instanceof ArrayBuffer);
    if (shared === this.#shared) return new WasmKernelMemory(memory, shared, 0);
    throw new InvalidArgumentError('A memory does not suit the code of this host', {
      expected: this.#shared ? 'shared memory' : 'memory that is not shared',
      actual: shared ? 'shared memory' : 'memory that is not shared',
      remedy: `Create the host with shared: ${shared}.`,
    });
  }

  load(descriptions: readonly KernelDescription[], memory: KernelMemory): readonly LoadedKernel[] {
    this.#assertUsable();
    const own = this.#requireOwn(memory);
    this.#compile(descriptions);
    try {
      return descriptions.map((description) => {
        const key = kernelKey(description);
        if (!this.#verified.has(key)) {
          this.#verified.verify(description, (scratch) => this.#bind(key, scratch as WasmKernelMemory).run);
        }
        return this.#bind(key, own);
      });
    } finally {
      this.#verified.releaseLargeScratch();
    }
  }

  encode(descriptions: readonly KernelDescription[]): EncodedKernels {
    this.#assertUsable();
    const code = this.#encode(descriptions.map((description, index) => [String(index), description]));
    const module = compileWasmModule(code);
    const verified = new VerifiedKernels(this);
    for (const [index, description] of descriptions.entries()) {
      verified.verify(description, (scratch) => {
        return this.#bindExport(module, String(index), scratch as WasmKernelMemory).run;
      });
    }
    return { code, starts: descriptions.map(() => 0), features: [] };
  }

  loadEncoded({ code, starts }: EncodedKernels, memory: KernelMemory): readonly LoadedKernel[] {
    this.#assertUsable();
    const own = this.#requireOwn(memory);
    const module = compileWasmModule(code);
    try {
      return starts.map((_, index) => this.#bindExport(module, String(index), own));
    } catch (cause) {
      if (cause instanceof FileFormatError) throw cause;
      throw new FileFormatError('A module is not one of kernels', { actual: String(cause), cause });
    }
  }

  traitsOf(element: FloatElement): TargetTraits {
    return wasmTraits(DIALECT[this.isa], this.traits.hoistsLoads, element);
  }

  assemble(kernels: readonly EmittedKernel[], memory: KernelMemory, element: FloatElement): AssembledKernels {
    this.#assertUsable();
    const own = this.#requireOwn(memory);
    requireDifferentKeys(kernels);
    const exported: WasmExport[] = [];
    let functions = 0;
    for (const { key, emit } of kernels) {
      const target = this.#createTarget(functions, element);
      emit(target);
      const kernel = target.finish();
      functions += kernel.functions.length;
      exported.push({ name: key, kernel });
    }
    const code = encodeModule(exported, { shared: this.#shared });
    const module = compileWasmModule(code);
    const dispose = () => void own.exports.delete(module);
    return {
      kernels: kernels.map(({ key }) => this.#bindExport(module, key, own)),
      byteLength: code.byteLength,
      dispose,
      [Symbol.dispose]: dispose,
    };
  }

  dispose(): void {
    this.#disposed = true;
    this.#modules.clear();
    this.#verified.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Writes one module with every described kernel that is in none yet. */
  #compile(descriptions: readonly KernelDescription[]): void {
    const missing = new Map<string, KernelDescription>();
    for (const description of descriptions) {
      const key = kernelKey(description);
      if (!this.#modules.has(key)) missing.set(key, description);
    }
    if (missing.size === 0) return;
    const module = compileWasmModule(this.#encode([...missing]));
    for (const key of missing.keys()) this.#modules.set(key, module);
  }

  /** A module of named kernels. */
  #encode(named: readonly (readonly [string, KernelDescription])[]): Uint8Array {
    const kernels: WasmExport[] = [];
    let functions = 0;
    for (const [name, description] of named) {
      const kernel = emitKernel(this.#createTarget(functions), description);
      functions += kernel.functions.length;
      kernels.push({ name, kernel });
    }
    return encodeModule(kernels, { shared: this.#shared });
  }

  #createTarget(firstFunction: number, element: FloatElement = 'float32'): WasmTarget {
    const fragments = this.#fragments[element];
    const { hoistsLoads } = this.traits;
    return new WasmTarget(DIALECT[this.isa], firstFunction, hoistsLoads, { element, fragments });
  }

  #bind(key: string, memory: WasmKernelMemory): LoadedKernel {
    return this.#bindExport(this.#modules.get(key)!, key, memory);
  }

  #bindExport(module: WasmModule, key: string, memory: WasmKernelMemory): LoadedKernel {
    let exports = memory.exports.get(module);
    if (exports === undefined) {
      const imports = { [MEMORY_IMPORT.module]: { [MEMORY_IMPORT.name]: memory.memory } };
      exports = new (requireWebAssembly().Instance)(module, imports).exports;
      memory.exports.set(module, exports);
    }
    const portable = { kind: 'wasm', module, memory: memory.memory, name: key } as const;
    const run = exports[key];
    if (typeof run !== 'function') {
      throw new FileFormatError('A module lacks a kernel', {
        expected: `a function "${key}"`,
        actual: typeof run,
      });
    }
    return { key, run: run as (block: number) => void, portable: this.#shared ? portable : null };
  }

  #requireOwn(memory: KernelMemory): WasmKernelMemory {
    if (memory instanceof WasmKernelMemory && memory.shared === this.#shared) return memory;
    throw new InvalidArgumentError('Kernels work on memory that their own host created', {
      expected: `WebAssembly memory, ${this.#shared ? '' : 'not '}shared`,
      actual: memory instanceof WasmKernelMemory ? 'memory of another host' : String(memory),
    });
  }

  #assertUsable(): void {
    if (!this.#disposed) return;
    throw new UseAfterReleaseError('A host was used after dispose()', { remedy: 'Create another host.' });
  }
}
