import { elementCount, type QuantizationParameters } from '@qedge/core';
import { packCodes, packedByteLength, unpackCodes } from './bit-packing.ts';
import type { PayloadDescription, PayloadEncoding } from './payload-encoding.ts';

/** The array that codes of this description are decoded into. */
export function allocateCodes({ dtype, elementCount }: PayloadDescription): Int8Array | Uint8Array {
  return dtype === 'uint8' ? new Uint8Array(elementCount) : new Int8Array(elementCount);
}

/** The quantisation of a tensor that is known to have one. */
export function quantizationOf(item: {
  readonly quantization?: QuantizationParameters | null;
}): QuantizationParameters {
  return item.quantization!;
}

/** Every code with its real width, without gaps. */
export const packedCodesEncoding: PayloadEncoding = {
  name: 'packed-codes',
  measure: ({ quantization, shape }) =>
    quantization ? packedByteLength(elementCount(shape), quantization.bits) : null,
  encode: (tensor) => packCodes(tensor.data as Int8Array | Uint8Array, quantizationOf(tensor).bits),
  accepts: (byteLength, { elementCount, quantization }) =>
    quantization !== null && byteLength === packedByteLength(elementCount, quantization.bits),
  decode: (payload, description) =>
    unpackCodes(payload, quantizationOf(description).bits, allocateCodes(description)),
};
