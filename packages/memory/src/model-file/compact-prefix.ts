import { FileFormatError } from '@qedge/core';
import { crc32 } from './crc32.ts';
import { assertFileLength, COMPACT_VERSION, MAGIC, truncated, VERSION_END } from './prefix.ts';
import { encodeVarint, VarintReader } from './varint.ts';

/** The longest prefix: magic number, version, five numbers, checksum. */
export const LONGEST_COMPACT_PREFIX = VERSION_END + 5 * 8 + 4;

/** Lengths of the parts of a compact file, in their order. */
export interface CompactLengths {
  readonly fileByteLength: number;
  /** Bytes of the header as they are in the file. */
  readonly headerByteLength: number;
  /** Bytes of the JSON that the header stands for; 0 where it is not coded. */
  readonly textByteLength: number;
  /** Bytes of scales, zero points and checksums. */
  readonly parameterByteLength: number;
  /** Bytes of all payloads that follow without alignment and share the header's checksum. */
  readonly smallPayloadByteLength: number;
}

/** What a compact file begins with. */
export interface CompactPrefix extends CompactLengths {
  readonly prefixByteLength: number;
  /** CRC-32 of all before it in the prefix, and of the header, the parameters and the small payloads. */
  readonly crc32: number;
}

/** Where the front of a file ends: everything that is read when it is opened. */
export function frontByteLength(prefix: CompactPrefix): number {
  const { prefixByteLength, headerByteLength, parameterByteLength, smallPayloadByteLength } = prefix;
  return prefixByteLength + headerByteLength + parameterByteLength + smallPayloadByteLength;
}

/** Bytes of the prefix of a file with these lengths. */
export function compactPrefixByteLength(lengths: CompactLengths): number {
  return VERSION_END + numbersOf(lengths).length + 4;
}

/** Writes the prefix, including the checksum of the `front` bytes that follow it. */
export function encodeCompactPrefix(lengths: CompactLengths, front: Uint8Array): Uint8Array {
  const numbers = numbersOf(lengths);
  const bytes = new Uint8Array(VERSION_END + numbers.length + 4);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint32(8, COMPACT_VERSION, true);
  bytes.set(numbers, VERSION_END);
  const end = VERSION_END + numbers.length;
  view.setUint32(end, crc32(front, crc32(bytes.subarray(0, end))), true);
  return bytes;
}

function numbersOf(lengths: CompactLengths): number[] {
  const { fileByteLength, headerByteLength, textByteLength, parameterByteLength, smallPayloadByteLength } =
    lengths;
  return [
    fileByteLength,
    headerByteLength,
    textByteLength,
    parameterByteLength,
    smallPayloadByteLength,
  ].flatMap(encodeVarint);
}

/**
 * Reads the prefix of a compact file that is `actualByteLength` bytes long and whose version was read.
 *
 * @param bytes the first {@link LONGEST_COMPACT_PREFIX} bytes, or fewer when the file has no more.
 * @throws FileFormatError for a truncated file or impossible lengths.
 */
export function decodeCompactPrefix(
  bytes: Uint8Array,
  actualByteLength: number,
  name: string,
): CompactPrefix {
  const reader = new VarintReader(bytes, VERSION_END);
  const numbers = Array.from({ length: 5 }, () => reader.next());
  const prefixByteLength = reader.position + 4;
  if (numbers.includes(null) || prefixByteLength > bytes.length) {
    if (bytes.length < LONGEST_COMPACT_PREFIX) throw truncated(name, prefixByteLength + 1, actualByteLength);
    throw new FileFormatError(`${name} has impossible lengths`, { expected: 'five numbers below 2^53' });
  }
  const [fileByteLength, headerByteLength, textByteLength, parameterByteLength, smallPayloadByteLength] =
    numbers as [number, number, number, number, number];
  const prefix: CompactPrefix = {
    ...{ prefixByteLength, fileByteLength, headerByteLength, textByteLength, parameterByteLength },
    smallPayloadByteLength,
    crc32: new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(reader.position, true),
  };
  assertFileLength(name, fileByteLength, actualByteLength);
  if (frontByteLength(prefix) > fileByteLength) {
    throw new FileFormatError(`${name} has a header that is longer than the file`, {
      expected: `at most ${fileByteLength} bytes`,
      actual: `${frontByteLength(prefix)} bytes`,
    });
  }
  return prefix;
}
