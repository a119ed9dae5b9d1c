import type { StoredTensor } from '@qedge/core';
import { arithmeticEncoding, isCodable } from './arithmetic-encoding.ts';
import { leastByteLength, matrixOf } from './matrix-payload.ts';
import type { EncodingName } from './payload-encoding.ts';
import { ransEncoding } from './rans-encoding.ts';

/**
 * The adaptive coder takes about 100 ns for each bit of a code other than 0, and is chosen where it saves a byte for so many of them: the reader
 * waits at most 25 microseconds for a byte.
 */
const BITS_PER_SAVED_BYTE = 256;

/** What a header's text grows by, about, where it names the other coder. */
const NAME_BYTES = 4;

/** A payload of one of the entropy coders. */
export interface EntropyCodedPayload {
  readonly encoding: EncodingName;
  readonly bytes: Uint8Array;
}

/** The payload of the entropy coder that suits a tensor, or null where none does: few bytes, and quick to read where the bytes are nearly the same. */
export function entropyCode(tensor: StoredTensor): EntropyCodedPayload | null {
  if (!isCodable(tensor)) return null;
  const adaptive = { encoding: arithmeticEncoding.name, bytes: arithmeticEncoding.encode(tensor) };
  if (!tensor.quantization) return adaptive;
  const fast = { encoding: ransEncoding.name, bytes: ransEncoding.encode(tensor) };
  const { codes, description } = matrixOf(tensor);
  if (fast.bytes.length < leastByteLength(codes.length)) return adaptive;
  let used = 0;
  for (const code of codes) if (code !== description.center) used++;
  const worth = Math.floor((used * tensor.quantization.bits) / BITS_PER_SAVED_BYTE);
  return fast.bytes.length + NAME_BYTES <= adaptive.bytes.length + worth ? fast : adaptive;
}
