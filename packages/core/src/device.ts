import type { Fallback } from './capability.ts';
import type { EnergyFigure } from './energy.ts';
import type { ModelGraph } from './model-graph.ts';
import type { Precision } from './precision.ts';
import type { Shape } from './shape.ts';
import type { WeightSource } from './tensor.ts';

/** What kind of hardware or library executes a model. */
export type DeviceKind = 'cpu' | 'webgpu' | 'cuda' | 'tfjs' | 'onnxruntime' | 'parallel';

/** How a model is to be prepared for a device. */
export interface CompileOptions {
  readonly precision: Precision;
  /** The largest batch that `run` will be given; buffers are planned for it. At least 1. */
  readonly maxBatch: number;
  readonly signal?: AbortSignal;
}

/** Somewhere a model graph can run. @see docs/adr/0004-device-interface.md */
export interface Device extends Disposable {
  readonly kind: DeviceKind;
  /** For people: what executes, e.g. `cpu (wasm relaxed SIMD)`, `tfjs (wasm)`. */
  readonly name: string;
  readonly precisions: readonly Precision[];
  /** What was wanted but not had when the device was made. Empty when nothing was lost. */
  readonly fallbacks: readonly Fallback[];
  /**
   * Prepares a graph: checks the weights, packs them, plans the buffers. The weights may be released afterwards.
   *
   * @throws UnsupportedError for a layer or precision the device cannot do, NonFiniteValueError for NaN weights,
   *   ShapeMismatchError for weights that do not fit the graph, InvalidArgumentError for a missing weight or a `maxBatch` below
   *   1, CancelledError when the signal is aborted, UseAfterReleaseError after `dispose`. Nothing is kept after a throw.
   */
  compile(graph: ModelGraph, weights: WeightSource, options: CompileOptions): Promise<CompiledModel>;
  /** Gives everything back, the compiled models included. Further calls do nothing. */
  dispose(): void;
}

/** A model that is ready to run on one device at one precision. Not re-entrant: one run at a time. */
export interface CompiledModel extends Disposable {
  readonly device: string;
  readonly precision: Precision;
  readonly maxBatch: number;
  /** Without the batch. */
  readonly inputShape: Shape;
  /** Without the batch. */
  readonly outputShape: Shape;
  /** Bytes held for weights and for buffers. */
  readonly memory: { readonly weightBytes: number; readonly bufferBytes: number };
  /**
   * Runs `batch` samples. Reads `input` (`[batch, ...inputShape]`, row-major) and fills `output` (`[batch, ...outputShape]`);
   * both are borrowed for the call. A CPU device finishes before it returns and allocates nothing; others return a promise.
   *
   * @throws InvalidArgumentError for a batch outside 1..maxBatch, ShapeMismatchError when a length does not fit it,
   *   UseAfterReleaseError after the model's or the device's `dispose`.
   */
  run(input: Float32Array, output: Float32Array, batch: number): void | Promise<void>;
  /** Gives weights and buffers back. Further calls do nothing. */
  dispose(): void;
}

/** One inference with everything worth knowing about it. */
export interface InferenceResult {
  /** `[batch, ...outputShape]`, row-major; owned by the receiver. */
  readonly output: Float32Array;
  readonly batch: number;
  readonly precision: Precision;
  readonly device: string;
  readonly latencyMs: number;
  /** Null when no meter or model was given. */
  readonly energy: EnergyFigure | null;
  readonly fallbacks: readonly Fallback[];
}
