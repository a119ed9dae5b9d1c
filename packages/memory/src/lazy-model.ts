import {
  type Fallback,
  InvalidArgumentError,
  type ModelGraph,
  type OperatorGraph,
  type QuantizationParameters,
  type StoredTensor,
  type TensorSpec,
  UnsupportedError,
  UseAfterReleaseError,
  type WeightSource,
} from '@qedge/core';
import { type ByteSource, bytesInMemory } from './byte-source.ts';
import { FilePages, WINDOW_BYTES } from './file-pages.ts';
import type { LazyModelOptions } from './lazy-model-options.ts';
import { type EvictableMemory, MemoryBudget } from './memory-budget.ts';
import { crc32 } from './model-file/crc32.ts';
import { ENCODINGS } from './model-file/encodings.ts';
import type { ModelFileGraph } from './model-file/graph-json.ts';
import type { CheckedHeader, LocatedBytes, LocatedTensor, ModelMetadata } from './model-file/header.ts';
import { assertLittleEndianHost } from './model-file/little-endian.ts';
import { readHeader } from './model-file/read-header.ts';
import { assertChecksum, assertCodes } from './model-file/verify-payload.ts';
import type { SectionRange, TensorResidency } from './residency.ts';

/** A tensor that was decoded or copied. */
interface LoadedTensor extends EvictableMemory {
  readonly tensor: StoredTensor;
}

/** Sections are verified in pieces of this size, so that a large one is never in memory as a whole for it. */
const VERIFIED_PIECE_BYTES = 2 ** 22;

/** Those of float64: what typed arrays in the file's pages must be aligned to at most. */
const LARGEST_ELEMENT_BYTES = 8;

/**
 * A model file whose tensors are decoded when they are first asked for. Opening reads and checks only the header.
 *
 * Ownership: tensors belong to the model; borrow them for its life and do not write to them. Codes are always decoded into memory
 * of their own. Raw tensors are views of the bytes given to {@link LazyModel.fromBytes} when these are aligned; from a mapped file
 * {@link load} copies them, so that no tensor points into a mapping that could vanish, and {@link borrow} lends the file's own pages for
 * a call. Tensors that were loaded stay valid after `evict` and `dispose`; the model merely forgets them.
 *
 * @example
 * using model = LazyModel.fromBytes(bytes);
 * const compiled = await device.compile(model.graph, model, { precision: 'int4', maxBatch: 32 });
 * model.evict(); // the device has packed its own copy
 */
export class LazyModel implements WeightSource, Disposable {
  readonly #source: ByteSource;
  readonly #header: CheckedHeader;
  readonly #budget: MemoryBudget;
  readonly #pages: FilePages;
  readonly #loaded = new Map<string, LoadedTensor>();
  readonly #verified = new Set<LocatedBytes>();
  readonly #verifies: boolean;
  #disposed = false;

  private constructor(source: ByteSource, header: CheckedHeader, options: LazyModelOptions) {
    this.#source = source;
    this.#header = header;
    this.#budget = options.budget ?? new MemoryBudget(Number.POSITIVE_INFINITY);
    this.#pages = new FilePages(source, this.#budget);
    this.#verifies = options.verification !== 'none';
  }

  /**
   * Opens a model that is in memory.
   *
   * @param bytes the whole file; borrowed for the model's life.
   * @throws FileFormatError for a wrong magic number, version, length or header; UnsupportedError for an unknown kind of layer.
   */
  static fromBytes(bytes: Uint8Array, options?: LazyModelOptions): LazyModel {
    if (!(bytes instanceof Uint8Array)) {
      throw new InvalidArgumentError('Model bytes are of the wrong kind', {
        expected: 'a Uint8Array',
        actual: typeof bytes,
      });
    }
    return LazyModel.fromSource(bytesInMemory(bytes), options);
  }

  /**
   * Opens a model from anything that has bytes. The model owns the source and disposes it, also when opening fails.
   *
   * @throws what {@link LazyModel.fromBytes} throws.
   */
  static fromSource(source: ByteSource, options: LazyModelOptions = {}): LazyModel {
    try {
      assertLittleEndianHost();
      return new LazyModel(source, readHeader(source), options);
    } catch (error) {
      source.dispose();
      throw error;
    }
  }

  /** Which of {@link graph} and {@link operatorGraph} the file holds. */
  get format(): ModelFileGraph['format'] {
    return this.#header.graph.format;
  }

  /** @throws UnsupportedError when the file holds an operator graph. */
  get graph(): ModelGraph {
    const { graph } = this.#header;
    if (graph.format === 'qedge-model-graph') return graph;
    throw this.#wrongFormat('a chain of layers', 'operatorGraph');
  }

  /** As it was written; its structure is not checked. @throws UnsupportedError when the file holds a chain of layers. */
  get operatorGraph(): OperatorGraph {
    const { graph } = this.#header;
    if (graph.format === 'qedge-operator-graph') return graph;
    throw this.#wrongFormat('an operator graph', 'graph');
  }

  get metadata(): ModelMetadata {
    return this.#header.metadata;
  }

