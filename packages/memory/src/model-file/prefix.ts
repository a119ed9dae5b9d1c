import { FileFormatError } from '@qedge/core';
import { crc32 } from './crc32.ts';

/** `\x89QEZ\r\n\x1a\n`: like PNG's, it shows a file that was cut to 7 bits or had its line ends converted. */
export const MAGIC = Uint8Array.of(0x89, 0x51, 0x45, 0x5a, 0x0d, 0x0a, 0x1a, 0x0a);

/** Versions with a plain header. Version 2 is written, version 1 is read too; version 3 is the compact one (`compact-prefix.ts`). */
export type FormatVersion = 1 | 2;

/** The version that is written with a plain header. */
export const FORMAT_VERSION: FormatVersion = 2;

/** The version whose header is coded. */
export const COMPACT_VERSION = 3;

/** Bytes up to the end of the version. */
export const VERSION_END = 12;

/** Bytes before the JSON header. */
export const PREFIX_BYTES = 32;

/** The payload area begins at a multiple of this, and so do large raw payloads and sections: one cache line, one AVX-512 register. */
export const LINE_BYTES = 64;

/** Where the area holds a large section, it begins at a multiple of this, a page of WebAssembly memory and of every processor. */
export const PAGE_BYTES = 65_536;

/** What the first 32 bytes say. */
export interface Prefix {
  readonly version: FormatVersion;
  readonly fileByteLength: number;
  /** Bytes of JSON that follow the prefix. */
  readonly headerByteLength: number;
  /** Bytes of scales and zero points that follow the JSON. */
  readonly parameterByteLength: number;
  /** CRC-32 of the first 28 bytes, the JSON and the parameters. */
  readonly crc32: number;
}

/** `position` rounded up to a multiple of `alignment`. */
export function alignUp(position: number, alignment: number): number {
  return Math.ceil(position / alignment) * alignment;
}

/** Where the payload area begins: at the next multiple of `alignment` after the parameters. */
export function payloadAreaOffset(
  prefix: Pick<Prefix, 'headerByteLength' | 'parameterByteLength'>,
  alignment: number,
): number {
  return alignUp(PREFIX_BYTES + prefix.headerByteLength + prefix.parameterByteLength, alignment);
}

/** Writes the prefix, including the checksum of `headerAndParameters`. */
export function encodePrefix(lengths: Omit<Prefix, 'crc32'>, headerAndParameters: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(PREFIX_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(8, lengths.version, true);
  view.setUint32(12, lengths.headerByteLength, true);
  view.setBigUint64(16, BigInt(lengths.fileByteLength), true);
  view.setUint32(24, lengths.parameterByteLength, true);
  view.setUint32(28, crc32(headerAndParameters, crc32(bytes.subarray(0, 28))), true);
  return bytes;
}

/**
 * The version of a file, read before anything else is.
 *
 * @param bytes the first 12 bytes or more, or fewer when the file has no more.
 * @throws FileFormatError for a wrong magic number, an unknown version or a file that ends before it.
 */
export function readVersion(
  bytes: Uint8Array,
  actualByteLength: number,
  name: string,
): FormatVersion | typeof COMPACT_VERSION {
  checkMagic(bytes, name);
  if (bytes.length < VERSION_END) throw truncated(name, VERSION_END, actualByteLength);
  const version = new DataView(bytes.buffer, bytes.byteOffset, VERSION_END).getUint32(8, true);
  if (version === 1 || version === FORMAT_VERSION || version === COMPACT_VERSION) return version;
  throw new FileFormatError(`${name} has an unknown format version`, {
    expected: `1, ${FORMAT_VERSION} or ${COMPACT_VERSION}`,
    actual: version,
    ...(version > COMPACT_VERSION ? { remedy: 'Update @qedge/memory to read newer files' } : {}),
  });
}

/**
 * Reads the prefix of a file that is `actualByteLength` bytes long.
 *
 * @param bytes the first 32 bytes, or fewer when the file has no more.
 * @throws FileFormatError for a truncated file or impossible lengths.
 */
export function decodePrefix(bytes: Uint8Array, actualByteLength: number, name: string): Prefix {
  if (bytes.length < PREFIX_BYTES) throw truncated(name, PREFIX_BYTES, actualByteLength);
  const view = new DataView(bytes.buffer, bytes.byteOffset, PREFIX_BYTES);
  const version = view.getUint32(8, true) as FormatVersion;
  const fileByteLength = Number(view.getBigUint64(16, true));
  const prefix: Prefix = {
    version,
    fileByteLength,
    headerByteLength: view.getUint32(12, true),
    parameterByteLength: view.getUint32(24, true),
    crc32: view.getUint32(28, true),
  };
  assertFileLength(name, fileByteLength, actualByteLength);
  if (payloadAreaOffset(prefix, LINE_BYTES) > fileByteLength) {
    throw new FileFormatError(`${name} has a header that is longer than the file`, {
      expected: `at most ${fileByteLength - PREFIX_BYTES} bytes`,
      actual: `${prefix.headerByteLength + prefix.parameterByteLength} bytes`,
    });
  }
  return prefix;
}

/** @throws FileFormatError when a file has fewer bytes than it says, or more. */
export function assertFileLength(name: string, expected: number, actual: number): void {
  if (actual < expected) throw truncated(name, expected, actual);
  if (actual === expected) return;
  throw new FileFormatError(`${name} has bytes after its end`, {
    expected: `${expected} bytes`,
    actual: `${actual} bytes`,
  });
}

/** @throws FileFormatError when header or parameters are not what was written. */
export function verifyHeaderChecksum(
  prefix: Prefix,
  prefixBytes: Uint8Array,
  headerAndParameters: Uint8Array,
  name: string,
): void {
  assertHeaderChecksum(prefix.crc32, crc32(headerAndParameters, crc32(prefixBytes.subarray(0, 28))), name);
}

/** @throws FileFormatError */
export function assertHeaderChecksum(expected: number, actual: number, name: string): void {
  if (actual === expected) return;
  throw new FileFormatError(`${name} has a damaged header`, {
    expected: `CRC-32 ${hexadecimal(expected)}`,
    actual: hexadecimal(actual),
  });
}

/** `0xcbf43926`. */
export function hexadecimal(checksum: number): string {
  return `0x${checksum.toString(16).padStart(8, '0')}`;
}

function checkMagic(bytes: Uint8Array, name: string): void {
  const found = bytes.subarray(0, MAGIC.length);
  // A short file that begins correctly is truncated, not foreign.
  if (found.length > 0 && found.every((byte, at) => byte === MAGIC[at])) return;
  throw new FileFormatError(`${name} is not a .qez model file: wrong magic number`, {
    expected: spellBytes(MAGIC),
    actual: found.length === 0 ? 'an empty file' : spellBytes(found),
    remedy: 'Write model files with encodeModel or saveModelFile of @qedge/memory',
  });
}

function spellBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** The error for a file of `actual` bytes that should have `expected`. */
export function truncated(name: string, expected: number, actual: number): FileFormatError {
  return new FileFormatError(`${name} is truncated: ${expected - actual} bytes are missing`, {
    expected: `${expected} bytes`,
    actual: `${actual} bytes`,
    remedy: 'Copy or download the file again',
    facts: { missingBytes: expected - actual },
  });
}
