import { CapabilityUnavailableError, type CompiledModel } from '@qedge/core';
import {
  checkRunArguments,
  type Float32DenseStep,
  type Float32Model,
  type Float32Step,
} from '../float32-model.ts';
import { assertAlive, assertIdle } from '../model-use.ts';
import { BUFFER_USAGE, MAP_MODE_READ } from './buffer-usage.ts';
import type { ModelPipelines } from './pipelines.ts';
import {
  BATCH_ROWS_PER_INVOCATION,
  BATCH_WORKGROUP,
  SINGLE_COLUMN_GROUPS,
  SOFTMAX_MAX_WORKGROUPS,
} from './shaders.ts';

const { storage, uniform, copySource, copyDestination, mapRead } = BUFFER_USAGE;

/** What one layer needs at run time. */
interface BoundStep {
  readonly step: Float32Step;
  readonly bindGroup: GPUBindGroup;
}

/** A model whose weights and buffers live on the GPU; made by the WebGPU device. */
export class WebGpuModel implements CompiledModel {
  readonly device: string;
  readonly precision = 'float32';
  readonly maxBatch: number;
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  readonly memory: { readonly weightBytes: number; readonly bufferBytes: number };
  readonly #gpu: GPUDevice;
  readonly #pipelines: ModelPipelines;
  readonly #sizes: { readonly inputSize: number; readonly outputSize: number; readonly maxBatch: number };
  readonly #buffers: GPUBuffer[] = [];
  readonly #onDispose: () => void;
  readonly #input: GPUBuffer;
  readonly #result: GPUBuffer;
  readonly #readback: GPUBuffer;
  readonly #batch: GPUBuffer;
  readonly #steps: readonly BoundStep[];
  #batchOnGpu = 0;
  #disposed = false;
  #running = false;

  /** Uploads the weights and creates every buffer that `run` uses. */
  constructor(
    gpu: GPUDevice,
    pipelines: ModelPipelines,
    device: string,
    source: Float32Model,
    maxBatch: number,
    onDispose: () => void,
  ) {
    this.#gpu = gpu;
    this.#pipelines = pipelines;
    this.device = device;
    this.maxBatch = maxBatch;
    this.inputShape = source.graph.inputShape;
    this.outputShape = source.graph.outputShape;
    this.#sizes = { inputSize: source.inputSize, outputSize: source.outputSize, maxBatch };
    this.#onDispose = onDispose;
    const activationBytes = 4 * maxBatch * source.widestSize;
    const activations = [0, 1].map((index) =>
      this.#createBuffer(`activations ${index}`, activationBytes, storage | copySource | copyDestination),
    );
    this.#readback = this.#createBuffer(
      'readback',
      4 * maxBatch * source.outputSize,
      mapRead | copyDestination,
    );
    this.#batch = this.#createBuffer('batch', 16, uniform | copyDestination);
    this.#input = activations[0]!;
    this.#result = activations[source.steps.length % 2]!;
    this.#steps = source.steps.map((step, index) => ({
      step,
      bindGroup: this.#bind(step, activations[index % 2]!, activations[(index + 1) % 2]!),
    }));
    const allBytes = this.#buffers.reduce((sum, buffer) => sum + buffer.size, 0);
    const weightBytes = source.steps.reduce((sum, step) => sum + uploadedBytes(step), 0);
    this.memory = { weightBytes, bufferBytes: allBytes - weightBytes };
  }

  async run(input: Float32Array, output: Float32Array, batch: number): Promise<void> {
    assertIdle(this.device, this.#disposed, this.#running);
    checkRunArguments(this.#sizes, input, output, batch);
    this.#running = true;
    try {
      if (batch !== this.#batchOnGpu) this.#gpu.queue.writeBuffer(this.#batch, 0, new Uint32Array([batch]));
      this.#batchOnGpu = batch;
      this.#gpu.queue.writeBuffer(this.#input, 0, input as Float32Array<ArrayBuffer>);
      const bytes = 4 * output.length;
      this.#submit(batch, bytes);
      await this.#read(output, bytes);
    } finally {
      this.#running = false;
    }
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const buffer of this.#buffers) buffer.destroy();
    this.#onDispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #submit(batch: number, resultBytes: number): void {
    const encoder = this.#gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const { step, bindGroup } of this.#steps) {
      pass.setBindGroup(0, bindGroup);
      this.#dispatch(pass, step, batch);
    }
    pass.end();
    encoder.copyBufferToBuffer(this.#result, 0, this.#readback, 0, resultBytes);
    this.#gpu.queue.submit([encoder.finish()]);
  }

  #dispatch(pass: GPUComputePassEncoder, step: Float32Step, batch: number): void {
    if (step.kind === 'softmax') {
      pass.setPipeline(this.#pipelines.softmax!);
      pass.dispatchWorkgroups(Math.min(batch * step.rowsPerSample, SOFTMAX_MAX_WORKGROUPS));
      return;
    }
    const columnGroups = Math.ceil(step.units / 4);
    if (batch === 1) {
      pass.setPipeline(this.#pipelines.denseSingle!);
      pass.dispatchWorkgroups(Math.ceil(columnGroups / SINGLE_COLUMN_GROUPS));
      return;
    }
    pass.setPipeline(this.#pipelines.denseBatch!);
    pass.dispatchWorkgroups(
      Math.ceil(columnGroups / BATCH_WORKGROUP.columnGroups),
      Math.ceil(batch / (BATCH_ROWS_PER_INVOCATION * BATCH_WORKGROUP.rowGroups)),
    );
  }

  async #read(output: Float32Array, bytes: number): Promise<void> {
    try {
      await this.#readback.mapAsync(MAP_MODE_READ, 0, bytes);
    } catch (cause) {
      assertAlive(this.device, this.#disposed);
      throw new CapabilityUnavailableError('The GPU did not deliver a result', {
        actual: (cause as Error).message,
        remedy: 'The device may be lost: create a new one',
        cause,
      });
    }
    output.set(new Float32Array(this.#readback.getMappedRange(0, bytes)));
    this.#readback.unmap();
  }

  #bind(step: Float32Step, input: GPUBuffer, output: GPUBuffer): GPUBindGroup {
    const { denseLayout, softmaxLayout } = this.#pipelines;
    const buffers: (GPUBuffer | null)[] =
      step.kind === 'dense'
        ? [
            this.#upload(`${step.name}: sizes`, denseSizes(step), uniform),
            this.#batch,
            this.#upload(
              `${step.name}: kernel`,
              padColumns(step.kernel, step.inputSize, step.units),
              storage,
            ),
            this.#upload(
              `${step.name}: bias`,
              padColumns(step.bias ?? new Float32Array(step.units), 1, step.units),
              storage,
            ),
            input,
            output,
          ]
        : [
            this.#upload(
              `${step.name}: sizes`,
              new Uint32Array([step.width, step.rowsPerSample, 0, 0]),
              uniform,
            ),
            this.#batch,
            null,
            null,
            input,
            output,
          ];
    return this.#gpu.createBindGroup({
      label: step.name,
      layout: step.kind === 'dense' ? denseLayout : softmaxLayout,
      entries: buffers.flatMap((buffer, binding) =>
        buffer === null ? [] : [{ binding, resource: { buffer } }],
      ),
    });
  }

  #upload(
    label: string,
    data: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>,
    usage: number,
  ): GPUBuffer {
    const buffer = this.#createBuffer(label, data.byteLength, usage | copyDestination);
    this.#gpu.queue.writeBuffer(buffer, 0, data);
    return buffer;
  }

  #createBuffer(label: string, size: number, usage: number): GPUBuffer {
    const buffer = this.#gpu.createBuffer({ label, size, usage });
    this.#buffers.push(buffer);
    return buffer;
  }
}

