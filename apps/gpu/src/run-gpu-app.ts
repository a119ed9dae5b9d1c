import {
  CancelledError,
  type Capability,
  type Device,
  InvalidArgumentError,
  type ModelGraph,
  type ProgressListener,
  throwIfCancelled,
  type WeightSource,
} from '@qedge/core';
import {
  createCpuDevice,
  loadTensorflow,
  probeCapabilities,
  requestNodeGpu,
  TENSORFLOW_LIBRARIES,
  type TensorflowLibrary,
} from '@qedge/kernels/node';
import { randomModel } from '@qedge/kernels/testing';
import { createTfjsDevice } from '@qedge/kernels/tfjs';
import { createWebGpuDevice } from '@qedge/kernels/webgpu';
import type { DeviceReport, GpuReport, MissingDevice } from './gpu-report.ts';
import { checkedBatches, measureDevice } from './measure-device.ts';

/** Options of {@link runGpuApp}. */
export interface GpuAppOptions {
  /** Default: a multilayer perceptron 784-256-128-10 with weights from `seed`. The weights must stay readable. */
  readonly model?: { readonly graph: ModelGraph; readonly weights: WeightSource };
  /** Batch sizes to run; default 1 and 64. */
  readonly batches?: readonly number[];
  /** Timed runs per device and batch; default 30. */
  readonly repeats?: number;
  /** Of the inputs and the default model; default 1. */
  readonly seed?: number;
  /** Let SwiftShader stand in where WebGPU finds no GPU; default false. */
  readonly allowSoftware?: boolean;
  /** An absolute folder from which the optional packages are resolved; default: as @qedge/kernels resolves them. */
  readonly from?: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: ProgressListener;
}

/** What may run the model, with the capability that it needs (null: always there). */
interface Candidate {
  readonly name: string;
  readonly needs: string | null;
  readonly create: () => Promise<Device>;
}

/** The name of the capability that a TensorFlow.js library needs. */
const CAPABILITY_OF: Readonly<Record<TensorflowLibrary, string>> = {
  'tfjs-node-gpu': 'tfjs-node-gpu',
  'tfjs-node': 'tfjs-node',
  wasm: 'tfjs-wasm',
  cpu: 'tfjs-cpu',
};

/**
 * Runs one model on the CPU device and on every accelerator found: WebGPU and the best TensorFlow.js library
 * (tfjs-node-gpu first). Each output is compared with the reference. What is missing or fails is reported with its reason.
 *
 * Node keeps running while a GPU object lives: end a program that called this with `process.exit()`.
 *
 * @throws InvalidArgumentError for impossible options, the errors of the reference for a broken model, CancelledError.
 *   Never because no accelerator is there.
 */
export async function runGpuApp(options: GpuAppOptions = {}): Promise<GpuReport> {
  const { batches = [1, 64], repeats = 30, seed = 1, signal, onProgress } = options;
  assertPositiveIntegers('batches', batches);
  assertPositiveIntegers('repeats', [repeats]);
  const { graph, weights } = options.model ?? randomModel({ sizes: [784, 256, 128, 10], seed });
  const checked = checkedBatches(graph, weights, batches, seed);
  const lookup = options.from === undefined ? {} : { from: options.from };
  const software = { allowSoftware: options.allowSoftware ?? false };
  const cancellation = signal ? { signal } : {};
  onProgress?.({ phase: 'looking for devices', done: 0, total: null });
  const capabilities = (await probeCapabilities({ ...lookup, ...software, ...cancellation })).filter(
    ({ name }) => name === 'webgpu' || name === 'cuda' || name.startsWith('tfjs-'),
  );
  const available = (name: string) => capabilities.some((found) => found.name === name && found.available);
  const candidates: Candidate[] = [
    { name: 'cpu', needs: null, create: () => createCpuDevice() },
    {
      name: 'webgpu',
      needs: 'webgpu',
      create: async () => createWebGpuDevice({ gpu: (await requestNodeGpu({ ...lookup, ...software })).gpu }),
    },
    { name: 'tfjs', needs: bestTensorflow(available), create: () => createBestTfjsDevice(available, lookup) },
  ];
  const devices: DeviceReport[] = [];
  const missing = capabilities.filter(({ available: there }) => !there).map(toMissing);
  for (const [done, { name, needs, create }] of candidates.entries()) {
    throwIfCancelled(signal, 'The GPU run');
    onProgress?.({ phase: `running on ${name}`, done, total: candidates.length });
    if (needs !== null && !available(needs)) continue;
    try {
      using device = await create();
      devices.push(await measureDevice(device, graph, weights, checked, { repeats, ...cancellation }));
    } catch (error) {
      if (error instanceof CancelledError) throw error;
      missing.push({ name, reason: `it is there, but failed: ${(error as Error).message}`, remedy: null });
    }
  }
  onProgress?.({ phase: 'done', done: candidates.length, total: candidates.length });
  const { name, inputShape, outputShape } = graph;
  const model = { name, inputShape, outputShape };
  const cudaDetected = available('cuda');
  return { format: 'qedge-gpu-report', version: 1, model, capabilities, devices, missing, cudaDetected };
}

function toMissing({ name, reason, remedy }: Capability): MissingDevice {
  return { name, reason, remedy };
}

function bestTensorflow(available: (name: string) => boolean): string {
  const best = TENSORFLOW_LIBRARIES.find((library) => available(CAPABILITY_OF[library]));
  return CAPABILITY_OF[best ?? 'cpu'];
}

/** Loads only what the probes, in their child processes, found to work: a broken binary cannot end this process. */
async function createBestTfjsDevice(
  available: (name: string) => boolean,
  lookup: { readonly from?: string },
): Promise<Device> {
  const prefer = TENSORFLOW_LIBRARIES.filter((library) => available(CAPABILITY_OF[library]));
  const { tf, backend } = await loadTensorflow({ prefer, ...lookup });
  return createTfjsDevice(tf, { backend });
}

function assertPositiveIntegers(what: string, values: readonly number[]): void {
  if (values.length > 0 && values.every((value) => Number.isSafeInteger(value) && value > 0)) return;
  throw new InvalidArgumentError(`The option ${what} is out of range`, {
    expected: 'integers >= 1',
    actual: values.join(', ') || 'none',
  });
}
