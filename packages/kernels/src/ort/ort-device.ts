import {
  CapabilityUnavailableError,
  type CompiledModel,
  type CompileOptions,
  type Device,
  type Fallback,
  type ModelGraph,
  throwIfCancelled,
  UseAfterReleaseError,
  type WeightSource,
} from '@qedge/core';
import { checkRunArguments, type Float32Model, loadFloat32Model } from '../float32-model.ts';
import { assertIdle } from '../model-use.ts';
import { encodeOnnxModel, ONNX_INPUT, ONNX_OUTPUT } from './onnx-model.ts';
import type { OnnxRuntime, OnnxSession } from './onnx-runtime.ts';

/** Options of {@link createOrtDevice}. */
export interface OrtDeviceOptions {
  /** Execution providers in order of preference, e.g. `['cuda', 'cpu']` or `['webgpu', 'wasm']`; default: what ONNX Runtime takes. */
  readonly executionProviders?: readonly string[];
  /**
   * Threads per run of onnxruntime-node, 1 or more; default: what ONNX Runtime takes (all cores). onnxruntime-web has
   * `env.wasm.numThreads` instead, to be set before its first use.
   */
  readonly threads?: number;
}

/**
 * A device that runs model graphs on ONNX Runtime, at float32. The graph is written as an ONNX model in memory; no file and no
 * converter is involved. Integer precisions are refused: ONNX defines other roundings for them, so their bits would differ.
 *
 * @param ort the namespace of `onnxruntime-node` or `onnxruntime-web`.
 * @throws CapabilityUnavailableError when ONNX Runtime or an execution provider does not start.
 * @example
 * import * as ort from 'onnxruntime-node';
 * using device = await createOrtDevice(ort, { threads: 1 });
 */
export async function createOrtDevice(ort: OnnxRuntime, options: OrtDeviceOptions = {}): Promise<Device> {
  const device = new OrtDevice(ort, options);
  await device.start();
  return device;
}

class OrtDevice implements Device {
  readonly kind = 'onnxruntime';
  readonly name: string;
  readonly precisions = ['float32'] as const;
  readonly fallbacks: readonly Fallback[] = [];
  readonly #ort: OnnxRuntime;
  readonly #options: OrtDeviceOptions;
  readonly #models = new Set<OrtModel>();
  #disposed = false;

  constructor(ort: OnnxRuntime, options: OrtDeviceOptions) {
    this.#ort = ort;
    this.#options = options;
    const { node, web } = ort.env.versions;
    const library = node ? `onnxruntime-node ${node}` : web ? `onnxruntime-web ${web}` : 'onnxruntime';
    const providers = options.executionProviders;
    this.name = providers ? `${library} (${providers.join(', ')})` : library;
  }

  /** Multiplies two numbers, so that a provider that does not start is found here and not in `compile`. */
  async start(): Promise<void> {
    try {
      const session = await this.#createSession({
        graph: {
          format: 'qedge-model-graph',
          version: 1,
          name: 'start',
          inputShape: [1],
          outputShape: [1],
          layers: [],
        },
        steps: [
          {
            kind: 'dense',
            name: '',
            inputSize: 1,
            units: 1,
            relu: false,
            kernel: Float32Array.of(2),
            bias: null,
          },
        ],
        inputSize: 1,
        outputSize: 1,
        widestSize: 1,
        weightBytes: 4,
      });
      await session.release();
    } catch (cause) {
      throw new CapabilityUnavailableError(`${this.name} does not start`, {
        actual: cause instanceof Error ? cause.message.split('\n')[0] : String(cause),
        remedy: 'Choose other executionProviders, or another device.',
        cause,
      });
    }
  }

  async compile(graph: ModelGraph, weights: WeightSource, options: CompileOptions): Promise<CompiledModel> {
    this.#assertAlive();
    const source = loadFloat32Model('onnxruntime', graph, weights, options);
    const session = await this.#createSession(source);
    try {
      this.#assertAlive();
      throwIfCancelled(options.signal, 'Compiling a model');
    } catch (error) {
      await session.release();
      throw error;
    }
    const onDispose = () => this.#models.delete(model);
    const model = new OrtModel(this.#ort, session, this.name, source, options.maxBatch, onDispose);
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

  #assertAlive(): void {
    if (this.#disposed) throw new UseAfterReleaseError(`The device ${this.name} was disposed`);
  }

  #createSession(source: Float32Model): Promise<OnnxSession> {
    const { executionProviders, threads } = this.#options;
    return this.#ort.InferenceSession.create(encodeOnnxModel(source), {
      ...(executionProviders ? { executionProviders } : {}),
      ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    });
  }
}

class OrtModel implements CompiledModel {
  readonly device: string;
  readonly precision = 'float32';
  readonly maxBatch: number;
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  readonly memory: { readonly weightBytes: number; readonly bufferBytes: number };
  readonly #ort: OnnxRuntime;
  readonly #session: OnnxSession;
  readonly #sizes: { readonly inputSize: number; readonly outputSize: number; readonly maxBatch: number };
  readonly #onDispose: () => void;
  /** ONNX Runtime reads the input after `run` has returned its promise: it gets a copy, so that the caller may go on. */
  #input: Float32Array;
  #disposed = false;
  #running = false;

  constructor(
    ort: OnnxRuntime,
    session: OnnxSession,
    device: string,
    source: Float32Model,
    maxBatch: number,
    onDispose: () => void,
  ) {
    this.#ort = ort;
    this.#session = session;
    this.device = device;
    this.maxBatch = maxBatch;
    this.inputShape = source.graph.inputShape;
    this.outputShape = source.graph.outputShape;
    this.#sizes = { inputSize: source.inputSize, outputSize: source.outputSize, maxBatch };
    this.#onDispose = onDispose;
    this.#input = new Float32Array(maxBatch * source.inputSize);
    // What ONNX Runtime allocates between layers is its own affair and not known.
    this.memory = { weightBytes: source.weightBytes, bufferBytes: this.#input.byteLength };
  }

  async run(input: Float32Array, output: Float32Array, batch: number): Promise<void> {
    assertIdle(this.device, this.#disposed, this.#running);
    checkRunArguments(this.#sizes, input, output, batch);
    this.#running = true;
    try {
      this.#input.set(input);
      const values = this.#input.subarray(0, input.length);
      const feed = new this.#ort.Tensor('float32', values, [batch, this.#sizes.inputSize]);
      const result = (await this.#session.run({ [ONNX_INPUT]: feed }))[ONNX_OUTPUT]!;
      output.set(result.data as Float32Array);
      result.dispose();
    } finally {
      this.#running = false;
      if (this.#disposed) this.#release();
    }
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#onDispose();
    // A session must not go while it runs.
    if (!this.#running) this.#release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #release(): void {
    this.#input = new Float32Array(0);
    // Nobody waits for it, and there is nothing left to do when it fails.
    this.#session.release().catch(() => {});
  }
}