function denseSizes({ inputSize, units, relu }: Float32DenseStep): Uint32Array<ArrayBuffer> {
  return new Uint32Array([inputSize, units, Math.ceil(units / 4), relu ? 1 : 0]);
}

/** `[rows, columns]` -> `[rows, columns rounded up to a multiple of 4]`, padded with zeros. */
function padColumns(values: Float32Array, rows: number, columns: number): Float32Array<ArrayBuffer> {
  const padded = Math.ceil(columns / 4) * 4;
  const result = new Float32Array(rows * padded);
  for (let row = 0; row < rows; row++) {
    result.set(values.subarray(row * columns, (row + 1) * columns), row * padded);
  }
  return result;
}

/** Bytes of the kernel and bias buffers of a step on the GPU, padding included. */
function uploadedBytes(step: Float32Step): number {
  return step.kind === 'dense' ? 16 * Math.ceil(step.units / 4) * (step.inputSize + 1) : 0;
}

/** Workgroups along the columns and along the batch that the largest dispatch of a model needs. */
export function largestDispatch(source: Float32Model, maxBatch: number): number {
  const columnGroups = source.steps.map((step) => (step.kind === 'dense' ? Math.ceil(step.units / 4) : 0));
  return Math.max(
    Math.ceil(Math.max(0, ...columnGroups) / Math.min(BATCH_WORKGROUP.columnGroups, SINGLE_COLUMN_GROUPS)),
    Math.ceil(maxBatch / (BATCH_ROWS_PER_INVOCATION * BATCH_WORKGROUP.rowGroups)),
  );
}

/** Bytes of the largest storage buffer that a model needs, and what it is for. */
export function largestStorageBuffer(
  source: Float32Model,
  maxBatch: number,
): { bytes: number; what: string } {
  let largest = {
    bytes: 4 * maxBatch * source.widestSize,
    what: `the activations of a batch of ${maxBatch}`,
  };
  for (const step of source.steps) {
    if (step.kind !== 'dense') continue;
    const bytes = 16 * Math.ceil(step.units / 4) * step.inputSize;
    if (bytes > largest.bytes) largest = { bytes, what: `the kernel of layer "${step.name}"` };
  }
  return largest;
}
