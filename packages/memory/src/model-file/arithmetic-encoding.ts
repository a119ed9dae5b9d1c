import type { QuantizationParameters, StoredTensor } from '@qedge/core';
import { decodeHalfFloats, encodeHalfFloats } from '../entropy-coding/half-float-coder.ts';
import { decodeMatrix, encodeMatrix, type MatrixDescription } from '../entropy-coding/matrix-codec.ts';
import { codeRange } from './code-range.ts';
import { allocateCodes, quantizationOf } from './packed-codes-encoding.ts';
import type { PayloadDescription, PayloadEncoding } from './payload-encoding.ts';
import { omittedCode } from './sparse-codes-encoding.ts';

/**
 * Numbers that one byte of payload may stand for. Without a limit a few bytes could ask for any amount of memory and time; payloads of
 * matrices that are emptier than this are filled up with zeros.
 */
const MOST_NUMBERS_PER_BYTE = 256;
/** And those that need no byte. */
const FREE_NUMBERS = 4096;

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

function leastByteLength(elementCount: number): number {
  return Math.ceil(Math.max(0, elementCount - FREE_NUMBERS) / MOST_NUMBERS_PER_BYTE);
}

function encodeCodes(tensor: StoredTensor): Uint8Array {
  const codes = tensor.data as Int8Array | Uint8Array;
  const description = { shape: tensor.shape, quantization: quantizationOf(tensor) };
  return encodeMatrix(codes, describeMatrix(description, codes instanceof Int8Array));
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