  /** Size of the whole file. */
  get fileByteLength(): number {
    return this.#source.byteLength;
  }

  /** `mapped` when pages of the file are read as they are touched, `copied` otherwise. */
  get loading(): 'mapped' | 'copied' {
    return this.#source.loading;
  }

  /** Why a file that should be mapped is not. Empty when nothing was lost. */
  get fallbacks(): readonly Fallback[] {
    return this.#source.fallbacks;
  }

  names(): readonly string[] {
    return [...this.#header.tensors.keys()];
  }

  has(name: string): boolean {
    return this.#header.tensors.has(name);
  }

  spec(name: string): TensorSpec & { readonly quantization?: QuantizationParameters } {
    const { dtype, shape, quantization } = this.#locate(name);
    return { name, dtype, shape, ...(quantization ? { quantization } : {}) };
  }

  /**
   * The tensor, decoded at the first call and remembered until it is evicted. What the budget evicts is forgotten; its memory is free
   * once nobody refers to the tensor and the garbage collector has run. Where that is too late, {@link borrow}.
   *
   * @throws InvalidArgumentError for an unknown name, FileFormatError when its bytes are damaged or the file was truncated or
   *   replaced since it was opened, BudgetExceededError when the budget has no room, UseAfterReleaseError after `dispose`.
   */
  load(name: string): StoredTensor {
    const held = this.#hold(name);
    this.#budget.release(held);
    return held.tensor;
  }

  /**
   * Lends a tensor for a call; its memory is not evicted meanwhile. Numbers that lie in a mapped file as they are in memory (64 KiB
   * or more) are lent where they lie: nothing is copied, and the budget can take their pages back at once. Writing to them ends the process.
   *
   * @param use must not keep the data.
   * @throws what {@link load} throws, and what `use` throws.
   */
  borrow<Result>(name: string, use: (tensor: StoredTensor) => Result): Result {
    const located = this.#locate(name);
    if (!this.#liesInPages(located)) {
      const held = this.#hold(name);
      try {
        return use(held.tensor);
      } finally {
        this.#budget.release(held);
        if (this.#disposed) this.#budget.evict(held);
      }
    }
    this.#requireOpen(`Tensor "${name}"`);
    return this.#pages.borrow(located, `tensor "${name}"`, (payload) => {
      this.#verify(located, `tensor "${name}"`, payload);
      return use({ ...this.spec(name), data: ENCODINGS.raw.decode(payload, located, true) });
    });
  }

