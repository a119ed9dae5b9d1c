import type { QuantizationParameters, StoredTensor } from '@qedge/core';
import type { MatrixDescription } from '../entropy-coding/matrix-scan.ts';
import { codeRange } from './code-range.ts';
import { quantizationOf } from './packed-codes-encoding.ts';
import type { PayloadDescription } from './payload-encoding.ts';
import { omittedCode } from './sparse-codes-encoding.ts';

/**
 * Numbers that one byte of payload may stand for. Without a limit a few bytes could ask for any amount of memory and time; payloads of
 * matrices that are emptier than this are filled up with zeros.
 */
const MOST_NUMBERS_PER_BYTE = 256;
/** And those that need no byte. */
const FREE_NUMBERS = 4096;

/** The fewest bytes of an entropy-coded payload. */
export function leastByteLength(elementCount: number): number {
  return Math.ceil(Math.max(0, elementCount - FREE_NUMBERS) / MOST_NUMBERS_PER_BYTE);
}

/** A tensor of codes as a matrix whose columns are those of its last axis. */
export function describeMatrix(
  { shape, quantization }: Pick<PayloadDescription, 'shape' | 'quantization'>,
  signed: boolean,
): MatrixDescription {
  const parameters = quantizationOf({ quantization });
  const { lowest, highest } = codeRange(parameters, signed);
  const columns = shape.length === 0 ? 1 : shape[shape.length - 1]!;
  const rows = shape.slice(0, -1).reduce((count, size) => count * size, 1);
  return { rows, columns, lowest, highest, center: omittedCode(parameters, signed) };
}

/** The matrix of a tensor that has a quantisation. */
export function matrixOf({
  shape,
  quantization,
  data,
}: Pick<StoredTensor, 'shape' | 'data'> & { readonly quantization?: QuantizationParameters | null }): {
  readonly codes: Int8Array | Uint8Array;
  readonly description: MatrixDescription;
} {
  const codes = data as Int8Array | Uint8Array;
  const described = { shape, quantization: quantizationOf({ quantization }) };
  return { codes, description: describeMatrix(described, codes instanceof Int8Array) };
}
