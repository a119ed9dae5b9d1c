import {
  type Clock,
  elementCount,
  type Fallback,
  InvalidArgumentError,
  isPrecision,
  type Precision,
  type ProgressListener,
  type Shape,
  ShapeMismatchError,
  systemClock,
  throwIfCancelled,
  UseAfterReleaseError,
} from '@qedge/core';
import type { KernelEngine } from '../engine/kernel-engine.ts';
import { compileGraph } from '../graph/compile-graph.ts';
import type { CompiledGraph } from '../graph/compiled-graph.ts';
import type { CustomOperators } from '../graph/operators/custom-operator.ts';
import { checkInteger } from '../graph/operators/input-checks.ts';
import { inputShapesOf, type ModelSource, type SourceInput } from './model-source.ts';
import {
  fillInputs,
  fillSample,
  type InputValues,
  type OutputValues,
  requireBatchAxis,
  requireInputs,
  requireSamples,
  sampleOf,
} from './run-values.ts';

/** Options of {@link OptimizedInferenceEngine}. */
export interface InferenceOptions {
  /** Sizes that the model leaves open, as whole shapes by input; the first size, where it is open, is the batch and does not matter. */
  readonly inputShapes?: Readonly<Record<string, Shape>>;
  /** What `run` computes at unless it is told otherwise. Default `float32`. */
  readonly precision?: Precision;
  /** Operators that the model has and this library does not. */
  readonly customs?: CustomOperators;
  /** Default: the machine's own clock. */
  readonly clock?: Clock;
}

/** Options of one run. */
export interface InferenceRunOptions {
  /** Default: that of the engine. Prepared when it is first asked for; see {@link OptimizedInferenceEngine.warm}. */
  readonly precision?: Precision;
}

/** What an engine did to be ready, and what it holds. */
export interface InferenceReport {
  readonly name: string;
  /** What executes. */
  readonly isa: string;
  readonly threads: number;
  /** Of the kernels, of the file where it cannot be mapped, and of precisions that the file was not prepared for. */
  readonly fallbacks: readonly Fallback[];
  /** Every prepared combination. */
  readonly variants: readonly {
    readonly precision: Precision;
    readonly batch: number;
    /** From the model to kernels, the first run not included. */
    readonly planMs: number;
    readonly memory: CompiledGraph['memory'];
    readonly graph: CompiledGraph['report'];
  }[];
}

interface Variant {
  readonly compiled: CompiledGraph;
  readonly planMs: number;
}

/**
 * A model that is ready to answer: made once, then run synchronously without allocating. Graphs are prepared per batch size and precision,
 * when they are first used or by {@link warm}, and kept. One run at a time.
 *
 * @example
 * using engine = await loadModel('model.onnx', { inputShapes: { x: [1, 3, 48, 192] } });
 * engine.warm({ batch: 8 });
 * const { y } = engine.run({ x: pixels });
 */
export class OptimizedInferenceEngine implements Disposable {
  readonly name: string;
  /** What `run` wants; `null` is a size that was or is chosen, first the batch. */
  readonly inputs: readonly SourceInput[];
  readonly precision: Precision;
  readonly #source: ModelSource;
  readonly #kernels: KernelEngine;
  readonly #options: InferenceOptions;
  readonly #clock: Clock;
  /** The input whose length tells the batch of a run; null where the model has no inputs. */
  readonly #batched: BatchedInput | null;
  readonly #inputNames: ReadonlySet<string>;
  /** By precision, then batch. */
  readonly #variants = new Map<Precision, Map<number, Variant>>();
  #disposed = false;

  /**
   * Made by `loadModel`. Owns source and kernels from here on.
   *
   * @throws InvalidArgumentError for sizes that are left open or a precision that is none.
   */
  constructor(source: ModelSource, kernels: KernelEngine, options: InferenceOptions = {}) {
    const { precision = 'float32', clock = systemClock } = options;
    const single = requireInferenceOptions(source, options);
    this.name = source.name;
    this.inputs = source.inputs;
    this.precision = precision;
    this.#source = source;
    this.#kernels = kernels;
    this.#options = options;
    this.#clock = clock;
    this.#batched = batchedInput(source, single);
    this.#inputNames = new Set(source.inputs.map((input) => input.name));
  }

