import type { Isa, KernelHost, ThreadTeam } from '@qedge/codegen';
import {
  type CompiledModel,
  type CompileOptions,
  type Device,
  type Fallback,
  type ModelGraph,
  type Precision,
  throwIfCancelled,
  UnsupportedError,
  UseAfterReleaseError,
  type WeightSource,
} from '@qedge/core';
import { checkMaxBatch, loadFloat32Model } from '../float32-model.ts';
import { loadIntegerModel } from '../integer-model.ts';
import { CpuModel } from './cpu-model.ts';

/** Options of `createCpuDevice`. */
export interface CpuDeviceOptions {
  /** Default: what the environment variable `QEDGE_ISA` says, else the best that the entry offers here. */
  readonly isa?: Isa;
  /** Threads that share large batches, the calling one included; default 1. Results have the same bits for any number. */
  readonly threads?: number;
  /** True: float32 results have the same bits on every host and instruction set. Default false. */
  readonly strict?: boolean;
}

const ISA_NAMES: Readonly<Record<Isa, string>> = {
  avx512: 'AVX-512',
  avx2: 'AVX2',
  'wasm-256': 'wasm relaxed SIMD in pairs',
  wasm: 'wasm relaxed SIMD',
  'wasm-strict': 'wasm SIMD',
  interpreter: 'interpreter',
};

/** What a {@link CpuDevice} is made of. */
export interface CpuDeviceParts {
  readonly host: KernelHost;
  /** Null for one thread. */
  readonly team: ThreadTeam | null;
  readonly fallbacks: readonly Fallback[];
}

/** Model graphs on generated kernels. Owns its host and its threads. */
export class CpuDevice implements Device {
  readonly kind = 'cpu';
  readonly name: string;
  /** What executes. */
  readonly isa: Isa;
  readonly precisions: readonly Precision[] = ['float32', 'int8', 'int4'];
  readonly fallbacks: readonly Fallback[];
  readonly #host: KernelHost;
  readonly #team: ThreadTeam | null;
  readonly #models = new Set<CompiledModel>();
  #disposed = false;

  constructor({ host, team, fallbacks }: CpuDeviceParts) {
    this.#host = host;
    this.#team = team;
    this.fallbacks = fallbacks;
    this.isa = host.isa;
    // WebAssembly SIMD and the interpreter are strict by nature.
    const strict = host.strict && (host.isa === 'avx512' || host.isa === 'avx2');
    const threads = team !== null && team.size > 1 ? `, ${team.size} threads` : '';
    this.name = `cpu (${ISA_NAMES[host.isa]}${strict ? ', strict' : ''}${threads})`;
  }

  async compile(graph: ModelGraph, weights: WeightSource, options: CompileOptions): Promise<CompiledModel> {
    if (this.#disposed) throw new UseAfterReleaseError(`The device ${this.name} was disposed`);
    const { precision, maxBatch, signal } = options;
    throwIfCancelled(signal, 'Compiling a model');
    checkMaxBatch(maxBatch);
    if (!this.precisions.includes(precision)) {
      throw new UnsupportedError(`The ${this.name} device does not compute at ${String(precision)}`, {
        expected: this.precisions.join(', '),
        actual: String(precision),
      });
    }
    const source =
      precision === 'int8' || precision === 'int4'
        ? loadIntegerModel(graph, weights, precision, signal)
        : loadFloat32Model('cpu', graph, weights, options);
    const model: CpuModel = new CpuModel({
      device: this.name,
      host: this.#host,
      team: this.#team,
      precision,
      maxBatch,
      source,
      onDispose: () => this.#models.delete(model),
    });
    this.#models.add(model);
    return model;
  }

  dispose(): void {
    this.#disposed = true;
    for (const model of this.#models) model.dispose();
    this.#models.clear();
    this.#team?.dispose();
    this.#host.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
