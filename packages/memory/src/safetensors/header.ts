import { FileFormatError, type Shape } from '@qedge/core';
import type { ByteSource } from '../byte-source.ts';
import { describeJson, parseStrictJson } from '../strict-json.ts';
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

function readHeaderLength(source: ByteSource): number {
  const { name, byteLength } = source;
  const bad = (what: string, expected: string, actual: string) =>
    new FileFormatError(`${name} ${what}`, { expected, actual, remedy: 'Is it a safetensors file?' });
  if (byteLength < LENGTH_BYTES) {
    throw bad('is too short for the length of a header', `${LENGTH_BYTES} bytes`, `${byteLength} bytes`);
  }
  const length = source.borrow(0, LENGTH_BYTES, (bytes) =>
    new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true),
  );
  if (length > LONGEST_HEADER_BYTES) {
    throw bad('has a header that is too long', `at most ${LONGEST_HEADER_BYTES} bytes`, `${length} bytes`);
  }
  if (LENGTH_BYTES + Number(length) > byteLength) {
    throw bad('has a header that leaves it', `within ${byteLength} bytes`, `${length} bytes`);
  }
  return Number(length);
}

function checkEntry(file: string, name: string, value: unknown, dataStart: number): SafetensorsEntry {
  const bad = (what: string, expected: string, actual: unknown) =>
    new FileFormatError(`${file}: tensor ${JSON.stringify(name)} has ${what}`, {
      expected,
      actual: describeJson(actual),
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
  const bitLength = bits === undefined ? null : sizeInBits(shape, bits);
  if (Number.isNaN(bitLength)) throw bad('an impossible shape', 'at most 2^53 - 1 bits', shape);
  if (bitLength !== null && bitLength !== 8 * byteLength) {
    throw bad('another size than its shape', `${bitLength} bits of ${dtype}`, 8 * byteLength);
  }
  return { name, storedDType: dtype, shape, fileOffset: dataStart + begin, byteLength };
}

/** NaN when a product on the way is no exact integer, even when a later 0 would make it one. */
function sizeInBits(shape: Shape, bits: number): number {
  let product = bits;
  for (const size of shape) {
    product *= size;
    if (!Number.isSafeInteger(product)) return Number.NaN;
  }
  return product;
}

function byPosition(a: SafetensorsEntry, b: SafetensorsEntry): number {
  return a.fileOffset - b.fileOffset || a.byteLength - b.byteLength;
}

/** Neither hidden bytes nor bytes that mean two things: what one reader sees is what every reader sees. */
function checkCoverage(
  file: string,
  entries: readonly SafetensorsEntry[],
  dataStart: number,
  fileByteLength: number,
): void {
  let end = dataStart;
  for (const { name, fileOffset, byteLength } of entries) {
    if (fileOffset !== end) {
      const what = fileOffset < end ? 'overlaps the one before it' : 'leaves a hole before it';
      throw new FileFormatError(`${file}: tensor ${JSON.stringify(name)} ${what}`, {
        expected: `data from byte ${end - dataStart}`,
        actual: `${fileOffset - dataStart}`,
        facts: { tensor: name },
      });
    }
    end += byteLength;
  }
  if (end === fileByteLength) return;
  const missing = end - fileByteLength;
  throw new FileFormatError(
    missing > 0 ? `${file} is truncated: ${missing} bytes are missing` : `${file} has bytes of no tensor`,
    { expected: `${end} bytes`, actual: `${fileByteLength} bytes` },
  );
}

function checkMetadata(file: string, metadata: unknown): Readonly<Record<string, string>> {
  if (metadata === undefined) return {};
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw new FileFormatError(`${file} has metadata that is not an object`);
  }
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value === 'string') continue;
    throw new FileFormatError(`${file} has metadata ${JSON.stringify(key)} that is not a string`, {
      actual: describeJson(value),
    });
  }
  return metadata as Readonly<Record<string, string>>;
}

function isSizes(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
