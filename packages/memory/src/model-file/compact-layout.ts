import { type DType, dtypeByteLength, elementCount, type Shape } from '@qedge/core';
import { packedByteLength } from './bit-packing.ts';
import type { EncodingName } from './payload-encoding.ts';
import { alignUp, LINE_BYTES, PAGE_BYTES } from './prefix.ts';

/** Payloads below this follow the header without alignment and share its checksum. */
export const SMALL_PAYLOAD_BYTES = 4096;

/** A payload that has no place yet. */
export interface UnplacedPayload {
  readonly encoding: EncodingName;
  readonly byteLength: number;
}

/** Offsets from the start of the file, in the order of what was placed. */
export interface CompactPlaces {
  readonly payloads: readonly number[];
  readonly sections: readonly number[];
  /** The end of the file. */
  readonly end: number;
}

/** The bytes of all small payloads. */
export function smallPayloadByteLength(payloads: readonly UnplacedPayload[]): number {
  return payloads.reduce((sum, { byteLength }) => sum + (isSmall({ byteLength }) ? byteLength : 0), 0);
}

/** Whether a payload is in the front of the file, without a checksum of its own. */
export function isSmall({ byteLength }: Pick<UnplacedPayload, 'byteLength'>): boolean {
  return byteLength < SMALL_PAYLOAD_BYTES;
}

/**
 * Where the parts of a compact file lie, which the file does not say: small payloads, then the other payloads, raw ones at multiples of 64,
 * then sections, as in version 2; each group in the order of the header.
 *
 * @param start where the parameters end.
 */
export function placeCompactParts(
  payloads: readonly UnplacedPayload[],
  sectionByteLengths: readonly number[],
  start: number,
): CompactPlaces {
  let end = start;
  const place = (byteLength: number, alignment: number): number => {
    const position = alignUp(end, alignment);
    end = position + byteLength;
    return position;
  };
  const places = payloads.map((payload) => (isSmall(payload) ? place(payload.byteLength, 1) : 0));
  for (const [index, payload] of payloads.entries()) {
    if (isSmall(payload)) continue;
    places[index] = place(payload.byteLength, payload.encoding === 'raw' ? LINE_BYTES : 1);
  }
  const sections = sectionByteLengths.map((byteLength) =>
    place(byteLength, byteLength >= PAGE_BYTES ? PAGE_BYTES : LINE_BYTES),
  );
  return { payloads: places, sections, end };
}

/** The length of payloads that have no choice of one, which compact headers leave out; null for others. */
export function impliedByteLength(
  encoding: EncodingName,
  dtype: DType,
  shape: Shape,
  bits: number | undefined,
): number | null {
  if (encoding === 'raw') return dtypeByteLength(dtype, elementCount(shape));
  if (encoding === 'packed-codes' && bits !== undefined) return packedByteLength(elementCount(shape), bits);
  return null;
}
