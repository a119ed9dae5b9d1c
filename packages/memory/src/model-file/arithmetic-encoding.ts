import type { StoredTensor } from '@qedge/core';
import { decodeMatrix, encodeMatrix, type MatrixDescription } from '../entropy-coding/matrix-codec.ts';
import { codeRange } from './code-range.ts';
import { allocateCodes, quantizationOf } from './packed-codes-encoding.ts';
import type { PayloadDescription, PayloadEncoding } from './payload-encoding.ts';
import { omittedCode } from './sparse-codes-encoding.ts';

/**
 * Codes that one byte of payload may stand for. Without a limit a few bytes could ask for any amount of memory and time; payloads of
 * matrices that are emptier than this are filled up with zeros.
 */
const MOST_CODES_PER_BYTE = 256;
/** And those that need no byte. */
const FREE_CODES = 4096;

/** Codes as an adaptive binary arithmetic coder writes them: in the fewest bytes, at some ten million codes per second. */
export const arithmeticEncoding: PayloadEncoding = {
  name: 'arithmetic',
  measure: (tensor) => (tensor.quantization ? encodeCodes(tensor).length : null),
  encode: encodeCodes,
  accepts: (byteLength, { elementCount, quantization }) =>
    quantization !== null && byteLength >= leastByteLength(elementCount),
  decode: (payload, description) => {
    const codes = allocateCodes(description);
    decodeMatrix(payload, describeMatrix(description, codes instanceof Int8Array), codes);
    return codes;
  },
};

function leastByteLength(elementCount: number): number {
  return Math.ceil(Math.max(0, elementCount - FREE_CODES) / MOST_CODES_PER_BYTE);
}

function encodeCodes(tensor: StoredTensor): Uint8Array {
  const codes = tensor.data as Int8Array | Uint8Array;
  const description = { shape: tensor.shape, quantization: quantizationOf(tensor) };
  const coded = encodeMatrix(codes, describeMatrix(description, codes instanceof Int8Array));
  const least = leastByteLength(codes.length);
  if (coded.length >= least) return coded;
  const filled = new Uint8Array(least);
  filled.set(coded);
  return filled;
}

/** A tensor as a matrix whose columns are those of its last axis. */
function describeMatrix(
  { shape, quantization }: Pick<PayloadDescription, 'shape' | 'quantization'>,
  signed: boolean,
): MatrixDescription {
  const parameters = quantizationOf({ quantization });
  const { lowest, highest } = codeRange(parameters, signed);
  const columns = shape.length === 0 ? 1 : shape[shape.length - 1]!;
  const rows = shape.slice(0, -1).reduce((count, size) => count * size, 1);
  return { rows, columns, lowest, highest, center: omittedCode(parameters, signed) };
}