  /**
   * Prepares a batch size and precision and runs it once on what its inputs hold, zeros at first, so that the first answer is as quick as the others.
   *
   * @throws UnsupportedError naming the nodes that cannot be computed, CancelledError, UseAfterReleaseError after `dispose`.
   */
  warm({ batch = 1, precision = this.precision, signal }: WarmOptions = {}): void {
    this.prepare(batch, precision, signal).run();
  }

  /**
   * The prepared graph of a batch size and precision: fill its `inputs`, call `run`, read its `outputs`. The way with the least copying.
   * Belongs to the engine.
   *
   * @throws as {@link warm}.
   */
  prepare(batch: number, precision: Precision = this.precision, signal?: AbortSignal): CompiledGraph {
    if (this.#disposed)
      throw new UseAfterReleaseError(`The engine of "${this.name}" was used after dispose()`);
    const known = this.#variants.get(precision)?.get(batch);
    return (known ?? this.#compile(batch, precision, signal)).compiled;
  }

  /**
   * Runs the model. The batch is what the length of the first input that has one says. Allocates nothing once that batch is prepared.
   *
   * @param inputs every input, row-major; copied.
   * @returns every output; the arrays are borrowed until the next run of this batch size and precision.
   * @throws ShapeMismatchError for lengths that fit no batch, InvalidArgumentError for a missing or unknown input or another type of array,
   *   and as {@link warm}.
   */
  run(inputs: InputValues, options?: InferenceRunOptions): OutputValues {
    requireInputs(this.#inputNames, inputs);
    const compiled = this.prepare(this.#batchOf(inputs), options?.precision ?? this.precision);
    fillInputs(compiled, inputs);
    compiled.run();
    return compiled.outputs;
  }

  /**
   * Runs many samples in batches, and lets other work and cancellation happen between them.
   *
   * @param samples inputs of one sample each; borrowed.
   * @returns outputs of each sample, owned by the caller, for outputs whose first axis is the batch.
   * @throws CancelledError, UnsupportedError for an input or output that has no batch axis, and as {@link run}.
   */
  async runBatch(samples: readonly InputValues[], options: BatchOptions = {}): Promise<OutputValues[]> {
    const {
      batch = this.#batched?.isOpen ? 32 : 1,
      precision = this.precision,
      signal,
      onProgress,
    } = options;
    checkInteger(batch, 'The batch', 1);
    requireSamples(this.#inputNames, samples);
    const results: OutputValues[] = [];
    const size = Math.min(batch, samples.length);
    for (let from = 0; from < samples.length; from += size) {
      throwIfCancelled(signal, 'Inference');
      const part = samples.slice(from, from + size);
      // A last, smaller part leaves old samples behind its own: cheaper than to prepare another batch size.
      const compiled = this.prepare(size, precision, signal);
      requireBatchAxis(compiled, size);
      for (const [at, sample] of part.entries()) fillSample(compiled, sample, at, size);
      compiled.run();
      for (let at = 0; at < part.length; at++) results.push(sampleOf(compiled, at, size));
      onProgress?.({ phase: 'inference', done: results.length, total: samples.length });
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    return results;
  }

  /** What was prepared, and what it holds. */
  report(): InferenceReport {
    const variants = [...this.#variants].flatMap(([precision, byBatch]) =>
      [...byBatch].map(([batch, { compiled, planMs }]) => {
        return { precision, batch, planMs, memory: compiled.memory, graph: compiled.report };
      }),
    );
    const { isa, threads } = this.#kernels;
    const fallbacks = [
      ...this.#kernels.fallbacks,
      ...(this.#source.file?.fallbacks ?? []),
      ...this.#unpreparedPrecisions(),
    ];
    return { name: this.name, isa, threads, fallbacks, variants };
  }

  /** Gives graphs, kernels, threads and the file back. Further calls do nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const byBatch of this.#variants.values())
      for (const { compiled } of byBatch.values()) compiled.dispose();
    this.#variants.clear();
    this.#kernels.dispose();
    this.#source.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Packing takes time and memory that a file of packed weights is made to save. */
  #unpreparedPrecisions(): Fallback[] {
    const { precisions } = this.#source;
    if (precisions === undefined) return [];
    return [...this.#variants.keys()]
      .filter((precision) => !precisions.includes(precision))
      .map((precision) => ({
        from: `${precision} weights of the file`,
        to: 'weights packed when they were first asked for',
        why: `the file was prepared for ${precisions.join(', ')}`,
      }));
  }

  #compile(batch: number, precision: Precision, signal: AbortSignal | undefined): Variant {
    requirePrecision(precision);
    checkInteger(batch, 'The batch', 1);
    const { inputShapes = {}, customs = {} } = this.#options;
    const startMs = this.#clock.nowMs();
    throwIfCancelled(signal, 'Preparing a model');
    const shapes = inputShapesOf(this.#source, inputShapes, batch);
    const compiled =
      this.#source.compile?.(this.#kernels, { precision, customs }) ??
      compileGraph(this.#source.specialize(shapes), this.#kernels, { precision, customs });
    const variant = { compiled, planMs: this.#clock.nowMs() - startMs };
    const byBatch = this.#variants.get(precision) ?? new Map<number, Variant>();
    byBatch.set(batch, variant);
    this.#variants.set(precision, byBatch);
    return variant;
  }

  #batchOf(inputs: InputValues): number {
    const batched = this.#batched;
    if (batched === null) return 1;
    const { name, sampleSize } = batched;
    const values = inputs[name];
    const batch = values!.length / sampleSize;
    if (Number.isInteger(batch) && batch >= 1 && (batch === 1 || batched.isOpen)) return batch;
    throw new ShapeMismatchError(`The input "${name}" holds no whole number of samples`, {
      expected: batched.isOpen ? `a multiple of ${sampleSize} numbers` : `${sampleSize} numbers`,
      actual: `${values!.length} numbers`,
    });
  }
}

interface BatchedInput {
  readonly name: string;
  /** Numbers per sample, or all of them where the batch is not open. */
  readonly sampleSize: number;
  readonly isOpen: boolean;
}

function batchedInput({ inputs }: ModelSource, single: Readonly<Record<string, Shape>>): BatchedInput | null {
  const open = inputs.find(({ shape }) => shape[0] === null);
  const input = open ?? inputs[0];
  if (input === undefined) return null;
  return { name: input.name, sampleSize: elementCount(single[input.name]!), isOpen: open !== undefined };
}

/** Options of {@link OptimizedInferenceEngine.warm}. */
export interface WarmOptions extends InferenceRunOptions {
  /** Default 1. */
  readonly batch?: number;
  readonly signal?: AbortSignal;
}

/** Options of {@link OptimizedInferenceEngine.runBatch}. */
export interface BatchOptions extends WarmOptions {
  /** Samples per call; default 32, or 1 where the model has a fixed batch. The last batch may be smaller. */
  readonly batch?: number;
  readonly onProgress?: ProgressListener;
}

/**
 * Checks what can be checked before kernels and threads are made.
 *
 * @returns the shapes of all inputs for one sample.
 * @throws as the constructor of {@link OptimizedInferenceEngine}.
 */
export function requireInferenceOptions(
  source: ModelSource,
  { precision = 'float32', inputShapes = {} }: InferenceOptions,
): Record<string, Shape> {
  requirePrecision(precision);
  return inputShapesOf(source, inputShapes, 1);
}

function requirePrecision(precision: unknown): void {
  if (isPrecision(precision)) return;
  throw new InvalidArgumentError('The precision is not known', {
    expected: 'float32, float16, int8 or int4',
    actual: precision,
  });
}
