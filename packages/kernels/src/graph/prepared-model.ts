import {
  CapabilityUnavailableError,
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
import { KernelEngine } from '../engine/kernel-engine.ts';
import { compileGraph } from './compile-graph.ts';
import type { CompiledGraph } from './compiled-graph.ts';
import { MappedWeights } from './mapped-weights.ts';
import type { CustomOperators } from './operators/custom-operator.ts';
import { optimizeGraph } from './passes/optimize-graph.ts';
import { RecordedWeights } from './prepared-weights.ts';
import { loadProgram } from './program/load-program.ts';
import { PROGRAM_VERSION, type ProgramTarget, parseProgramKey, programKey } from './program/program.ts';
import { decodeProgram, encodeProgram } from './program/program-bytes.ts';
import { recordProgram } from './program/record-program.ts';
import { validateGraph } from './validate-graph.ts';

/** Options of {@link savePreparedModel}. */
export interface SavePreparedModelOptions {
  /** The precisions whose weights are packed; default `['float32']`. They share one file. */
  readonly precisions?: readonly Precision[];
  /** Operators of the user that nodes of kind `custom` name. */
  readonly customs?: CustomOperators;
}

/** A program of a prepared file. */
export interface PreparedProgramReport extends ProgramTarget {
  /** Why the file has no such program although it was asked for; null where it has one. */
  readonly reason: string | null;
}

/**
 * Writes a `.qez` file that holds the optimised graph, its constants, and for each engine and precision the weights as its kernels read
 * them and a program: the plan and the code of the kernels, generated and checked now. Opened for the same instruction set, number
 * of threads and precision, nothing is planned or generated. Elsewhere, all is done again from the graph and its constants.
 *
 * Graphs that call functions between kernels (operators of the user, checks of indices) have no program; {@link PreparedModel.programs} says why.
 *
 * @param engines what the file is for. With one for WebAssembly (`createKernelEngine({ isa: 'wasm-strict' })`), `openPreparedProgram` of
 *   `@qedge/kernels/prepared` opens the file, too.
 * @returns the size of the file in bytes.
 * @throws as `compileGraph`, and as `saveModelFile` of `@qedge/memory`; InvalidArgumentError without an engine.
 * @example
 * await savePreparedModel('model.qez', importOnnx(readOnnx(bytes)), engine, { precisions: ['float32', 'int8'] });
 */
export async function savePreparedModel(
  path: string,
  model: OperatorModel,
  engines: KernelEngine | readonly KernelEngine[],
  options: SavePreparedModelOptions = {},
): Promise<number> {
  const { precisions = ['float32'], customs = {} } = options;
  const all: readonly KernelEngine[] = engines instanceof KernelEngine ? [engines] : engines;
  if (all.length === 0) {
    throw new InvalidArgumentError('A model is prepared for no engine', { expected: 'one or more' });
  }
  const optimized = optimizeGraph(model).model;
  const sections = new Map<string, Uint8Array>();
  const programs: PreparedProgramReport[] = [];
  for (const engine of all) {
    for (const precision of precisions) {
      const recorded = new RecordedWeights();
      const target = { precision, customs, optimize: false };
      compileGraph(optimized, engine, { ...target, packedWeights: () => recorded }).dispose();
      for (const { key, bytes } of recorded.sections()) if (!sections.has(key)) sections.set(key, bytes);
      const { program, reason } = recordProgram(optimized, engine, recorded, target);
      const report = { ...targetOf(engine, precision), reason };
      if (program !== null) sections.set(programKey(report), encodeProgram(program));
      programs.push(report);
    }
  }
  return saveModelFile(path, {
    graph: optimized.graph,
    tensors: optimized.weights,
    sections: [...sections].map(([key, bytes]) => ({
      key,
      byteLength: bytes.byteLength,
      read: () => [bytes],
    })),
    metadata: { precisions, programs },
  });
}

/** What a file says may be anything. */
function isProgramReport(value: unknown): value is PreparedProgramReport {
  if (typeof value !== 'object' || value === null) return false;
  const { isa, strict, threads, precision, reason } = value as Record<string, unknown>;
  const isTold = reason === null || typeof reason === 'string';
  const isTarget = typeof isa === 'string' && typeof strict === 'boolean' && typeof threads === 'number';
  return isTold && isTarget && typeof precision === 'string';
}

function targetOf({ isa, strict, threads }: KernelEngine, precision: Precision): ProgramTarget {
  return { isa, strict, threads, precision };
}

/** Options of {@link PreparedModel.compile}. */
export interface CompilePreparedOptions {
  /** Default `float32`. One that was not prepared is packed now. */
  readonly precision?: Precision;
  readonly customs?: CustomOperators;
}

/** Options of {@link openPreparedModel}. */
export interface OpenPreparedModelOptions {
  /**
   * True: machine code in the file may be run, as that of a native library is: it can do whatever this process can. For files that come from where your
   * programs come from. Default false: code for the processor is generated here; WebAssembly in the file is used either way, because it
   * reaches nothing but a memory of its own.
   */
  readonly trusted?: boolean;
}

/**
 * A model file whose weights are used where they lie. Made by {@link openPreparedModel}. What it compiled keeps the pages of the file
 * until it is disposed.
 */
export class PreparedModel implements Disposable {
  /** What the file was prepared for. */
  readonly precisions: readonly Precision[];
  readonly #file: MappedFile;
  readonly #model: LazyModel;
  readonly #trusted: boolean;
  readonly #storedGraph: OperatorGraph;
  #graph: OperatorGraph | null = null;
  #disposed = false;

  /** @internal Use {@link openPreparedModel}. */
  constructor(file: MappedFile, trusted: boolean) {
    this.#file = file;
    this.#trusted = trusted;
    this.#model = LazyModel.fromSource(file.share());
    try {
      this.#storedGraph = this.#model.operatorGraph;
    } catch (error) {
      this.#model.dispose();
      throw error;
    }
    const { precisions } = this.#model.metadata;
    this.precisions = Array.isArray(precisions) ? precisions.filter(isPrecision) : [];
  }

  /**
   * Optimised; borrowed. Checked when it is first asked for: a program needs no graph.
   *
   * @throws what `validateGraph` throws for a graph that is none.
   */
  get graph(): OperatorGraph {
    this.#graph ??= validateGraph(this.#storedGraph);
    return this.#graph;
  }

  /** The programs that the file holds or was to hold. As its writer says: those that it holds are checked when they are used. */
  get programs(): readonly PreparedProgramReport[] {
    const { programs } = this.#model.metadata;
    return Array.isArray(programs) ? programs.filter(isProgramReport) : [];
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
   * Makes the graph ready to run. Where the file has a program for this engine and precision, its code is loaded, after its checksum was
   * compared. Else the graph is compiled, and `report.reason` of the result says why. Weights that were packed for this engine's kernels
   * are not packed again, and where the file is mapped neither read nor copied; `memory.mappedBytes` says how many were found.
   *
   * @throws as `compileGraph`, FileFormatError for a damaged or impossible program and when the file was truncated or replaced,
   *   UseAfterReleaseError after `dispose`.
   */
  compile(
    engine: KernelEngine,
    { precision = 'float32', customs = {} }: CompilePreparedOptions = {},
  ): CompiledGraph {
    if (this.#disposed) throw new UseAfterReleaseError('A prepared model was compiled after dispose()');
    const target = targetOf(engine, precision);
    let reason = this.#whyNoProgram(target);
    if (reason === null) {
      try {
        return this.#load(engine, programKey(target));
      } catch (error) {
        if (!(error instanceof CapabilityUnavailableError)) throw error;
        reason = error.message;
      }
    }
    // Checked there, with the operators of the user. A file that was not prepared holds a graph as it was made.
    const model = { graph: this.#storedGraph, weights: this.#model };
    if (this.precisions.length === 0) return compileGraph(model, engine, { precision, customs, reason });
    return compileGraph(model, engine, {
      ...{ precision, customs, optimize: false, reason },
      packedWeights: (arena) => new MappedWeights(this.#file, this.#model, arena, engine.isa),
    });
  }

  #load(engine: KernelEngine, key: string): CompiledGraph {
    const [file, model] = [this.#file, this.#model];
    model.verifySection(key);
    return model.borrowSection(key, (bytes) => {
      return loadProgram(decodeProgram(bytes, file.name), engine, { file, model });
    });
  }

  #whyNoProgram(target: ProgramTarget): string | null {
    const key = programKey(target);
    if (this.#model.section(key) !== null) {
      if (this.#trusted || target.isa.startsWith('wasm')) return null;
      return 'the file holds machine code, which is run only where it is opened with { trusted: true }';
    }
    const { isa, threads, precision } = target;
    const wanted = `${isa}, ${threads} ${threads === 1 ? 'thread' : 'threads'}, ${precision}`;
    const others = this.#model.sectionKeys().map(parseProgramKey);
    const known = others.find((other) => other !== null && programKey(other.target) === key);
    if (known) return `the program for ${wanted} is of version ${known.version}, not ${PROGRAM_VERSION}`;
    const said = this.programs.find(({ reason, ...other }) => reason && programKey(other) === key);
    return `the file holds no program for ${wanted}${said ? `: ${said.reason}` : ''}`;
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
 * @param options whether its machine code may be run; see {@link OpenPreparedModelOptions.trusted}.
 * @throws FileNotFoundError, FileFormatError for what is no such file, UnsupportedError for a graph of another kind.
 * @example
 * using prepared = openPreparedModel('model.qez', { trusted: true });
 * using compiled = prepared.compile(engine, { precision: 'int8' });
 */
export function openPreparedModel(
  path: string,
  { trusted = false }: OpenPreparedModelOptions = {},
): PreparedModel {
  if (typeof path !== 'string') {
    throw new InvalidArgumentError('A path is of the wrong kind', {
      expected: 'a string',
      actual: typeof path,
    });
  }
  const file = mapFile(path);
  try {
    return new PreparedModel(file, trusted);
  } catch (error) {
    file.dispose();
    throw error;
  }
}
