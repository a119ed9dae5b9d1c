import {
  CapabilityUnavailableError,
  type CompiledModel,
  type CompileOptions,
  type Device,
  type Fallback,
  type ModelGraph,
  UseAfterReleaseError,
  type WeightSource,
} from '@qedge/core';
import {
  checkRunArguments,
  type Float32Model,
  type Float32Step,
  loadFloat32Model,
} from '../float32-model.ts';
import { assertIdle } from '../model-use.ts';
import type { TensorflowNamespace } from './tensorflow-namespace.ts';

/** The namespace that `@tensorflow/tfjs`, `@tensorflow/tfjs-node` and `@tensorflow/tfjs-node-gpu` all export. */
export type Tensorflow = typeof import('@tensorflow/tfjs');

type Tensor = import('@tensorflow/tfjs').Tensor;
type Tensor2D = import('@tensorflow/tfjs').Tensor2D;
type Tensor1D = import('@tensorflow/tfjs').Tensor1D;

/** Options of {@link createTfjsDevice}. */
export interface TfjsDeviceOptions {
  /** A backend that is registered with this `tf`, e.g. `cpu`, `wasm`, `webgl`, `tensorflow`; default: the current one. */
  readonly backend?: string;
}

/**
 * A device that runs model graphs on TensorFlow.js: on any backend that is registered with the namespace given.
 *
 * TensorFlow.js keeps one current backend per namespace. The device makes its own backend current whenever it works,
 * so several devices may share a namespace; other code that uses it must choose its backend again afterwards.
 *
 * @throws CapabilityUnavailableError when the backend is not registered or does not start.
 * @example
 * import * as tf from '@tensorflow/tfjs';
 * using device = await createTfjsDevice(tf, { backend: 'cpu' });
 */
export async function createTfjsDevice(
  namespace: TensorflowNamespace,
  options: TfjsDeviceOptions = {},
): Promise<Device> {
  // Every namespace of TensorFlow.js has what is used of it here; only programs need not know its types.
  const tf = namespace as Tensorflow;
  if (options.backend === undefined) await tf.ready();
  const backend = options.backend ?? tf.getBackend();
  await activateBackend(tf, backend);
  return new TfjsDevice(tf, backend);
}

async function activateBackend(tf: Tensorflow, backend: string): Promise<void> {
  if (tf.findBackendFactory(backend) === null) {
    throw new CapabilityUnavailableError(`TensorFlow.js has no backend "${backend}"`, {
      expected: 'a backend that is registered with the tf namespace given',
      actual: backend,
      remedy:
        backend === 'wasm'
          ? 'Install it with `npm install @tensorflow/tfjs-backend-wasm` and import it before use'
          : 'Import the package that registers it before use',
    });
  }
  if (tf.getBackend() === backend) return tf.ready();
  if (!(await tf.setBackend(backend))) {
    throw new CapabilityUnavailableError(`The TensorFlow.js backend "${backend}" did not start`, {
      remedy: 'TensorFlow.js has printed the cause as a warning',
    });
  }
}

/**
 * Makes a started backend the current one, before anything else can run: `setBackend` answers with a promise, but for a
 * backend that has started it switches at once.
 */
function makeBackendCurrent(tf: Tensorflow, backend: string): void {
  if (tf.getBackend() !== backend) void tf.setBackend(backend);
  if (tf.getBackend() === backend) return;
  throw new CapabilityUnavailableError(`The TensorFlow.js backend "${backend}" is gone`, {
    expected: backend,
    actual: tf.getBackend(),
    remedy: 'Do not remove a backend while a device uses it',
  });
}

class TfjsDevice implements Device {
  readonly kind = 'tfjs';
  readonly name: string;
  readonly precisions = ['float32'] as const;
  readonly fallbacks: readonly Fallback[] = [];
  readonly #tf: Tensorflow;
  readonly #backend: string;
  readonly #models = new Set<TfjsModel>();
  #disposed = false;

  constructor(tf: Tensorflow, backend: string) {
    this.#tf = tf;
    this.#backend = backend;
    this.name = `tfjs (${backend})`;
  }

