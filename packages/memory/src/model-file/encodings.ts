import type { StoredTensor } from '@qedge/core';
import { arithmeticEncoding } from './arithmetic-encoding.ts';
import { packedCodesEncoding } from './packed-codes-encoding.ts';
import type { EncodingName, PayloadEncoding } from './payload-encoding.ts';
import { ransEncoding } from './rans-encoding.ts';
import { rawEncoding } from './raw-encoding.ts';
import { sparseCodesEncoding } from './sparse-codes-encoding.ts';

/** Every encoding by name. */
export const ENCODINGS: Readonly<Record<EncodingName, PayloadEncoding>> = {
  raw: rawEncoding,
  'packed-codes': packedCodesEncoding,
  'sparse-codes': sparseCodesEncoding,
  arithmetic: arithmeticEncoding,
  rans: ransEncoding,
};

/** The encodings that are read at the speed of memory. */
const FAST_ENCODINGS: readonly PayloadEncoding[] = [rawEncoding, packedCodesEncoding, sparseCodesEncoding];

/** The one that writes a valid tensor in the fewest bytes among those that need no entropy decoder; the earlier when two are equal. */
export function smallestFastEncoding(tensor: StoredTensor): PayloadEncoding {
  let best: PayloadEncoding = rawEncoding;
  let fewest = Number.POSITIVE_INFINITY;
  for (const encoding of FAST_ENCODINGS) {
    const byteLength = encoding.measure(tensor);
    if (byteLength === null || byteLength >= fewest) continue;
    best = encoding;
    fewest = byteLength;
  }
  return best;
}
