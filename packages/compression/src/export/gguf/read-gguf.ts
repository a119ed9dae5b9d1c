import { FileFormatError } from '@qedge/core';
import { BLOCK_TYPES, type BlockType } from './block-types.ts';
import { GGUF_ALIGNMENT, GGUF_ARRAY, GGUF_MAGIC, GGUF_STRING } from './layout.ts';

/** A tensor as a file lists it. */
export interface GgufEntry {
  readonly name: string;
  /** The axis along which neighbours lie comes first. */
  readonly dimensions: readonly number[];
  /** Null for a type that is not known here. */
  readonly type: BlockType | null;
  readonly typeCode: number;
  /** Its bytes, borrowed; empty for a type that is not known. */
  readonly bytes: Uint8Array;
}

/** A GGUF file. */
export interface GgufFile {
  readonly version: number;
  /** Texts, numbers, truth values; of arrays their length alone, as `[kind] x length`. */
  readonly metadata: ReadonlyMap<string, string | number | boolean | bigint>;
  readonly tensors: readonly GgufEntry[];
}

/** Tensors have at most four axes; counts beyond what the bytes can hold are refused before anything is made of them. */
const MOST_AXES = 4;
const LEAST_ENTRY_BYTES = 24;
const DEEPEST_ARRAY = 4;

/** Reads numbers one after the other, never beyond the end. */
class ByteReader {
  readonly #view: DataView;
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get left(): number {
    return this.#bytes.length - this.at;
  }

  take(byteLength: number): number {
    if (byteLength > this.left) throw damaged('it ends too early', `${byteLength} more bytes`, this.left);
    this.at += byteLength;
    return this.at - byteLength;
  }

  uint32(): number {
    return this.#view.getUint32(this.take(4), true);
  }

  /** @throws FileFormatError beyond 2^53. */
  count(what: string): number {
    const value = Number(this.#view.getBigUint64(this.take(8), true));
    if (Number.isSafeInteger(value)) return value;
    throw damaged(`${what} is absurd`, 'less than 2^53', value);
  }

  text(): string {
    const length = this.count('the length of a text');
    const at = this.take(length);
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(this.#bytes.subarray(at, at + length));
    } catch (cause) {
      throw new FileFormatError('The GGUF file has a text that is no UTF-8', { cause });
    }
  }

  /** A number or truth value of this kind of metadata. */
  scalar(kind: number): number | boolean | bigint {
    const view = this.#view;
    switch (kind) {
      case 0:
        return view.getUint8(this.take(1));
      case 1:
        return view.getInt8(this.take(1));
      case 2:
        return view.getUint16(this.take(2), true);
      case 3:
        return view.getInt16(this.take(2), true);
      case 4:
        return this.uint32();
      case 5:
        return view.getInt32(this.take(4), true);
      case 6:
        return view.getFloat32(this.take(4), true);
      case 7:
        return view.getUint8(this.take(1)) !== 0;
      case 10:
        return view.getBigUint64(this.take(8), true);
      case 11:
        return view.getBigInt64(this.take(8), true);
      case 12:
        return view.getFloat64(this.take(8), true);
      default:
        throw damaged('metadata are of an unknown kind', 'a kind from 0 to 12', kind);
    }
  }

  value(kind: number, depth = 0): string | number | boolean | bigint {
    if (kind === GGUF_STRING) return this.text();
    if (kind !== GGUF_ARRAY) return this.scalar(kind);
    if (depth >= DEEPEST_ARRAY)
      throw damaged('arrays are nested too deep', `${DEEPEST_ARRAY} levels`, 'more');
    const of = this.uint32();
    const length = this.count('the length of an array');
    // Every element takes a byte at least.
    if (length > this.left) throw damaged('an array is too long', `at most ${this.left} elements`, length);
    for (let i = 0; i < length; i++) this.value(of, depth + 1);
    return `[${of}] x ${length}`;
  }
}

/**
 * Reads what a GGUF file lists, versions 2 and 3.
 *
 * @param bytes the whole file; borrowed by the entries.
 * @throws FileFormatError for anything that is not a whole file, tensors that overlap its end, and names that come twice.
 */
export function readGguf(bytes: Uint8Array): GgufFile {
  const reader = new ByteReader(bytes);
  if (reader.uint32() !== GGUF_MAGIC) throw damaged('it does not begin as one', 'GGUF', 'other bytes');
  const version = reader.uint32();
  if (version !== 2 && version !== 3) throw damaged('it has another version', '2 or 3', version);
  const tensorCount = reader.count('the number of tensors');
  const metadataCount = reader.count('the number of metadata');
  const metadata = new Map<string, string | number | boolean | bigint>();
  for (let i = 0; i < metadataCount; i++) {
    const key = reader.text();
    if (metadata.has(key)) throw damaged('metadata come twice', 'each key once', key);
    metadata.set(key, reader.value(reader.uint32()));
  }
  if (tensorCount > reader.left / LEAST_ENTRY_BYTES) {
    throw damaged('it lists too many tensors', `what ${reader.left} bytes hold`, tensorCount);
  }
  const listed = Array.from({ length: tensorCount }, () => readEntry(reader));
  const names = new Set(listed.map(({ name }) => name));
  if (names.size !== listed.length)
    throw damaged('two tensors share a name', 'names of their own', 'one twice');
  const alignment = metadata.get('general.alignment') ?? GGUF_ALIGNMENT;
  if (typeof alignment !== 'number' || !Number.isSafeInteger(alignment) || alignment < 1) {
    throw damaged('its alignment is impossible', 'a positive integer', alignment);
  }
  const start = Math.ceil(reader.at / alignment) * alignment;
  return { version, metadata, tensors: listed.map((entry) => locate(bytes, start, entry)) };
}

interface ListedTensor {
  readonly name: string;
  readonly dimensions: readonly number[];
  readonly typeCode: number;
  readonly offset: number;
}

function readEntry(reader: ByteReader): ListedTensor {
  const name = reader.text();
  const axes = reader.uint32();
  if (axes > MOST_AXES) throw damaged(`"${name}" has too many axes`, `at most ${MOST_AXES}`, axes);
  const dimensions = Array.from({ length: axes }, () => reader.count(`a size of "${name}"`));
  return { name, dimensions, typeCode: reader.uint32(), offset: reader.count(`the place of "${name}"`) };
}

function locate(bytes: Uint8Array, start: number, listed: ListedTensor): GgufEntry {
  const { name, dimensions, typeCode, offset } = listed;
  const type = BLOCK_TYPES.find(({ code }) => code === typeCode) ?? null;
  if (type === null) return { name, dimensions, type, typeCode, bytes: bytes.subarray(0, 0) };
  const row = dimensions[0] ?? 1;
  if (row % type.blockLength !== 0) {
    throw damaged(`the rows of "${name}" do not fill blocks`, `a multiple of ${type.blockLength}`, row);
  }
  // Beyond 2^53 it is not exact, and beyond the end all the same.
  const byteLength = (dimensions.reduce((a, b) => a * b, 1) / type.blockLength) * type.blockBytes;
  if (!(start + offset + byteLength <= bytes.length)) {
    throw damaged(
      `"${name}" lies beyond the end`,
      `at most ${bytes.length} bytes`,
      start + offset + byteLength,
    );
  }
  return {
    name,
    dimensions,
    type,
    typeCode,
    bytes: bytes.subarray(start + offset, start + offset + byteLength),
  };
}

function damaged(why: string, expected: unknown, actual: unknown): FileFormatError {
  return new FileFormatError(`This is no whole GGUF file: ${why}`, { expected, actual });
}
