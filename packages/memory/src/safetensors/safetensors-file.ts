import {
  type DType,
  type Fallback,
  InvalidArgumentError,
  type StoredTensor,
  type TensorSpec,
  UnsupportedError,
  UseAfterReleaseError,
  type WeightSource,
} from '@qedge/core';
import { type ByteSource, bytesInMemory } from '../byte-source.ts';
import { assertLittleEndianHost } from '../model-file/little-endian.ts';
import { decodeElements, SAFETENSORS_DTYPES, type SafetensorsDType } from './dtypes.ts';
import { readSafetensorsHeader, type SafetensorsEntry, type SafetensorsHeader } from './header.ts';

/**
 * A safetensors file. Opening reads and checks the header only; tensors are read when they are asked for, and not remembered.
 *
 * What is stored as float64, float32, float16, bfloat16, int32, int16, int8 or uint8 loads as that. Truth values and integers of other
 * widths load as int32 (FileFormatError when one does not fit), 8-bit floats as float32 with the same value. `F4`, `F6_*`,
 * `C64` and dtypes that are not known are refused when such a tensor is asked for; the others load.
 *
 * Ownership: with {@link SafetensorsFile.load} the tensor belongs to the caller when the file is mapped or read on demand; from bytes in memory it may be a
 * view of them, not to be written to. {@link SafetensorsFile.borrow} lends a tensor of a mapped file without any copy.
 *
 * @example
 * using file = SafetensorsFile.fromBytes(bytes);
 * const { shape, data } = file.load('embeddings.LayerNorm.weight');
 */
export class SafetensorsFile implements WeightSource, Disposable {
  readonly #source: ByteSource;
  readonly #header: SafetensorsHeader;
  #disposed = false;

  private constructor(source: ByteSource, header: SafetensorsHeader) {
    this.#source = source;
    this.#header = header;
  }

  /**
   * @param bytes the whole file; borrowed for the life of the file and of the tensors.
   * @throws InvalidArgumentError for another kind of value, what {@link SafetensorsFile.fromSource} throws.
   */
  static fromBytes(bytes: Uint8Array): SafetensorsFile {
    if (!(bytes instanceof Uint8Array)) {
      throw new InvalidArgumentError('The bytes of a safetensors file are of the wrong kind', {
        expected: 'a Uint8Array',
        actual: typeof bytes,
      });
    }
    return SafetensorsFile.fromSource(bytesInMemory(bytes, 'The safetensors file'));
  }

  /**
   * Opens anything that has bytes. The file owns the source and disposes it, also when opening fails.
   *
   * @throws FileFormatError for anything that is not a whole safetensors file.
   */
  static fromSource(source: ByteSource): SafetensorsFile {
    try {
      assertLittleEndianHost();
      return new SafetensorsFile(source, readSafetensorsHeader(source));
    } catch (error) {
      source.dispose();
      throw error;
    }
  }

  /** Texts that the writer added (`__metadata__`). */
  get metadata(): Readonly<Record<string, string>> {
    return this.#header.metadata;
  }

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

  /** In the order of their bytes. */
  names(): readonly string[] {
    return [...this.#header.entries.keys()];
  }

  has(name: string): boolean {
    return this.#header.entries.has(name);
  }

  /** How and where the tensor is stored, whatever its dtype. @throws InvalidArgumentError for an unknown name. */
  entry(name: string): SafetensorsEntry {
    const entry = this.#header.entries.get(name);
    if (entry) return entry;
    throw new InvalidArgumentError(`${this.#source.name} has no tensor "${name}"`, {
      expected: `one of ${this.names().join(', ') || 'none'}`,
      actual: name,
    });
  }

  /** What {@link load} gives. @throws InvalidArgumentError for an unknown name, UnsupportedError for a dtype that cannot be loaded. */
  spec(name: string): TensorSpec {
    const entry = this.entry(name);
    return { name, dtype: loadable(entry).loadedAs, shape: entry.shape };
  }

  /**
   * The tensor, read anew at each call.
   *
   * @throws InvalidArgumentError for an unknown name, UnsupportedError for a dtype that cannot be loaded, FileFormatError for an integer that
   *   int32 does not hold or when the file was truncated or replaced since it was opened, UseAfterReleaseError after `dispose`.
   */
  load(name: string): StoredTensor {
    return this.#decode(name, this.#source.lifetime !== 'call', (tensor) => tensor);
  }

  /**
   * Lends the tensor for the call of `use`: bytes of a mapped file are not copied when the stored numbers are the loaded ones and
   * lie aligned, as they do in files of the usual writers. The data must neither be written to (that would end the process) nor kept.
   *
   * @throws what {@link load} throws.
   */
  borrow<Result>(name: string, use: (tensor: StoredTensor) => Result): Result {
    return this.#decode(name, true, use);
  }

  /** Closes the file. Further calls do nothing. */
  dispose(): void {
    this.#disposed = true;
    this.#source.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #decode<Result>(name: string, mayView: boolean, use: (tensor: StoredTensor) => Result): Result {
    const entry = this.entry(name);
    const dtype = loadable(entry);
    if (this.#disposed) {
      throw new UseAfterReleaseError(`Tensor "${name}" was asked of a file that is disposed`, {
        remedy: 'Keep the file open while tensors are loaded',
      });
    }
    return this.#source.borrow(entry.fileOffset, entry.byteLength, (bytes) => {
      const data = decodeElements(dtype, bytes, name, mayView);
      return use({ name, dtype: dtype.loadedAs, shape: entry.shape, data });
    });
  }
}

function loadable({ name, storedDType }: SafetensorsEntry): SafetensorsDType & { readonly loadedAs: DType } {
  const dtype = SAFETENSORS_DTYPES.get(storedDType);
  if (dtype?.loadedAs) return { ...dtype, loadedAs: dtype.loadedAs };
  throw new UnsupportedError(`Tensor "${name}" has a dtype that cannot be loaded`, {
    expected: `one of ${[...SAFETENSORS_DTYPES].flatMap(([key, { loadedAs }]) => (loadedAs ? [key] : [])).join(', ')}`,
    actual: storedDType,
    facts: { tensor: name },
  });
}