  async compile(graph: ModelGraph, weights: WeightSource, options: CompileOptions): Promise<CompiledModel> {
    if (this.#disposed) throw new UseAfterReleaseError(`The device ${this.name} was disposed`);
    const source = loadFloat32Model('tfjs', graph, weights, options);
    const model = new TfjsModel(this.#tf, this.#backend, this.name, source, options.maxBatch, () =>
      this.#models.delete(model),
    );
    this.#models.add(model);
    return model;
  }

  dispose(): void {
    this.#disposed = true;
    for (const model of this.#models) model.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/** One step with its weights on the backend. */
interface UploadedStep {
  readonly step: Float32Step;
  readonly kernel: Tensor2D | null;
  readonly bias: Tensor1D | null;
}

class TfjsModel implements CompiledModel {
  readonly device: string;
  readonly precision = 'float32';
  readonly maxBatch: number;
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  readonly memory: { readonly weightBytes: number; readonly bufferBytes: number };
  readonly #tf: Tensorflow;
  readonly #backend: string;
  readonly #sizes: { readonly inputSize: number; readonly outputSize: number; readonly maxBatch: number };
  readonly #onDispose: () => void;
  #steps: readonly UploadedStep[];
  #disposed = false;
  #running = false;

  constructor(
    tf: Tensorflow,
    backend: string,
    device: string,
    source: Float32Model,
    maxBatch: number,
    onDispose: () => void,
  ) {
    this.#tf = tf;
    this.#backend = backend;
    this.device = device;
    this.maxBatch = maxBatch;
    this.inputShape = source.graph.inputShape;
    this.outputShape = source.graph.outputShape;
    // Activations are allocated by TensorFlow.js as it goes, so no buffer is held between runs.
    this.memory = { weightBytes: source.weightBytes, bufferBytes: 0 };
    this.#sizes = { inputSize: source.inputSize, outputSize: source.outputSize, maxBatch };
    this.#onDispose = onDispose;
    makeBackendCurrent(tf, backend);
    this.#steps = uploadSteps(tf, source.steps);
  }

  async run(input: Float32Array, output: Float32Array, batch: number): Promise<void> {
    assertIdle(this.device, this.#disposed, this.#running);
    checkRunArguments(this.#sizes, input, output, batch);
    this.#running = true;
    try {
      makeBackendCurrent(this.#tf, this.#backend);
      const result = this.#tf.tidy(() => execute(this.#tf, this.#steps, input, batch));
      try {
        output.set((await result.data()) as Float32Array);
      } finally {
        result.dispose();
      }
    } finally {
      this.#running = false;
    }
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const { kernel, bias } of this.#steps) {
      kernel?.dispose();
      bias?.dispose();
    }
    this.#steps = [];
    this.#onDispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function uploadSteps(tf: Tensorflow, steps: readonly Float32Step[]): UploadedStep[] {
  const uploaded: Tensor[] = [];
  const upload = <Uploaded extends Tensor>(tensor: Uploaded): Uploaded => {
    uploaded.push(tensor);
    return tensor;
  };
  try {
    return steps.map((step) => {
      if (step.kind !== 'dense') return { step, kernel: null, bias: null };
      // tensor() may keep the array it is given, and the source may be released after compile: hand it a copy.
      const kernel = upload(tf.tensor2d(step.kernel.slice(), [step.inputSize, step.units], 'float32'));
      const bias = step.bias === null ? null : upload(tf.tensor1d(step.bias.slice(), 'float32'));
      return { step, kernel, bias };
    });
  } catch (error) {
    // A backend that runs out of memory halfway must not keep the first half.
    for (const tensor of uploaded) tensor.dispose();
    throw error;
  }
}

function execute(tf: Tensorflow, steps: readonly UploadedStep[], input: Float32Array, batch: number): Tensor {
  // Copied for the same reason: the caller may overwrite its input once run() has returned a promise.
  let values: Tensor = tf.tensor2d(input.slice(), [batch, input.length / batch], 'float32');
  for (const { step, kernel, bias } of steps) {
    if (step.kind === 'dense') {
      const activation = step.relu ? 'relu' : 'linear';
      values = tf.fused.matMul({ a: values as Tensor2D, b: kernel!, bias: bias ?? undefined, activation });
    } else {
      const rows = tf.reshape(values, [batch * step.rowsPerSample, step.width]);
      values = tf.reshape(tf.softmax(rows), [batch, step.rowsPerSample * step.width]);
    }
  }
  return values;
}
