import type { Isa, KernelHost, KernelMemory, ThreadTeam } from '@qedge/codegen';
import { type Fallback, UseAfterReleaseError } from '@qedge/core';
import { Arena } from './arena.ts';
import type { BindingContext } from './binding.ts';
import type { Lifetime } from './bound-kernel.ts';
import { MatmulCache, type MatmulShape } from './matmul-cache.ts';
import type { Tuner } from './tuner.ts';
import { KernelWorkspace } from './workspace.ts';

/** Options of `createKernelEngine`. */
export interface KernelEngineOptions {
  /** Default: what the environment variable `QEDGE_ISA` says, else the best that the entry offers here. */
  readonly isa?: Isa;
  /** Threads that share large works, the calling one included; default 1. Results have the same bits for any number. */
  readonly threads?: number;
  /** True: float32 results have the same bits on every host and instruction set; multiply-adds round twice. Default false. */
  readonly strict?: boolean;
  /**
   * `measure`: the first use of a shape measures a few ways to cut it, for about 10 ms. `off` (default): rules choose. Bits do not depend
   * on it.
   */
  readonly tuning?: 'off' | 'measure';
}

/** What an engine is made of. */
export interface EngineParts {
  readonly host: KernelHost;
  /** Null for one thread. */
  readonly team: ThreadTeam | null;
  readonly tuner: Tuner;
  readonly fallbacks: readonly Fallback[];
}

/** Products, convolutions and other kernels on one way of execution. Made by `createKernelEngine`. */
export class KernelEngine implements Disposable {
  /** What executes. */
  readonly isa: Isa;
  /** Threads that large works are shared by. */
  readonly threads: number;
  /** Whether float32 results have the same bits on every host. */
  readonly strict: boolean;
  /** What was wanted but not had, and why. Empty when nothing was lost. */
  readonly fallbacks: readonly Fallback[];
  readonly #parts: EngineParts;
  readonly #lifetime: { disposed: boolean } & Lifetime = { disposed: false };
  readonly #products: MatmulCache;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.isa = parts.host.isa;
    this.strict = parts.host.strict;
    this.threads = parts.team?.size ?? 1;
    this.fallbacks = parts.fallbacks;
    this.#products = new MatmulCache(this.threads, (byteLength) => this.workspace(byteLength));
  }

  /**
   * Makes a workspace of its own memory. Kernels that are bound in it run one at a time.
   *
   * @param byteLength for arrays, packed weights, scratch memory and argument blocks together.
   * @throws InvalidArgumentError for an impossible length, CapabilityUnavailableError when there is too little memory,
   *   UseAfterReleaseError after `dispose`.
   */
  workspace(byteLength: number): KernelWorkspace {
    return new KernelWorkspace(this.bindingContext(byteLength));
  }

  /**
   * @internal What kernels are bound with.
   *
   * @param memory in bytes, for new memory; or memory in which kernels are planned and not run.
   * @throws as {@link workspace}.
   */
  bindingContext(memory: number | KernelMemory): BindingContext {
    if (this.#lifetime.disposed) throw new UseAfterReleaseError('A kernel engine was used after dispose()');
    const { host, team, tuner } = this.#parts;
    const arena = new Arena(typeof memory === 'number' ? host.createMemory(memory) : memory);
    return { host, arena, team, tuner, lifetime: this.#lifetime };
  }

  /**
   * Multiplies two ordinary arrays: copies them in and the result out. The kernels of the last 16 shapes are
   * kept. For repeated products on the same arrays, a workspace saves the copies.
   *
   * @returns `[m, n]`, owned by the caller.
   * @throws ShapeMismatchError for arrays that do not fit, InvalidArgumentError for impossible sizes, UseAfterReleaseError after
   *   `dispose`.
   */
  matmul(a: Float32Array, b: Float32Array, shape: MatmulShape): Float32Array {
    if (this.#lifetime.disposed) throw new UseAfterReleaseError('A kernel engine was used after dispose()');
    return this.#products.multiply(a, b, shape);
  }

  /** Ends the threads; bound kernels and workspaces refuse further use. May be called again. */
  dispose(): void {
    this.#lifetime.disposed = true;
    this.#products.clear();
    this.#parts.team?.dispose();
    this.#parts.host.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
