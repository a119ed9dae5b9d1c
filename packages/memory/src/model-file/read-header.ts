import type { ByteSource } from '../byte-source.ts';
import { type CheckedHeader, parseHeader } from './header.ts';
import { decodePrefix, PREFIX_BYTES, verifyHeaderChecksum } from './prefix.ts';

/**
 * Reads and checks everything of a model file that lies before its payloads.
 *
 * @throws FileFormatError, UnsupportedError, and what the source throws.
 */
export function readHeader(source: ByteSource): CheckedHeader {
  const { name } = source;
  return source.borrow(0, Math.min(PREFIX_BYTES, source.byteLength), (prefixBytes) => {
    const prefix = decodePrefix(prefixBytes, source.byteLength, name);
    const { headerByteLength, parameterByteLength } = prefix;
    return source.borrow(PREFIX_BYTES, headerByteLength + parameterByteLength, (bytes) => {
      verifyHeaderChecksum(prefix, prefixBytes, bytes, name);
      return parseHeader(bytes.subarray(0, headerByteLength), bytes.subarray(headerByteLength), prefix, name);
    });
  });
}
