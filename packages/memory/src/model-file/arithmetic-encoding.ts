import type { QuantizationParameters, StoredTensor } from '@qedge/core';
import { decodeHalfFloats, encodeHalfFloats } from '../entropy-coding/half-float-coder.ts';
import { decodeMatrix, encodeMatrix } from '../entropy-coding/matrix-codec.ts';
import { describeMatrix, leastByteLength, matrixOf } from './matrix-payload.ts';
import { allocateCodes } from './packed-codes-encoding.ts';
import type { PayloadEncoding } from './payload-encoding.ts';

/**
 * Integer codes, and 16-bit floats, as an adaptive binary arithmetic coder writes them: in the fewest bytes, at some ten million numbers per
 * second.
 */
export const arithmeticEncoding: PayloadEncoding = {
  name: 'arithmetic',
  measure: (tensor) => (isCodable(tensor) ? encodeTensor(tensor).length : null),
  encode: encodeTensor,
  accepts: (byteLength, { dtype, elementCount, quantization }) =>
    isCodable({ dtype, quantization }) && byteLength >= leastByteLength(elementCount),
  decode: (payload, description) => {
    if (description.quantization === null) {
      const floats = new Uint16Array(description.elementCount);
      decodeHalfFloats(payload, floats);
      return floats;
    }
    const codes = allocateCodes(description);
    decodeMatrix(payload, describeMatrix(description, codes instanceof Int8Array), codes);
    return codes;
  },
};

/** Whether there is an arithmetic coder for such a tensor. */
export function isCodable({
  dtype,
  quantization,
}: Pick<StoredTensor, 'dtype'> & { readonly quantization?: QuantizationParameters | null }): boolean {
  return dtype === 'float16' || (quantization !== undefined && quantization !== null);
}

function encodeTensor(tensor: StoredTensor): Uint8Array {
  const coded = tensor.quantization ? encodeCodes(tensor) : encodeHalfFloats(tensor.data as Uint16Array);
  const least = leastByteLength(tensor.data.length);
  if (coded.length >= least) return coded;
  const filled = new Uint8Array(least);
  filled.set(coded);
  return filled;
}

function encodeCodes(tensor: StoredTensor): Uint8Array {
  const { codes, description } = matrixOf(tensor);
  return encodeMatrix(codes, description);
}
