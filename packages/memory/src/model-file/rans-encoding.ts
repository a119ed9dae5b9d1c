import { decodeRansMatrix, encodeRansMatrix } from '../entropy-coding/rans-matrix-codec.ts';
import { describeMatrix, leastByteLength, matrixOf } from './matrix-payload.ts';
import { allocateCodes } from './packed-codes-encoding.ts';
import type { PayloadEncoding } from './payload-encoding.ts';

/**
 * Integer codes by range asymmetric numeral systems: what an arithmetic coder takes for dense matrices, at a tenth of its time. Matrices that would need
 * fewer bytes than any payload may have are left to the other encodings.
 */
export const ransEncoding: PayloadEncoding = {
  name: 'rans',
  measure: (tensor) => {
    if (!tensor.quantization) return null;
    const { length } = ransEncoding.encode(tensor);
    return length < leastByteLength(tensor.data.length) ? null : length;
  },
  encode: (tensor) => {
    const { codes, description } = matrixOf(tensor);
    return encodeRansMatrix(codes, description);
  },
  accepts: (byteLength, { elementCount, quantization }) =>
    quantization !== null && byteLength >= leastByteLength(elementCount),
  decode: (payload, description) => {
    const codes = allocateCodes(description);
    decodeRansMatrix(payload, describeMatrix(description, codes instanceof Int8Array), codes);
    return codes;
  },
};
