import { type DType, dtypeByteLength, elementCount, type TensorData } from '@qedge/core';
import type { PayloadEncoding } from './payload-encoding.ts';

type TensorDataConstructor = {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TensorData;
};

const CONSTRUCTORS: Readonly<Record<DType, TensorDataConstructor>> = {
  float64: Float64Array,
  float32: Float32Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int4: Uint8Array,
  uint4: Uint8Array,
};

/** The typed array that holds elements of `dtype`. */
export function dataConstructor(dtype: DType): TensorDataConstructor {
  return CONSTRUCTORS[dtype];
}

/** The numbers as they lie in memory, little-endian. For everything that is not integer codes. */
export const rawEncoding: PayloadEncoding = {
  name: 'raw',
  measure: (tensor) =>
    tensor.quantization ? null : dtypeByteLength(tensor.dtype, elementCount(tensor.shape)),
  encode: ({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  accepts: (byteLength, { dtype, elementCount, quantization }) =>
    quantization === null && byteLength === dtypeByteLength(dtype, elementCount),
  decode: (payload, { dtype }, mayView) => {
    const Data = CONSTRUCTORS[dtype];
    const aligned = payload.byteOffset % Data.BYTES_PER_ELEMENT === 0;
    // Not `slice` on a Node Buffer: there it is a view.
    const bytes = mayView && aligned ? payload : new Uint8Array(payload);
    return new Data(bytes.buffer, bytes.byteOffset, bytes.byteLength / Data.BYTES_PER_ELEMENT);
  },
};
