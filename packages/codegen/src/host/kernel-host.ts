import type { KernelDescription } from '../kernels/families.ts';
import type { FloatElement, Target, TargetTraits } from '../target/target.ts';
import type { Isa } from './isa.ts';

/** Bytes that addresses handed out by this package are aligned to: a cache line, and the widest vector. */
export const MEMORY_ALIGNMENT = 64;

/**
 * Memory that kernels of one host work on. `address` is what a kernel must be told to reach the byte at `byteOffset` of
 * `buffer`; it is a multiple of {@link MEMORY_ALIGNMENT}. The buffer cannot be detached, resized or moved. Kernels that were
 * loaded for a memory keep it alive.
 */
export interface KernelMemory {
  readonly buffer: ArrayBufferLike;
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly address: number;
}

/**
 * Memory that another program owns: structurally a `WebAssembly.Memory`. Its buffer is replaced when it grows; the kernels' addresses
 * count from its first byte.
 */
export interface ForeignMemory {
  readonly buffer: ArrayBufferLike;
}

/** What another thread needs to run the same code on the same memory; can be posted to a worker. */
export type PortableKernel =
  | { readonly kind: 'machine-code'; readonly address: number }
  | { readonly kind: 'wasm'; readonly module: object; readonly memory: object; readonly name: string };

/** Code of one kernel, ready to run on one memory. */
export interface LoadedKernel {
  /** The `kernelKey` of its description. */
  readonly key: string;
  /**
   * Runs on the calling thread. `block` is the address of an argument block in the memory. Nothing is checked here: the caller owns
   * block, buffers and kernel, and every address in the block is trusted.
   */
  readonly run: (block: number) => void;
  /** Null where code cannot move to other threads (the interpreter, memory that is not shared). */
  readonly portable: PortableKernel | null;
}

/**
 * A kernel that its owner emits: no family describes it and nothing checks it before its first use. Its emitter must be tested on every
 * target by its owner.
 */
export interface EmittedKernel {
  /** A name that no other kernel of the same call has. */
  readonly key: string;
  /** Calls the operations of the target, but not `finish`. */
  emit(target: Target<unknown>): void;
}

/** Code of emitted kernels. */
export interface AssembledKernels {
  /** In the order in which they were emitted. */
  readonly kernels: readonly LoadedKernel[];
  /** Bytes of code. */
  readonly byteLength: number;
  /** Lets other code take its place; none of the kernels may run any more, on no thread. */
  dispose(): void;
  [Symbol.dispose](): void;
}

/** Code of kernels as bytes, to be kept and loaded by another process. Made by `KernelHost.encode`. */
export interface EncodedKernels {
  /** Position-independent machine code, or a WebAssembly module that exports its kernels as `0`, `1` and so on. */
  readonly code: Uint8Array;
  /** Where the function of each kernel begins in machine code; 0 for each in a module. */
  readonly starts: readonly number[];
  /** What the processor must have beside the instruction set; empty for a module. */
  readonly features: readonly string[];
}

/** Turns described kernels into code for one way of execution, and owns that code. */
export interface KernelHost {
  readonly isa: Isa;
  /** True when multiply-adds round twice, so that results have the same bits on every strict host. */
  readonly strict: boolean;
  readonly traits: TargetTraits;
  /**
   * Zeroed memory of at least `byteLength` bytes. Threads can share that of machine code, and of WebAssembly where the host was
   * created so.
   *
   * @throws InvalidArgumentError for an impossible length, CapabilityUnavailableError when there is too little memory.
   */
  createMemory(byteLength: number): KernelMemory;
  /**
   * Lets kernels work in a `WebAssembly.Memory` that belongs to someone else, without copies. The memory may grow between runs:
   * `buffer`, `byteLength` and `address` of the result are read anew each time, and an address that was computed before a growth
   * must not be used after it. Other threads may use machine code on it, and WebAssembly where it is shared.
   *
   * @throws CapabilityUnavailableError where the host cannot (the interpreter), InvalidArgumentError for what is no memory or is
   *   shared where the host's is not.
   */
  adoptMemory(memory: ForeignMemory): KernelMemory;
  /**
   * Generates what is not cached, checks it against the reference before its first use, and binds it to `memory`. The result has
   * the order of `descriptions`.
   *
   * @throws VerificationError when generated code is wrong, RegisterBudgetError when a tile does not fit,
   *   InvalidArgumentError for impossible sizes, UseAfterReleaseError after `dispose`.
   */
  load(descriptions: readonly KernelDescription[], memory: KernelMemory): readonly LoadedKernel[];
  /**
   * Generates kernels, checks this very code against the reference, and gives it as bytes.
   *
   * @param descriptions all different.
   * @throws as {@link load}; CapabilityUnavailableError where there is no code (the interpreter).
   */
  encode(descriptions: readonly KernelDescription[]): EncodedKernels;
  /**
   * Binds code that {@link encode} of a host of the same `isa` made to `memory`. It is not checked: machine code can do whatever this
   * process can, so that it must come from where programs come from. A module can do no more than compute on `memory`, or never end.
   *
   * @returns the kernels in their order; their keys are `0`, `1` and so on.
   * @throws CapabilityUnavailableError for features that are not here, and where there is no code (the interpreter);
   *   FileFormatError for bytes that are no such code; InvalidArgumentError for memory of another host; UseAfterReleaseError after
   *   `dispose`.
   */
  loadEncoded(encoded: EncodedKernels, memory: KernelMemory): readonly LoadedKernel[];
  /** Traits of the targets that {@link assemble} emits to. */
  traitsOf(element: FloatElement): TargetTraits;
  /**
   * Turns kernels that emit themselves into code, bound to `memory`. They are not checked, and an access outside of the memory in machine
   * code ends the process.
   *
   * @throws RegisterBudgetError, InvalidArgumentError for what the target refuses and for two equal keys; UseAfterReleaseError after
   *   `dispose`.
   */
  assemble(kernels: readonly EmittedKernel[], memory: KernelMemory, element: FloatElement): AssembledKernels;
  /** Gives back nothing that a loaded kernel still needs; loads no more. */
  dispose(): void;
  [Symbol.dispose](): void;
}
