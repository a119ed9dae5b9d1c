import {
  type Fallback,
  FileFormatError,
  InvalidArgumentError,
  type ModelGraph,
  type QuantizationParameters,
  type StoredTensor,
  type TensorData,
  type TensorSpec,
  UseAfterReleaseError,
  type WeightSource,
} from '@qedge/core';
import { type ByteSource, bytesInMemory } from './byte-source.ts';
import { codeRange, findCodeOutOfRange } from './model-file/code-range.ts';
import { crc32 } from './model-file/crc32.ts';
import { assertLittleEndianHost } from './model-file/encode-model.ts';
import { ENCODINGS } from './model-file/encodings.ts';
import {
  type CheckedHeader,
  type LocatedTensor,
  type ModelMetadata,
  parseHeader,
} from './model-file/header.ts';
import type { EncodingName } from './model-file/payload-encoding.ts';
import {
  decodePrefix,
  hexadecimal,
  PREFIX_BYTES,
  payloadAreaOffset,
  verifyHeaderChecksum,
} from './model-file/prefix.ts';

/** Whether a tensor is in memory, and what it costs there and in the file. */
export interface TensorResidency {
  readonly name: string;
  readonly encoding: EncodingName;
  /** Bytes of its payload in the file. */
  readonly fileBytes: number;
  readonly loaded: boolean;
  /** Bytes of memory that the model holds for it besides the file's own bytes: 0 before loading and for views. */
  readonly residentBytes: number;
}

/**
 * A model file whose tensors are decoded when they are first asked for. Opening reads and checks only the header.
 *
 * Ownership: tensors belong to the model; borrow them for its life and do not write to them. Codes are always decoded into memory
 * of their own. Raw tensors are views of the bytes given to {@link LazyModel.fromBytes} when these are aligned; from a mapped file
 * they are copied, so that no tensor points into a mapping that could vanish. Tensors that were loaded stay valid after `evict`
 * and `dispose`; the model merely forgets them.
 *
 * @example
 * using model = LazyModel.fromBytes(bytes);
 * const compiled = await device.compile(model.graph, model, { precision: 'int4', maxBatch: 32 });
 * model.evict(); // the device has packed its own copy
 */
export class LazyModel implements WeightSource, Disposable {
  readonly #source: ByteSource;
  readonly #header: CheckedHeader;
  readonly #loaded = new Map<string, { readonly tensor: StoredTensor; readonly residentBytes: number }>();
  #disposed = false;

  private constructor(source: ByteSource, header: CheckedHeader) {
    this.#source = source;
    this.#header = header;
  }

  /**
   * Opens a model that is in memory.
   *
   * @param bytes the whole file; borrowed for the model's life.
   * @throws FileFormatError for a wrong magic number, version, length or header; UnsupportedError for an unknown kind of layer.
   */
  static fromBytes(bytes: Uint8Array): LazyModel {
    if (!(bytes instanceof Uint8Array)) {
      throw new InvalidArgumentError('Model bytes are of the wrong kind', {
        expected: 'a Uint8Array',
        actual: typeof bytes,
      });
    }
    return LazyModel.fromSource(bytesInMemory(bytes));
  }

  /**
   * Opens a model from anything that has bytes. The model owns the source and disposes it, also when opening fails.
   *
   * @throws what {@link LazyModel.fromBytes} throws.
   */
  static fromSource(source: ByteSource): LazyModel {
    try {
      assertLittleEndianHost();
      return new LazyModel(source, readHeader(source));
    } catch (error) {
      source.dispose();
      throw error;
    }
  }

