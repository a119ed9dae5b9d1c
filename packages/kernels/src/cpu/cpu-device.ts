import {
  compileModule,
  encodeKernels,
  type KernelDescription,
  moduleKey,
  type WasmModule,
} from '@qedge/codegen';
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
import { ReferenceModel } from '../reference/reference-model.ts';
import { type CpuTier, chooseTier, isaFromEnvironment, TIER_DIALECT } from './tier.ts';
import { WasmModel } from './wasm-model.ts';

/** Options of {@link createCpuDevice}. */
export interface CpuDeviceOptions {
  /** Default: what the environment variable `QEDGE_ISA` says, else the best that the host has. */
  readonly tier?: CpuTier;
}

const TIER_NAMES: Readonly<Record<CpuTier, string>> = {
  'wasm-relaxed': 'cpu (wasm relaxed SIMD)',
  wasm: 'cpu (wasm SIMD)',
  reference: 'cpu (reference)',
};

/**
 * A device that runs model graphs on the CPU: float32, int8 and int4, through WebAssembly kernels generated for the model's
 * shapes. `run` of its models is synchronous. Environment: `QEDGE_ISA=wasm|wasm-strict|reference`.
 *
 * float32 results do not depend on the batch. On the tiers `wasm` and `reference` they have the same bits on every host; on
 * `wasm-relaxed` the last bits depend on the host. Integer precisions give the same bits everywhere.
 *
 * @throws CapabilityUnavailableError when the requested tier is not there, InvalidArgumentError for an unknown one.
 * @example
 * using device = await createCpuDevice();
 * using model = await device.compile(graph, weights, { precision: 'int8', maxBatch: 32 });
 * model.run(input, output, 1);
 */
export async function createCpuDevice(options: CpuDeviceOptions = {}): Promise<Device> {
  const { tier, fallbacks } = chooseTier(options.tier, isaFromEnvironment());
  return new CpuDevice(tier, fallbacks);
}

class CpuDevice implements Device {
  readonly kind = 'cpu';
  readonly name: string;
  readonly precisions: readonly Precision[] = ['float32', 'int8', 'int4'];
  readonly fallbacks: readonly Fallback[];
  readonly #tier: CpuTier;
  /** Compiled modules by canonical key: a model that is compiled again with new weights reuses its code. */
  readonly #modules = new Map<string, WasmModule>();
  readonly #models = new Set<CompiledModel>();
  #disposed = false;

  constructor(tier: CpuTier, fallbacks: readonly Fallback[]) {
    this.#tier = tier;
    this.name = TIER_NAMES[tier];
    this.fallbacks = fallbacks;
  }

  async compile(graph: ModelGraph, weights: WeightSource, options: CompileOptions): Promise<CompiledModel> {
    if (this.#disposed) throw new UseAfterReleaseError(`The device ${this.name} was disposed`);
    throwIfCancelled(options.signal, 'Compiling a model');
    checkMaxBatch(options.maxBatch);
    if (!this.precisions.includes(options.precision)) {
      throw new UnsupportedError(`The ${this.name} device does not compute at ${String(options.precision)}`, {
        expected: this.precisions.join(', '),
        actual: String(options.precision),
      });
    }
    const model = this.#build(graph, weights, options);
    this.#models.add(model);
    return model;
  }

  dispose(): void {
    this.#disposed = true;
    for (const model of this.#models) model.dispose();
    this.#models.clear();
    this.#modules.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #build(graph: ModelGraph, weights: WeightSource, options: CompileOptions): CompiledModel {
    const dialect = TIER_DIALECT[this.#tier];
    const { precision, maxBatch, signal } = options;
    if (dialect === null) {
      const model: ReferenceModel = new ReferenceModel(this.name, graph, weights, options, () =>
        this.#models.delete(model),
      );
      return model;
    }
    const source =
      precision === 'int8' || precision === 'int4'
        ? loadIntegerModel(graph, weights, precision, signal)
        : loadFloat32Model('cpu', graph, weights, options);
    const model: WasmModel = new WasmModel({
      device: this.name,
      dialect,
      precision,
      maxBatch,
      source,
      moduleFor: (descriptions) => this.#moduleFor(descriptions, dialect),
      onDispose: () => this.#models.delete(model),
    });
    return model;
  }

  #moduleFor(descriptions: readonly KernelDescription[], dialect: 'strict' | 'relaxed'): WasmModule {
    const key = moduleKey(descriptions, dialect);
    const known = this.#modules.get(key);
    if (known) return known;
    const module = compileModule(encodeKernels(descriptions, dialect));
    this.#modules.set(key, module);
    return module;
  }
}
