import { UnsupportedError } from '@qedge/core';
import type { Float32Model } from '../float32-model.ts';
import { DENSE_BATCH_SHADER, DENSE_SINGLE_SHADER, SOFTMAX_SHADER } from './shaders.ts';

/** `GPUShaderStage.COMPUTE`. */
const COMPUTE_STAGE = 0x4;

/** The programs that one model needs; null for those that it does not. */
export interface ModelPipelines {
  readonly denseSingle: GPUComputePipeline | null;
  readonly denseBatch: GPUComputePipeline | null;
  readonly softmax: GPUComputePipeline | null;
  readonly denseLayout: GPUBindGroupLayout;
  readonly softmaxLayout: GPUBindGroupLayout;
}

/** Compiles the programs of a device, each when the first model needs it: a software adapter takes its time. */
export class PipelineCache {
  readonly #device: GPUDevice;
  readonly #denseLayout: GPUBindGroupLayout;
  readonly #softmaxLayout: GPUBindGroupLayout;
  readonly #compiled = new Map<string, Promise<GPUComputePipeline>>();

  constructor(device: GPUDevice) {
    this.#device = device;
    const types: GPUBufferBindingType[] = [
      'uniform',
      'uniform',
      'read-only-storage',
      'read-only-storage',
      'read-only-storage',
      'storage',
    ];
    const entries = types.map((type, binding) => ({ binding, visibility: COMPUTE_STAGE, buffer: { type } }));
    this.#denseLayout = device.createBindGroupLayout({ label: 'dense', entries });
    const withoutWeights = entries.filter(({ binding }) => binding !== 2 && binding !== 3);
    this.#softmaxLayout = device.createBindGroupLayout({ label: 'softmax', entries: withoutWeights });
  }

  /** The programs for a model and batches of up to `maxBatch`. @throws UnsupportedError when the adapter refuses one. */
  async forModel(model: Float32Model, maxBatch: number): Promise<ModelPipelines> {
    const has = (kind: string) => model.steps.some((step) => step.kind === kind);
    const [dense, softmax] = [this.#denseLayout, this.#softmaxLayout];
    const [denseSingle, denseBatch, softmaxPipeline] = await Promise.all([
      has('dense') ? this.#compile('dense, one sample', DENSE_SINGLE_SHADER, dense) : null,
      has('dense') && maxBatch > 1 ? this.#compile('dense, batch', DENSE_BATCH_SHADER, dense) : null,
      has('softmax') ? this.#compile('softmax', SOFTMAX_SHADER, softmax) : null,
    ]);
    return { denseSingle, denseBatch, softmax: softmaxPipeline, denseLayout: dense, softmaxLayout: softmax };
  }

  #compile(label: string, code: string, layout: GPUBindGroupLayout): Promise<GPUComputePipeline> {
    const known = this.#compiled.get(label);
    if (known) return known;
    const pipeline = this.#device.createComputePipelineAsync({
      label,
      layout: this.#device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: this.#device.createShaderModule({ label, code }), entryPoint: 'main' },
    });
    const checked = pipeline.catch((cause: Error) => {
      this.#compiled.delete(label);
      throw new UnsupportedError(`The adapter refuses the WebGPU program "${label}"`, {
        actual: cause.message,
        remedy: 'Use the CPU device',
        cause,
      });
    });
    this.#compiled.set(label, checked);
    return checked;
  }
}
