import {
  type Fallback,
  InvalidArgumentError,
  isPrecision,
  type OperatorGraph,
  type OperatorModel,
  type Precision,
  UseAfterReleaseError,
  type WeightSource,
} from '@qedge/core';
import { LazyModel } from '@qedge/memory';
import { type MappedFile, mapFile, saveModelFile } from '@qedge/memory/node';
import type { KernelEngine } from '../engine/kernel-engine.ts';
import { compileGraph } from './compile-graph.ts';
import type { CompiledGraph } from './compiled-graph.ts';
import { MappedWeights } from './mapped-weights.ts';
import type { CustomOperators } from './operators/custom-operator.ts';
import { optimizeGraph } from './passes/optimize-graph.ts';
import { RecordedWeights } from './prepared-weights.ts';
import { validateGraph } from './validate-graph.ts';

/** Options of {@link savePreparedModel}. */
export interface SavePreparedModelOptions {
  /** The precisions whose weights are packed; default `['float32']`. They share one file. */
  readonly precisions?: readonly Precision[];
  /** Operators of the user that nodes of kind `custom` name. */
  readonly customs?: CustomOperators;
}

/**
 * Writes a `.qez` file that holds the optimised graph, its constants, and its weights as the kernels of this engine read them, for
 * each precision. Where it is opened on an engine whose kernels want another layout, weights are packed again from the constants.
 *
 * @returns the size of the file in bytes.
 * @throws as `compileGraph`, and as `saveModelFile` of `@qedge/memory`.
 * @example
 * await savePreparedModel('model.qez', importOnnx(readOnnx(bytes)), engine, { precisions: ['float32', 'int8'] });
 */
export async function savePreparedModel(
  path: string,
  model: OperatorModel,
  engine: KernelEngine,
  options: SavePreparedModelOptions = {},
): Promise<number> {
  const { precisions = ['float32'], customs = {} } = options;
  const optimized = optimizeGraph(model).model;
  const recorded = new RecordedWeights();
  for (const precision of precisions) {
    compileGraph(optimized, engine, {
      ...{ precision, customs, optimize: false },
      packedWeights: () => recorded,
    }).dispose();
  }
  return saveModelFile(path, {
    graph: optimized.graph,
    tensors: optimized.weights,
    sections: recorded.sections().map(({ key, bytes }) => ({
      key,
      byteLength: bytes.byteLength,
      read: () => [bytes],
    })),
    metadata: { precisions },
  });
}

/** Options of {@link PreparedModel.compile}. */
export interface CompilePreparedOptions {
  /** Default `float32`. One that was not prepared is packed now. */
  readonly precision?: Precision;
  readonly customs?: CustomOperators;
}

/**
 * A model file whose weights are used where they lie. Made by {@link openPreparedModel}. What it compiled keeps the pages of the file
 * until it is disposed.
 */
export class PreparedModel implements Disposable {
  /** Optimised; borrowed. */
  readonly graph: OperatorGraph;
  /** What the file was prepared for. */
  readonly precisions: readonly Precision[];
  readonly #file: MappedFile;
  readonly #model: LazyModel;
  #disposed = false;

  /** @internal Use {@link openPreparedModel}. */
  constructor(file: MappedFile) {
    this.#file = file;
    this.#model = LazyModel.fromSource(file.share());
    try {
      this.graph = validateGraph(this.#model.operatorGraph);
    } catch (error) {
      this.#model.dispose();
      throw error;
    }
    const { precisions } = this.#model.metadata;
    this.precisions = Array.isArray(precisions) ? precisions.filter(isPrecision) : [];
  }

  /** The graph's constants, for those who compile it themselves. Valid until `dispose`. */
  get weights(): WeightSource {
    return this.#model;
  }

  /** `mapped` where pages are read when they are touched, `copied` where the system cannot map files. */
  get loading(): 'mapped' | 'copied' {
    return this.#file.loading;
  }

  /** Why the file is not mapped. */
  get fallbacks(): readonly Fallback[] {
    return this.#file.fallbacks;
  }

  get fileByteLength(): number {
    return this.#file.byteLength;
  }

  /**
   * Compiles the graph; weights that were packed for this engine's kernels are not packed again, and where the file is mapped neither read nor
   * copied. `memory.mappedBytes` of the result says how many were found.
   *
   * @throws as `compileGraph`, FileFormatError when the file was truncated or replaced, UseAfterReleaseError after `dispose`.
   */
  compile(
    engine: KernelEngine,
    { precision = 'float32', customs = {} }: CompilePreparedOptions = {},
  ): CompiledGraph {
    if (this.#disposed) throw new UseAfterReleaseError('A prepared model was compiled after dispose()');
    const model = { graph: this.graph, weights: this.#model };
    return compileGraph(model, engine, {
      ...{ precision, customs, optimize: false },
      packedWeights: (arena) => new MappedWeights(this.#file, this.#model, arena, engine.isa),
    });
  }

  /**
   * Compares all packed weights with their checksums, which reads them.
   *
   * @throws FileFormatError for damage, UseAfterReleaseError after `dispose`.
   */
  verify(): void {
    for (const key of this.#model.sectionKeys()) this.#model.verifySection(key);
  }

  /** Closes the file. What was compiled stays usable until it is disposed itself. Further calls do nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#model.dispose();
    this.#file.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

/**
 * Opens what {@link savePreparedModel} wrote: maps the file and reads its header. Weights are not read before a run touches them, nor compared with their
 * checksums ({@link PreparedModel.verify}).
 *
 * @throws FileNotFoundError, FileFormatError for what is no such file, UnsupportedError for a graph of another kind.
 * @example
 * using prepared = openPreparedModel('model.qez');
 * using compiled = prepared.compile(engine, { precision: 'int8' });
 */
export function openPreparedModel(path: string): PreparedModel {
  if (typeof path !== 'string') {
    throw new InvalidArgumentError('A path is of the wrong kind', {
      expected: 'a string',
      actual: typeof path,
    });
  }
  const file = mapFile(path);
  try {
    return new PreparedModel(file);
  } catch (error) {
    file.dispose();
    throw error;
  }
}
