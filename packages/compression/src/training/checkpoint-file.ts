import { FileFormatError, InvalidArgumentError } from '@qedge/core';
import { requireCheckpoint, type TrainingCheckpoint } from './training-checkpoint.ts';

/** `QECKPT` and the version of the layout, as bytes. */
const MAGIC = Uint8Array.of(0x51, 0x45, 0x43, 0x4b, 0x50, 0x54, 0x00, 0x01);
/** Magic, length of the text, length of the arrays, checksum. */
const HEADER_BYTES = 24;

/** Levels of lists, maps and records inside each other. */
const DEEPEST = 32;

const ARRAY_TYPES = {
  float32: Float32Array,
  float64: Float64Array,
  uint8: Uint8Array,
  int8: Int8Array,
  uint32: Uint32Array,
  int32: Int32Array,
} as const;

type ArrayType = keyof typeof ARRAY_TYPES;
type KnownArray = Float32Array | Float64Array | Uint8Array | Int8Array | Uint32Array | Int32Array;

/**
 * Writes a checkpoint as bytes: 8 bytes magic, the lengths of the text and of the arrays in bytes as two uint32, a checksum as a uint64 whose
 * upper half is 0 (FNV-1a over all that follows), the text (JSON, UTF-8, padded with spaces to 8 bytes), the arrays one after the other, each
 * padded to 8 bytes. Little-endian. In the text an array is `{"$":"float32","at":bytes,"length":elements}`, a map `{"$":"map","entries":[...]}`.
 *
 * @throws InvalidArgumentError for what a checkpoint cannot hold: functions, numbers that are not finite, other objects.
 */
export function encodeCheckpoint(checkpoint: TrainingCheckpoint): Uint8Array {
  const arrays: KnownArray[] = [];
  let arrayBytes = 0;
  const place = (array: KnownArray) => {
    const at = arrayBytes;
    arrays.push(array);
    arrayBytes += padded(array.byteLength);
    return at;
  };
  const json = new TextEncoder().encode(JSON.stringify(toText(checkpoint, place)));
  const textBytes = padded(json.length);
  const bytes = new Uint8Array(HEADER_BYTES + textBytes + arrayBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(8, textBytes, true);
  view.setUint32(12, arrayBytes, true);
  bytes.fill(0x20, HEADER_BYTES, HEADER_BYTES + textBytes);
  bytes.set(json, HEADER_BYTES);
  let at = HEADER_BYTES + textBytes;
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += padded(array.byteLength);
  }
  view.setUint32(16, checksum(bytes.subarray(HEADER_BYTES)), true);
  return bytes;
}

/**
 * Reads what {@link encodeCheckpoint} wrote. The arrays are copies.
 * @throws FileFormatError for anything else, also when a single bit was changed.
 */
export function decodeCheckpoint(bytes: Uint8Array): TrainingCheckpoint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isOurs = bytes.length >= HEADER_BYTES && MAGIC.every((byte, at) => bytes[at] === byte);
  if (!isOurs) throw damaged('a checkpoint of a training', `${bytes.length} other bytes`);
  const textBytes = view.getUint32(8, true);
  const length = HEADER_BYTES + textBytes + view.getUint32(12, true);
  if (length !== bytes.length || textBytes % 8 !== 0) throw damaged(`${length} bytes`, `${bytes.length}`);
  const sum = checksum(bytes.subarray(HEADER_BYTES));
  if (view.getUint32(16, true) !== sum || view.getUint32(20, true) !== 0) {
    throw damaged('the checksum that is stored', 'another');
  }
  const arrayStart = HEADER_BYTES + textBytes;
  const text = new TextDecoder().decode(bytes.subarray(HEADER_BYTES, arrayStart));
  return requireCheckpoint(fromText(parse(text), bytes.subarray(arrayStart), 0));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FileFormatError('The checkpoint is damaged', { expected: 'JSON', actual: 'no JSON', cause });
  }
}

function damaged(expected: string, actual: string): FileFormatError {
  return new FileFormatError('The checkpoint is damaged', {
    expected,
    actual,
    remedy: 'Delete it, and train from the start.',
  });
}

function padded(byteLength: number): number {
  return Math.ceil(byteLength / 8) * 8;
}

/** 32-bit FNV-1a over 32-bit words; `bytes` is a multiple of 8 long. */
function checksum(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let hash = 0x811c9dc5;
  for (let at = 0; at + 4 <= bytes.length; at += 4) {
    hash = Math.imul(hash ^ view.getUint32(at, true), 0x01000193);
    // Multiplying moves bits up only; without this a changed top bit would stay in the top.
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}

function toText(value: unknown, place: (array: KnownArray) => number): unknown {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) return value;
  for (const [name, ArrayClass] of Object.entries(ARRAY_TYPES)) {
    if (value instanceof ArrayClass) return { $: name, at: place(value), length: value.length };
  }
  if (Array.isArray(value)) return value.map((element) => toText(element, place));
  if (value instanceof Map) {
    return { $: 'map', entries: Array.from(value, ([key, element]) => [key, toText(element, place)]) };
  }
  if (typeof value === 'object' && isRecord(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, element]) => [key, toText(element, place)]));
  }
  throw new InvalidArgumentError('A checkpoint cannot hold that', {
    expected: 'finite numbers, strings, booleans, null, typed arrays, lists, maps with names, records',
    actual: typeof value === 'number' ? value : Object.prototype.toString.call(value),
  });
}

function isRecord(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && !('$' in value);
}

function fromText(value: unknown, arrays: Uint8Array, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (depth > DEEPEST) throw damaged(`at most ${DEEPEST} levels`, 'more');
  const inner = (element: unknown) => fromText(element, arrays, depth + 1);
  if (Array.isArray(value)) return value.map(inner);
  const record = value as Record<string, unknown>;
  if (record.$ === 'map') {
    const { entries } = record;
    if (!Array.isArray(entries) || !entries.every(Array.isArray)) throw damaged('entries of a map', 'none');
    return new Map(entries.map(([key, element]) => [key, inner(element)]));
  }
  if (record.$ !== undefined) return takeArray(record, arrays);
  return Object.fromEntries(Object.entries(record).map(([key, element]) => [key, inner(element)]));
}

function takeArray({ $: type, at, length }: Record<string, unknown>, arrays: Uint8Array): KnownArray {
  const isKnown = Object.hasOwn(ARRAY_TYPES, String(type));
  const ArrayClass = ARRAY_TYPES[type as ArrayType];
  const isInside =
    isKnown &&
    Number.isSafeInteger(at) &&
    Number.isSafeInteger(length) &&
    (at as number) >= 0 &&
    (length as number) >= 0 &&
    (at as number) + (length as number) * ArrayClass.BYTES_PER_ELEMENT <= arrays.length;
  if (!isInside) throw damaged('an array inside of the file', `${String(type)} at ${String(at)}`);
  const start = at as number;
  // A copy, which `slice` of a Buffer would not make.
  const bytes = new Uint8Array(
    arrays.subarray(start, start + (length as number) * ArrayClass.BYTES_PER_ELEMENT),
  );
  return new ArrayClass(bytes.buffer);
}
