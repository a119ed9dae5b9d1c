import {
  InvalidArgumentError,
  type ModelGraph,
  ShapeMismatchError,
  type StoredTensor,
  UnsupportedError,
  validateModelGraph,
} from '@qedge/core';
import { crc32 } from './crc32.ts';
import { smallestEncoding } from './encodings.ts';
import { findUnmetWeight } from './graph-weights.ts';
import type { FileHeader, ModelMetadata, TensorEntry } from './header.ts';
import { alignUp, encodePrefix, PAYLOAD_AREA_ALIGNMENT, PREFIX_BYTES, payloadAreaOffset } from './prefix.ts';
import { validateStoredTensor } from './tensor-validation.ts';

/** A model to be written. */
export interface ModelContent {
  readonly graph: ModelGraph;
  /** Every weight that the graph mentions; others are kept too. Borrowed. */
  readonly tensors: readonly StoredTensor[];
  /** Any JSON object; `{}` when left out. */
  readonly metadata?: ModelMetadata;
}

/** Raw payloads from this size on are worth the padding of a cache line; below it, padding would be felt in small files. */
const LARGE_RAW_BYTES = 4096;
/** Every other payload: the largest element size (float64), so that raw data can be viewed in place. */
const SMALL_ALIGNMENT = 8;

/**
 * Writes a model as the bytes of a `.qez` file. Equal content gives equal bytes. Each tensor takes the encoding that needs the
 * fewest bytes: numbers as they are, integer codes with their real width, or an occupancy bitmap with the codes that are not zero.
 *
 * @returns the whole file, owned by the caller.
 * @throws InvalidArgumentError or UnsupportedError for an impossible graph, tensor, code or metadata; ShapeMismatchError when a
 *   tensor does not fit its shape or the graph; NonFiniteValueError for NaN or infinite weights, naming tensor and index.
 */
export function encodeModel({ graph, tensors, metadata = {} }: ModelContent): Uint8Array {
  assertLittleEndianHost();
  validateContent(graph, tensors, metadata);
  const payloads: Uint8Array[] = [];
  const entries: TensorEntry[] = [];
  let end = 0;
  for (const tensor of tensors) {
    const encoding = smallestEncoding(tensor);
    const payload = encoding.encode(tensor);
    const large = encoding.name === 'raw' && payload.length >= LARGE_RAW_BYTES;
    const offset = alignUp(end, large ? PAYLOAD_AREA_ALIGNMENT : SMALL_ALIGNMENT);
    entries.push({
      name: tensor.name,
      shape: tensor.shape,
      dtype: tensor.dtype,
      encoding: encoding.name,
      offset,
      byteLength: payload.length,
      crc32: crc32(payload),
      ...(tensor.quantization ? { quantization: pickHeaderPart(tensor.quantization) } : {}),
    });
    payloads.push(payload);
    end = offset + payload.length;
  }
  return assemble({ graph, metadata, tensors: entries }, encodeParameters(tensors), payloads, end);
}

function pickHeaderPart({
  bits,
  symmetric,
  axis,
}: NonNullable<StoredTensor['quantization']>): TensorEntry['quantization'] {
  return { bits, symmetric, axis };
}

/** Scales and, unless symmetric, zero points of all quantised tensors in order. */
function encodeParameters(tensors: readonly StoredTensor[]): Uint8Array {
  const parts = tensors.flatMap(({ quantization }) => {
    if (!quantization) return [];
    const { symmetric, scales, zeroPoints } = quantization;
    return symmetric ? [scales] : [scales, zeroPoints];
  });
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), at);
    at += part.byteLength;
  }
  return bytes;
}

function assemble(
  header: FileHeader,
  parameters: Uint8Array,
  payloads: readonly Uint8Array[],
  payloadAreaBytes: number,
): Uint8Array {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const lengths = { headerByteLength: json.length, parameterByteLength: parameters.length };
  const start = payloadAreaOffset(lengths);
  const bytes = new Uint8Array(start + payloadAreaBytes);
  bytes.set(json, PREFIX_BYTES);
  bytes.set(parameters, PREFIX_BYTES + json.length);
  const checked = bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + json.length + parameters.length);
  bytes.set(encodePrefix({ ...lengths, fileByteLength: bytes.length }, checked));
  for (const [index, payload] of payloads.entries()) {
    bytes.set(payload, start + header.tensors[index]!.offset);
  }
  return bytes;
}

function validateContent(graph: ModelGraph, tensors: readonly StoredTensor[], metadata: ModelMetadata): void {
  validateModelGraph(graph);
  assertJson(graph, 'graph');
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw new InvalidArgumentError('Metadata is of the wrong kind', {
      expected: 'a JSON object',
      actual: typeof metadata,
    });
  }
  assertJson(metadata, 'metadata');
  const shapes = new Map<string, StoredTensor['shape']>();
  for (const tensor of tensors) {
    validateStoredTensor(tensor);
    if (shapes.has(tensor.name)) {
      throw new InvalidArgumentError('Two tensors share a name', { actual: tensor.name });
    }
    shapes.set(tensor.name, tensor.shape);
  }
  const unmet = findUnmetWeight(graph, (name) => shapes.get(name));
  if (unmet) {
    throw new ShapeMismatchError(`The graph needs a tensor "${unmet.name}" that is not given`, {
      expected: unmet.expected,
      actual: unmet.actual,
    });
  }
}

/** Refuses what `JSON.stringify` would change without a word, and what it could not end. */
function assertJson(value: unknown, path: string, ancestors: readonly unknown[] = []): void {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return;
  if (typeof value === 'number' && Number.isFinite(value)) return;
  if (ancestors.includes(value)) {
    throw new InvalidArgumentError(`${path} contains itself`, { expected: 'a tree' });
  }
  const inside = [...ancestors, value];
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) assertJson(item, `${path}[${index}]`, inside);
    return;
  }
  const isRecord =
    typeof value === 'object' && [Object.prototype, null].includes(Object.getPrototypeOf(value));
  if (!isRecord) {
    throw new InvalidArgumentError(`${path} cannot be written as JSON`, {
      expected: 'finite numbers, strings, booleans, null, arrays and plain objects',
      actual: String(value),
    });
  }
  for (const [key, item] of Object.entries(value as object)) {
    if (item !== undefined) assertJson(item, `${path}.${key}`, inside);
  }
}

/** Typed arrays have the host's byte order; every platform that Node and browsers support today but s390x is little-endian. */
export function assertLittleEndianHost(): void {
  if (new Uint8Array(Uint16Array.of(1).buffer)[0] === 1) return;
  throw new UnsupportedError('Model files cannot be read or written on a big-endian machine', {
    expected: 'a little-endian host',
    actual: 'big-endian',
  });
}