  /** Keys of all sections, in the order of the file. */
  sectionKeys(): readonly string[] {
    return [...this.#header.sections.keys()];
  }

  /** Where a section lies in the file, or null when there is none with this key. Its bytes are not touched. */
  section(key: string): SectionRange | null {
    const located = this.#header.sections.get(key);
    return located ? { byteOffset: located.fileOffset, byteLength: located.byteLength } : null;
  }

  /**
   * Compares a section with its checksum, once: further calls do nothing, unless it was damaged.
   *
   * @throws InvalidArgumentError for an unknown key, FileFormatError when the section is damaged or the file changed,
   *   UseAfterReleaseError after `dispose`.
   */
  verifySection(key: string): void {
    const located = this.#locateSection(key);
    this.#requireOpen(`Section "${key}"`);
    if (this.#verified.has(located)) return;
    const end = located.fileOffset + located.byteLength;
    let checksum = 0;
    for (let at = located.fileOffset; at < end; at += VERIFIED_PIECE_BYTES) {
      const length = Math.min(VERIFIED_PIECE_BYTES, end - at);
      checksum = this.#source.borrow(at, length, (bytes) => crc32(bytes, checksum));
      this.#pages.drop({ fileOffset: at, byteLength: length });
    }
    assertChecksum(this.#source.name, `section "${key}"`, located, checksum);
    this.#verified.add(located);
  }

  /**
   * Lends the bytes of a section for a call, verified before the first one.
   *
   * @param use must not keep the bytes, nor write to them.
   * @throws what {@link verifySection} throws, BudgetExceededError when the budget has no room, and what `use` throws.
   */
  borrowSection<Result>(key: string, use: (bytes: Uint8Array) => Result): Result {
    const located = this.#locateSection(key);
    this.#requireOpen(`Section "${key}"`);
    if (this.#verifies) this.verifySection(key);
    return this.#pages.borrow(located, `section "${key}"`, use);
  }

  /**
   * Counts a section as used and keeps its pages in the budget until the result is disposed, for code that reads the section at its
   * address. Nothing is verified or read.
   *
   * @throws InvalidArgumentError for an unknown key, BudgetExceededError when the budget has no room, UseAfterReleaseError after
   *   `dispose`.
   */
  holdSection(key: string): Disposable {
    const located = this.#locateSection(key);
    this.#requireOpen(`Section "${key}"`);
    return this.#pages.hold(located, `section "${key}"`);
  }

  /**
   * Tells the system that tensors and sections will be needed soon, so that it reads them while other work is done. A hint: where
   * the file is not mapped nothing happens.
   *
   * @throws InvalidArgumentError for an unknown name or key, UseAfterReleaseError after `dispose`.
   */
  prefetch(wanted: { readonly tensors?: readonly string[]; readonly sections?: readonly string[] }): void {
    const { tensors = [], sections = [] } = wanted;
    const located = [
      ...tensors.map((name) => this.#locate(name)),
      ...sections.map((key) => this.#locateSection(key)),
    ];
    this.#requireOpen('Prefetching');
    for (const { fileOffset, byteLength } of located) {
      this.#source.advise?.(fileOffset, byteLength, 'will-need');
    }
  }

  /** What is in memory, in the order of the file. @throws FileFormatError when the file changed. */
  residency(): readonly TensorResidency[] {
    return Array.from(this.#header.tensors.values(), (located) => {
      const { name, encoding, byteLength, fileOffset } = located;
      const cached = this.#disposed ? undefined : this.#source.residency?.(fileOffset, byteLength);
      return {
        name,
        encoding,
        fileBytes: byteLength,
        loaded: this.#loaded.has(name),
        residentBytes: this.#loaded.get(name)?.byteLength ?? 0,
        cachedBytes: cached?.available ? cached.residentBytes : null,
      };
    });
  }

  /**
   * Forgets one decoded tensor, or all tensors, and takes the pages of the file that hold them out of this process's memory; the
   * next use brings them back. What is borrowed at this moment stays.
   *
   * @throws InvalidArgumentError for an unknown name.
   */
  evict(name?: string): void {
    const names = name === undefined ? this.names() : [name];
    for (const each of names) {
      const located = this.#locate(each);
      const loaded = this.#loaded.get(each);
      if (loaded) this.#budget.evict(loaded);
      this.#pages.evict(located);
    }
  }

  /** Closes the file and forgets the tensors. Further calls do nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const loaded of this.#loaded.values()) this.#budget.evict(loaded);
    this.#loaded.clear();
    this.#pages.dispose();
    this.#source.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #requireOpen(what: string): void {
    if (!this.#disposed) return;
    throw new UseAfterReleaseError(`${what} was asked of a model that is disposed`, {
      remedy: 'Keep the model open while its tensors are used',
    });
  }

  #wrongFormat(expected: string, property: string): UnsupportedError {
    return new UnsupportedError(`${this.#source.name} holds another kind of graph`, {
      expected,
      actual: this.format,
      remedy: `Use its ${property}`,
    });
  }

  #locate(name: string): LocatedTensor {
    const located = this.#header.tensors.get(name);
    if (located) return located;
    throw new InvalidArgumentError(`The model has no tensor "${name}"`, {
      expected: `one of ${this.names().join(', ') || 'none'}`,
      actual: name,
    });
  }

  #locateSection(key: string): LocatedBytes {
    const located = this.#header.sections.get(key);
    if (located) return located;
    throw new InvalidArgumentError(`The model has no section "${key}"`, {
      expected: `one of ${this.sectionKeys().join(', ') || 'none'}`,
      actual: key,
    });
  }

  /** Whether a tensor is used in the pages of a mapped file. Smaller ones would hold pages that are mostly others'. */
  #liesInPages({ encoding, fileOffset, byteLength }: LocatedTensor): boolean {
    return (
      this.#source.lifetime === 'call' &&
      encoding === 'raw' &&
      byteLength >= WINDOW_BYTES &&
      fileOffset % LARGEST_ELEMENT_BYTES === 0
    );
  }

  /** A tensor that is decoded, held in the budget. */
  #hold(name: string): LoadedTensor {
    const known = this.#loaded.get(name);
    if (known) {
      this.#budget.hold(known);
      return known;
    }
    this.#requireOpen(`Tensor "${name}"`);
    const located = this.#locate(name);
    const held = this.#pages.borrow(located, `tensor "${name}"`, (payload) => this.#decode(located, payload));
    this.#pages.evictCopied(located);
    return held;
  }

  #decode(located: LocatedTensor, payload: Uint8Array): LoadedTensor {
    const { name } = located;
    const { lifetime } = this.#source;
    this.#verify(located, `tensor "${name}"`, payload);
    const data = ENCODINGS[located.encoding].decode(payload, located, lifetime !== 'call');
    assertCodes(this.#source.name, located, data);
    const tensor: StoredTensor = { ...this.spec(name), data };
    const isView = lifetime === 'source' && data.buffer === payload.buffer;
    const loaded: LoadedTensor = {
      name: `tensor "${name}"`,
      byteLength: isView ? 0 : data.byteLength,
      tensor,
      evict: () => this.#loaded.delete(name),
    };
    this.#budget.hold(loaded);
    this.#loaded.set(name, loaded);
    return loaded;
  }

  #verify(located: LocatedBytes, what: string, payload: Uint8Array): void {
    if (!this.#verifies || located.crc32 === null || this.#verified.has(located)) return;
    assertChecksum(this.#source.name, what, located, crc32(payload));
    this.#verified.add(located);
  }
}
