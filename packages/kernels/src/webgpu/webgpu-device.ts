import {
  CapabilityUnavailableError,
  type CompiledModel,
  type CompileOptions,
  type Device,
  type Fallback,
  type ModelGraph,
  throwIfCancelled,
  UnsupportedError,
  UseAfterReleaseError,
  type WeightSource,
} from '@qedge/core';
import { type Float32Model, loadFloat32Model } from '../float32-model.ts';
import { PipelineCache } from './pipelines.ts';
import { largestDispatch, largestStorageBuffer, WebGpuModel } from './webgpu-model.ts';

/** Options of {@link createWebGpuDevice}. */
export interface WebGpuDeviceOptions {
  /** The WebGPU entry point; default: `navigator.gpu`. In Node pass the `gpu` of `requestNodeGpu()`. */
  readonly gpu?: GPU;
}

/**
 * A device that runs model graphs on a GPU through WebGPU, in a browser or in Node, at float32.
 *
 * @throws CapabilityUnavailableError when there is no WebGPU or no adapter.
 * @example
 * using device = await createWebGpuDevice(); // in a browser
 * @example
 * import { requestNodeGpu } from '@qedge/kernels/node';
 * const { gpu } = await requestNodeGpu();
 * using device = await createWebGpuDevice({ gpu });
 */
export async function createWebGpuDevice(options: WebGpuDeviceOptions = {}): Promise<Device> {
  const gpu = options.gpu ?? (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  if (!gpu) {
    throw new CapabilityUnavailableError('WebGPU is not available here', {
      expected: 'navigator.gpu, or the option `gpu`',
      actual: 'neither',
      remedy:
        'In a browser, use one with WebGPU on a page served over HTTPS or from localhost; in Node, pass the gpu of requestNodeGpu() from @qedge/kernels/node',
    });
  }
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw new CapabilityUnavailableError('WebGPU found no adapter', {
      expected: 'a GPU with a Vulkan, Metal or Direct3D 12 driver',
      actual: 'none',
      remedy: 'Install the driver of the GPU, or allow a software adapter',
    });
  }
  return new WebGpuDevice(await requestDevice(adapter), adapterName(adapter.info), isSoftware(adapter.info));
}

async function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  // The default limits are small (128 MiB per binding): ask for what the adapter has.
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  try {
    const requiredLimits = { maxBufferSize, maxStorageBufferBindingSize };
    return await adapter.requestDevice({ label: 'qedge', requiredLimits });
  } catch (cause) {
    throw new CapabilityUnavailableError('The WebGPU adapter gave no device', {
      actual: (cause as Error).message,
      remedy: 'Close other programs that use the GPU, or use the CPU device',
      cause,
    });
  }
}

/** What an adapter calls itself, as well as it can be told. */
function adapterName(info: GPUAdapterInfo): string {
  return (
    info.description ||
    info.device ||
    [info.vendor, info.architecture].filter(Boolean).join(' ') ||
    'unnamed adapter'
  );
}

/** True for an adapter that computes on the CPU. */
function isSoftware(info: GPUAdapterInfo): boolean {
  return info.isFallbackAdapter || /swiftshader|llvmpipe/i.test(`${info.architecture} ${info.description}`);
}

class WebGpuDevice implements Device {
  readonly kind = 'webgpu';
  readonly name: string;
  readonly precisions = ['float32'] as const;
  readonly fallbacks: readonly Fallback[];
  readonly #gpu: GPUDevice;
  readonly #pipelines: PipelineCache;
  readonly #models = new Set<WebGpuModel>();
  #lostBecause: string | null = null;
  #disposed = false;

  constructor(gpu: GPUDevice, adapter: string, software: boolean) {
    this.#gpu = gpu;
    this.#pipelines = new PipelineCache(gpu);
    this.name = `webgpu (${adapter})`;
    this.fallbacks = software
      ? [{ from: 'a GPU', to: adapter, why: 'the only WebGPU adapter here computes on the CPU' }]
      : [];
    void gpu.lost.then((info) => {
      this.#lostBecause = info.message || info.reason;
    });
  }

  async compile(graph: ModelGraph, weights: WeightSource, options: CompileOptions): Promise<CompiledModel> {
    this.#assertUsable();
    const source = loadFloat32Model('webgpu', graph, weights, options);
    this.#assertFits(source, options.maxBatch);
    this.#assertDispatchable(source, options.maxBatch);
    const pipelines = await this.#pipelines.forModel(source, options.maxBatch);
    throwIfCancelled(options.signal, 'Compiling a model');
    this.#assertUsable();
    // Out of memory and refused bindings are reported here, not thrown where they happen. Both scopes are opened and closed
    // without a pause, so that models which compile at the same time do not take each other's.
    this.#gpu.pushErrorScope('out-of-memory');
    this.#gpu.pushErrorScope('validation');
    let model: WebGpuModel;
    let scopes: Promise<GPUError | null>[];
    try {
      model = new WebGpuModel(this.#gpu, pipelines, this.name, source, options.maxBatch, () =>
        this.#models.delete(model),
      );
    } finally {
      scopes = [this.#gpu.popErrorScope(), this.#gpu.popErrorScope()];
    }
    const error = (await Promise.all(scopes)).find((found) => found !== null);
    if (error) {
      model.dispose();
      throw new UnsupportedError(`The adapter of ${this.name} cannot hold the model`, {
        actual: error.message,
        remedy: 'Compile with a smaller maxBatch, or use the CPU device',
      });
    }
    this.#assertUsableOrDispose(model);
    this.#models.add(model);
    return model;
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const model of this.#models) model.dispose();
    this.#gpu.destroy();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #assertUsable(): void {
    if (this.#disposed) throw new UseAfterReleaseError(`The device ${this.name} was disposed`);
    if (this.#lostBecause === null) return;
    throw new CapabilityUnavailableError(`The device ${this.name} was lost`, {
      actual: this.#lostBecause,
      remedy: 'Create a new device',
    });
  }

  /** The device may have been disposed while the model was being made. */
  #assertUsableOrDispose(model: WebGpuModel): void {
    try {
      this.#assertUsable();
    } catch (error) {
      model.dispose();
      throw error;
    }
  }

  #assertFits(source: Float32Model, maxBatch: number): void {
    const { bytes, what } = largestStorageBuffer(source, maxBatch);
    const limit = Math.min(this.#gpu.limits.maxBufferSize, this.#gpu.limits.maxStorageBufferBindingSize);
    if (bytes <= limit) return;
    throw new UnsupportedError(`The adapter of ${this.name} cannot hold ${what}`, {
      expected: `at most ${limit} bytes in one buffer`,
      actual: `${bytes} bytes`,
      remedy: 'Compile with a smaller maxBatch, or use the CPU device',
    });
  }

  /** A dispatch beyond the limit would be dropped without an error, and the output of a run before it read back. */
  #assertDispatchable(source: Float32Model, maxBatch: number): void {
    const workgroups = largestDispatch(source, maxBatch);
    const limit = this.#gpu.limits.maxComputeWorkgroupsPerDimension;
    if (workgroups <= limit) return;
    throw new UnsupportedError(`The adapter of ${this.name} cannot compute so many rows or columns at once`, {
      expected: `at most ${limit} workgroups of 16 rows or 64 columns`,
      actual: workgroups,
      remedy: 'Compile with a smaller maxBatch, or use the CPU device',
    });
  }
}
