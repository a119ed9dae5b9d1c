/** How one element is stored. `int4` and `uint4` are packed two per byte, low nibble first. */
export type DType =
  | 'float64'
  | 'float32'
  | 'float16'
  | 'bfloat16'
  | 'int32'
  | 'int16'
  | 'int8'
  | 'uint8'
  | 'int4'
  | 'uint4';

/** Bits that one element occupies. */
export const DTYPE_BITS: Readonly<Record<DType, number>> = {
  float64: 64,
  float32: 32,
  float16: 16,
  bfloat16: 16,
  int32: 32,
  int16: 16,
  int8: 8,
  uint8: 8,
  int4: 4,
  uint4: 4,
};

/** Bytes that `count` elements occupy, rounded up to whole bytes. */
export function dtypeByteLength(dtype: DType, count: number): number {
  return Math.ceil((DTYPE_BITS[dtype] * count) / 8);
}

/** True when `value` names a dtype. */
export function isDType(value: unknown): value is DType {
  return typeof value === 'string' && Object.hasOwn(DTYPE_BITS, value);
}
