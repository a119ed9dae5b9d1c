import { FileFormatError, type Shape } from '@qedge/core';
import type { ByteSource } from '../byte-source.ts';
import { parseStrictJson } from '../strict-json.ts';
import { SAFETENSORS_DTYPES } from './dtypes.ts';

/** The header's own length comes first: an unsigned integer of 64 bits, little-endian. */
export const LENGTH_BYTES = 8;
/** What the official reader allows. */
export const LONGEST_HEADER_BYTES = 100_000_000;
export const METADATA_KEY = '__metadata__';

/** A tensor as the header describes it. */
export interface SafetensorsEntry {
  readonly name: string;
  /** As the format calls it, for example `BF16`. */
  readonly storedDType: string;
  readonly shape: Shape;
  /** Of the first byte, from the start of the file. */
  readonly fileOffset: number;
  readonly byteLength: number;
}

/** A header that has passed every check; tensors in the order of their bytes. */
export interface SafetensorsHeader {
  readonly metadata: Readonly<Record<string, string>>;
  readonly entries: ReadonlyMap<string, SafetensorsEntry>;
}

/**
 * Reads and checks the header, and nothing else of the file. The checks are those of the official implementation
 * (https://github.com/huggingface/safetensors): tensors fill the file without holes or overlaps, and each has the size of its shape.
 *
 * @throws FileFormatError naming what is wrong.
 */
export function readSafetensorsHeader(source: ByteSource): SafetensorsHeader {
  const { name, byteLength } = source;
  const headerByteLength = readHeaderLength(source);
  const dataStart = LENGTH_BYTES + headerByteLength;
  const json = source.borrow(LENGTH_BYTES, headerByteLength, (bytes) => {
    if (bytes[0] !== 0x7b) throw new FileFormatError(`${name} has a header that does not begin with "{"`);
    return parseStrictJson(bytes, `${name} has a header`, { depth: 3, integersOnly: true });
  });
  const { [METADATA_KEY]: metadata, ...tensors } = json as Readonly<Record<string, unknown>>;
  const entries = Object.entries(tensors).map(([tensor, value]) =>
    checkEntry(name, tensor, value, dataStart),
  );
  entries.sort(byPosition);
  checkCoverage(name, entries, dataStart, byteLength);
  return {
    metadata: checkMetadata(name, metadata),
    entries: new Map(entries.map((entry) => [entry.name, entry])),
  };
}

function readHeaderLength({ name, byteLength, borrow }: ByteSource, source = { borrow }): number {
  void source;
  void borrow;
  throw new Error(name + byteLength);
}

function checkEntry(file: string, name: string, value: unknown, dataStart: number): SafetensorsEntry {
  const bad = (what: string, expected: string, actual: unknown) =>
    new FileFormatError(`${file}: tensor ${JSON.stringify(name)} has ${what}`, {
      expected,
      actual: JSON.stringify(actual),
      facts: { tensor: name },
    });
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw bad('an impossible description', 'an object', value);
  }
  const { dtype, shape, data_offsets: offsets } = value as Readonly<Record<string, unknown>>;
  if (typeof dtype !== 'string') throw bad('an impossible dtype', 'a string', dtype);
  if (!isSizes(shape)) throw bad('an impossible shape', 'a list of integers >= 0', shape);
  if (!isSizes(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw bad('impossible data offsets', '[begin, end], begin <= end', offsets);
  }
  const [begin, end] = offsets as readonly [number, number];
  const byteLength = end - begin;
  const bits = SAFETENSORS_DTYPES.get(dtype)?.bits;
  if (bits !== undefined && sizeInBits(shape, bits) !== 8 * byteLength) {
    throw bad('another size than its shape', `${sizeInBits(shape, bits)} bits of ${dtype}`, 8 * byteLength);
  }
  return { name, storedDType: dtype, shape, fileOffset: dataStart + begin, byteLength };
}

/** Infinity or inexact beyond 2^53, and then equal to no file's size: those are smaller. */
function sizeInBits(shape: Shape, bits: number): number {
  return shape.reduce((product, size) => product * size, bits);
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
