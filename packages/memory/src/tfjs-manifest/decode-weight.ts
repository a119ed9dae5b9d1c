import { type DType, halfFloatToNumber, type TensorData } from '@qedge/core';
import { dataConstructor } from '../model-file/raw-encoding.ts';
import type { TfjsQuantization, TfjsWeightEntry } from './manifest.ts';

/** What weights of each dtype become; TensorFlow.js keeps truth values in bytes, this package in int32. */
export const LOADED_AS: Readonly<Record<TfjsWeightEntry['dtype'], DType | null>> = {
  float32: 'float32',
  int32: 'int32',
  bool: 'int32',
  complex64: null,
  string: null,
};

/**
 * The numbers of a weight, as TensorFlow.js decodes them: products and sums in float64, then rounded once, for int32 half up.
 *
 * @param mayView whether they may be a view of `bytes`, where these are aligned.
 */
export function decodeWeight(
  { dtype, quantization }: TfjsWeightEntry,
  loadedAs: DType,
  bytes: Uint8Array,
  mayView: boolean,
): TensorData {
  if (quantization?.dtype === 'float16') return decodeHalfFloats(codesOf(bytes, quantization));
  if (quantization) {
    const codes = codesOf(bytes, quantization);
    const { scale, min } = quantization;
    if (dtype === 'int32') return Int32Array.from(codes, (code) => Math.round(code * scale + min));
    return dequantize(codes, scale, min);
  }
  if (dtype === 'bool') return Int32Array.from(bytes, (byte) => (byte === 0 ? 0 : 1));
  const Data = dataConstructor(loadedAs);
  const source = mayView && bytes.byteOffset % Data.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes);
  return new Data(source.buffer, source.byteOffset, source.byteLength / Data.BYTES_PER_ELEMENT);
}

/** A copy where the bytes are not aligned. */
function codesOf(bytes: Uint8Array, { dtype }: TfjsQuantization): Uint8Array | Uint16Array {
  if (dtype === 'uint8') return bytes;
  const source = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes);
  return new Uint16Array(source.buffer, source.byteOffset, source.byteLength / 2);
}

function dequantize(codes: Uint8Array | Uint16Array, scale: number, min: number): Float32Array {
  const numbers = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) numbers[i] = codes[i]! * scale + min;
  return numbers;
}

/** IEEE 754 binary16 to float32, exactly. */
function decodeHalfFloats(codes: Uint8Array | Uint16Array): Float32Array {
  const numbers = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) numbers[i] = halfFloatToNumber(codes[i]!);
  return numbers;
}
