import { UnsupportedError } from '@qedge/core';

/** Typed arrays have the host's byte order; every platform that Node and browsers support today but s390x is little-endian. */
export function assertLittleEndianHost(): void {
  if (new Uint8Array(Uint16Array.of(1).buffer)[0] === 1) return;
  throw new UnsupportedError('Model files cannot be read or written on a big-endian machine', {
    expected: 'a little-endian host',
    actual: 'big-endian',
  });
}
