import type { StoredTensor } from '@qedge/core';
import { packedCodesEncoding } from './packed-codes-encoding.ts';
import type { EncodingName, PayloadEncoding } from './payload-encoding.ts';
import { rawEncoding } from './raw-encoding.ts';
import { sparseCodesEncoding } from './sparse-codes-encoding.ts';

/** Every encoding by name. */
export const ENCODINGS: Readonly<Record<EncodingName, PayloadEncoding>> = {
  raw: rawEncoding,
  'packed-codes': packedCodesEncoding,
  'sparse-codes': sparseCodesEncoding,
};

/** The encoding that writes a valid tensor in the fewest bytes; the earlier one in {@link ENCODINGS} when two are equal. */
export function smallestEncoding(tensor: StoredTensor): PayloadEncoding {
  let best: PayloadEncoding = rawEncoding;
  let fewest = Number.POSITIVE_INFINITY;
  for (const encoding of Object.values(ENCODINGS)) {
    const byteLength = encoding.measure(tensor);
    if (byteLength === null || byteLength >= fewest) continue;
    best = encoding;
    fewest = byteLength;
  }
  return best;
}