  get graph(): ModelGraph {
    return this.#header.graph;
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
   * The tensor, decoded at the first call and remembered.
   *
   * @throws InvalidArgumentError for an unknown name, FileFormatError when its bytes are damaged or the file was truncated or
   *   replaced since it was opened, UseAfterReleaseError after `dispose`.
   */
  load(name: string): StoredTensor {
    const known = this.#loaded.get(name);
    if (known) return known.tensor;
    if (this.#disposed) {
      throw new UseAfterReleaseError(`Tensor "${name}" was asked of a model that is disposed`, {
        remedy: 'Keep the model open while tensors are loaded',
      });
    }
    const located = this.#locate(name);
    const { data, isView } = this.#decode(located);
    const tensor: StoredTensor = { ...this.spec(name), data };
    this.#loaded.set(name, { tensor, residentBytes: isView ? 0 : data.byteLength });
    return tensor;
  }

  /** What is in memory, in the order of the file. */
  residency(): readonly TensorResidency[] {
    return Array.from(this.#header.tensors.values(), ({ name, encoding, byteLength }) => {
      const loaded = this.#loaded.get(name);
      return {
        name,
        encoding,
        fileBytes: byteLength,
        loaded: loaded !== undefined,
        residentBytes: loaded?.residentBytes ?? 0,
      };
    });
  }

  /**
   * Forgets one decoded tensor, or all; the next `load` decodes again.
   *
   * @throws InvalidArgumentError for an unknown name.
   */
  evict(name?: string): void {
    if (name === undefined) {
      this.#loaded.clear();
      return;
    }
    this.#locate(name);
    this.#loaded.delete(name);
  }

  /** Closes the file and forgets the tensors. Further calls do nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#loaded.clear();
    this.#source.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #locate(name: string): LocatedTensor {
    const located = this.#header.tensors.get(name);
    if (located) return located;
    throw new InvalidArgumentError(`The model has no tensor "${name}"`, {
      expected: `one of ${this.names().join(', ') || 'none'}`,
      actual: name,
    });
  }

  #decode(located: LocatedTensor): { readonly data: TensorData; readonly isView: boolean } {
    const { name, fileOffset, byteLength } = located;
    const { lifetime } = this.#source;
    const encoding = ENCODINGS[located.encoding];
    return this.#source.borrow(fileOffset, byteLength, (payload) => {
      const actual = crc32(payload);
      if (actual !== located.crc32) {
        throw new FileFormatError(`${this.#source.name}: tensor "${name}" is damaged`, {
          expected: `CRC-32 ${hexadecimal(located.crc32)}`,
          actual: hexadecimal(actual),
          remedy: 'Copy or download the file again',
          facts: { tensor: name },
        });
      }
      const data = encoding.decode(payload, located, lifetime !== 'call');
      checkCodes(located, data, this.#source.name);
      return { data, isView: lifetime === 'source' && data.buffer === payload.buffer };
    });
  }
}

function readHeader(source: ByteSource): CheckedHeader {
  const { name } = source;
  return source.borrow(0, Math.min(PREFIX_BYTES, source.byteLength), (prefixBytes) => {
    const prefix = decodePrefix(prefixBytes, source.byteLength, name);
    const { headerByteLength, parameterByteLength } = prefix;
    return source.borrow(PREFIX_BYTES, headerByteLength + parameterByteLength, (bytes) => {
      verifyHeaderChecksum(prefix, prefixBytes, bytes, name);
      return parseHeader(
        bytes.subarray(0, headerByteLength),
        bytes.subarray(headerByteLength),
        { start: payloadAreaOffset(prefix), end: prefix.fileByteLength },
        name,
      );
    });
  });
}

/** `b` bits can hold one code more than a symmetric range has; kernels rely on its absence. */
function checkCodes({ name, quantization }: LocatedTensor, data: TensorData, file: string): void {
  if (!quantization || !(data instanceof Int8Array || data instanceof Uint8Array)) return;
  const range = codeRange(quantization, data instanceof Int8Array);
  const outside = findCodeOutOfRange(data, range);
  if (outside < 0) return;
  throw new FileFormatError(`${file}: tensor "${name}" has a code out of range at index ${outside}`, {
    expected: `${range.lowest}..${range.highest}`,
    actual: data[outside]!,
  });
}
