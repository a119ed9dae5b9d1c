import { elementCount, FileFormatError, type QuantizationParameters } from '@qedge/core';
import { packCodes, packedByteLength, unpackCodes } from './bit-packing.ts';
import { codeRange } from './code-range.ts';
import { allocateCodes, quantizationOf } from './packed-codes-encoding.ts';
import type { PayloadEncoding } from './payload-encoding.ts';

/**
 * The code that is left out: the one that stands for 0 when all channels share it, else 0. Writer and reader derive it from the
 * quantisation alone.
 */
export function omittedCode(quantization: QuantizationParameters, signed: boolean): number {
  const zeroPoint = quantization.axis === null ? quantization.zeroPoints[0]! : 0;
  const { lowest, highest } = codeRange(quantization, signed);
  return zeroPoint >= lowest && zeroPoint <= highest ? zeroPoint : 0;
}

function countKept(codes: Int8Array | Uint8Array, omitted: number): number {
  let kept = 0;
  for (let i = 0; i < codes.length; i++) if (codes[i] !== omitted) kept++;
  return kept;
}

function countBits(bitmap: Uint8Array): number {
  let count = 0;
  for (let byte of bitmap) for (; byte !== 0; byte &= byte - 1) count++;
  return count;
}

/** One bit per element that says whether it differs from the omitted code, then the codes that do, packed. For pruned tensors. */
export const sparseCodesEncoding: PayloadEncoding = {
  name: 'sparse-codes',
  measure: ({ quantization, shape, data }) => {
    if (!quantization) return null;
    const codes = data as Int8Array | Uint8Array;
    const kept = countKept(codes, omittedCode(quantization, codes instanceof Int8Array));
    return packedByteLength(elementCount(shape), 1) + packedByteLength(kept, quantization.bits);
  },
  encode: (tensor) => {
    const quantization = quantizationOf(tensor);
    const codes = tensor.data as Int8Array | Uint8Array;
    const omitted = omittedCode(quantization, codes instanceof Int8Array);
    const bitmap = packCodes(
      Uint8Array.from(codes, (code) => (code === omitted ? 0 : 1)),
      1,
    );
    const kept = packCodes(
      codes.filter((code) => code !== omitted),
      quantization.bits,
    );
    const payload = new Uint8Array(bitmap.length + kept.length);
    payload.set(bitmap);
    payload.set(kept, bitmap.length);
    return payload;
  },
  accepts: (byteLength, { elementCount, quantization }) => {
    if (quantization === null) return false;
    const bitmap = packedByteLength(elementCount, 1);
    return byteLength >= bitmap && byteLength <= bitmap + packedByteLength(elementCount, quantization.bits);
  },
  decode: (payload, description) => {
    const quantization = quantizationOf(description);
    const codes = allocateCodes(description);
    const signed = codes instanceof Int8Array;
    const bitmap = payload.subarray(0, packedByteLength(codes.length, 1));
    const keptCount = countBits(bitmap);
    const expected = bitmap.length + packedByteLength(keptCount, quantization.bits);
    if (payload.length !== expected) {
      throw new FileFormatError('A sparse tensor contradicts its occupancy bitmap', {
        expected: `${expected} bytes for ${keptCount} codes`,
        actual: `${payload.length} bytes`,
      });
    }
    const kept = signed ? new Int8Array(keptCount) : new Uint8Array(keptCount);
    unpackCodes(payload.subarray(bitmap.length), quantization.bits, kept);
    const omitted = omittedCode(quantization, signed);
    let next = 0;
    for (let i = 0; i < codes.length; i++) {
      codes[i] = (bitmap[i >> 3]! >> (i & 7)) & 1 ? kept[next++]! : omitted;
    }
    if (next !== keptCount) {
      throw new FileFormatError('A sparse tensor has occupancy bits beyond its last element', {
        expected: `${next} bits set`,
        actual: `${keptCount}`,
      });
    }
    return codes;
  },
};
