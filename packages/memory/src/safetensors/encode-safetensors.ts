import {
  DTYPE_BITS,
  elementCount,
  formatShape,
  InvalidArgumentError,
  ShapeMismatchError,
  type StoredTensor,
  UnsupportedError,
} from '@qedge/core';
import { assertLittleEndianHost } from '../model-file/little-endian.ts';
import { dataConstructor } from '../model-file/raw-encoding.ts';
import { SAFETENSORS_NAMES } from './dtypes.ts';
import { LENGTH_BYTES, LONGEST_HEADER_BYTES, METADATA_KEY } from './header.ts';

/** What a safetensors file holds. */
export interface SafetensorsContent {
  /** Plain tensors, in any order, each name once. */
  readonly tensors: readonly StoredTensor[];
  /** Texts for readers; the format knows no other kind. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** The data begins at a multiple of this, so that a mapped file has its numbers at cache lines. The official writer uses 8. */
const DATA_ALIGNMENT = 64;

/**
 * The bytes of a safetensors file.
 *
 * @throws what {@link safetensorsPieces} throws.
 */
export function encodeSafetensors(content: SafetensorsContent): Uint8Array {
  const pieces = safetensorsPieces(content);
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}

/**
 * The file in pieces: the header, then views of the tensors' own memory, widest numbers first as the official writer orders them, so
 * that all of them are aligned.
 *
 * @throws InvalidArgumentError for a name that is empty, reserved or there twice, data of another kind than the dtype, metadata that are
 *   not texts, or a header beyond 100 MB; ShapeMismatchError; UnsupportedError for quantised tensors and dtypes without a name
 *   in the format (int4, uint4).
 */
export function safetensorsPieces({ tensors, metadata }: SafetensorsContent): readonly Uint8Array[] {
  assertLittleEndianHost();
  checkMetadata(metadata);
  const seen = new Set<string>();
  for (const tensor of tensors) {
    checkTensor(tensor);
    if (seen.has(tensor.name)) throw new InvalidArgumentError(`Two tensors are named "${tensor.name}"`);
    seen.add(tensor.name);
  }
  const ordered = [...tensors].sort(
    (a, b) => DTYPE_BITS[b.dtype] - DTYPE_BITS[a.dtype] || (a.name < b.name ? -1 : 1),
  );
  return [encodeHeader(ordered, metadata), ...ordered.map(bytesOf)];
}

function encodeHeader(
  tensors: readonly StoredTensor[],
  metadata: SafetensorsContent['metadata'],
): Uint8Array {
  let end = 0;
  // As entries, because a key like "7" would be moved to the front of an object and "__proto__" lost.
  const members = tensors.map((tensor) => {
    const begin = end;
    end += tensor.data.byteLength;
    const entry = {
      dtype: SAFETENSORS_NAMES.get(tensor.dtype),
      shape: tensor.shape,
      data_offsets: [begin, end],
    };
    return `${JSON.stringify(tensor.name)}:${JSON.stringify(entry)}`;
  });
  if (metadata) members.unshift(`${JSON.stringify(METADATA_KEY)}:${JSON.stringify(metadata)}`);
  const json = new TextEncoder().encode(`{${members.join(',')}}`);
  const dataStart = Math.ceil((LENGTH_BYTES + json.byteLength) / DATA_ALIGNMENT) * DATA_ALIGNMENT;
  const headerByteLength = dataStart - LENGTH_BYTES;
  if (headerByteLength > LONGEST_HEADER_BYTES) {
    throw new InvalidArgumentError('The header of a safetensors file is too long', {
      expected: `at most ${LONGEST_HEADER_BYTES} bytes`,
      actual: headerByteLength,
    });
  }
  const header = new Uint8Array(dataStart).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(headerByteLength), true);
  header.set(json, LENGTH_BYTES);
  return header;
}

function checkTensor({ name, dtype, shape, data, quantization }: StoredTensor): void {
  if (typeof name !== 'string' || name === '' || name === METADATA_KEY || /\p{Surrogate}/u.test(name)) {
    throw new InvalidArgumentError('A tensor has an impossible name', {
      expected: `a non-empty text other than ${METADATA_KEY}`,
      actual: JSON.stringify(name),
    });
  }
  if (quantization || !SAFETENSORS_NAMES.has(dtype)) {
    throw new UnsupportedError(`Tensor "${name}" cannot be stored as safetensors`, {
      expected: `plain numbers of ${[...SAFETENSORS_NAMES.keys()].join(', ')}`,
      actual: quantization ? 'quantised codes' : String(dtype),
      remedy: 'Store it in a .qez file',
    });
  }
  const Data = dataConstructor(dtype) as unknown as new () => StoredTensor['data'];
  if (!(data instanceof Data)) {
    throw new InvalidArgumentError(`Tensor "${name}" has the wrong kind of data for ${dtype}`, {
      expected: Data.name,
      actual: (data as object | undefined)?.constructor.name ?? String(data),
    });
  }
  if (data.length !== elementCount(shape)) {
    throw new ShapeMismatchError(
      `Tensor "${name}" has the wrong length for its shape ${formatShape(shape)}`,
      {
        expected: `${elementCount(shape)} elements`,
        actual: data.length,
      },
    );
  }
}

function checkMetadata(metadata: SafetensorsContent['metadata']): void {
  for (const [key, value] of Object.entries(metadata ?? {})) {
    if (typeof value === 'string') continue;
    throw new InvalidArgumentError(`Metadata "${key}" are not a text`, {
      expected: 'strings',
      actual: value,
    });
  }
}

function bytesOf({ data }: StoredTensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
