import type { ValueDType } from '@qedge/core';

/** Types of elements in ONNX files. */
export type OnnxElementType =
  | 'float32'
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'string'
  | 'bool'
  | 'float16'
  | 'float64'
  | 'uint32'
  | 'uint64'
  | 'bfloat16'
  | 'uint4'
  | 'int4';

/** What a type means for the importer. */
interface ElementTypeTraits {
  /** Bits of one element in `raw_data`; 0 for text. */
  readonly bits: number;
  /** The numbers that flow through the operator graph; null where there are none. */
  readonly runtime: ValueDType | null;
  readonly integer: boolean;
}

/** Wider integers and truth values become int32, other floats float32. */
export const ELEMENT_TYPE_TRAITS: Readonly<Record<OnnxElementType, ElementTypeTraits>> = {
  float32: { bits: 32, runtime: 'float32', integer: false },
  float16: { bits: 16, runtime: 'float32', integer: false },
  bfloat16: { bits: 16, runtime: 'float32', integer: false },
  float64: { bits: 64, runtime: 'float32', integer: false },
  uint8: { bits: 8, runtime: 'uint8', integer: true },
  int8: { bits: 8, runtime: 'int8', integer: true },
  uint4: { bits: 4, runtime: 'uint8', integer: true },
  int4: { bits: 4, runtime: 'int8', integer: true },
  uint16: { bits: 16, runtime: 'int32', integer: true },
  int16: { bits: 16, runtime: 'int32', integer: true },
  int32: { bits: 32, runtime: 'int32', integer: true },
  uint32: { bits: 32, runtime: 'int32', integer: true },
  int64: { bits: 64, runtime: 'int32', integer: true },
  uint64: { bits: 64, runtime: 'int32', integer: true },
  bool: { bits: 8, runtime: 'int32', integer: true },
  string: { bits: 0, runtime: null, integer: false },
};

/** `TensorProto.DataType`. */
const CODES: ReadonlyMap<number, OnnxElementType> = new Map([
  [1, 'float32'],
  [2, 'uint8'],
  [3, 'int8'],
  [4, 'uint16'],
  [5, 'int16'],
  [6, 'int32'],
  [7, 'int64'],
  [8, 'string'],
  [9, 'bool'],
  [10, 'float16'],
  [11, 'float64'],
  [12, 'uint32'],
  [13, 'uint64'],
  [16, 'bfloat16'],
  [21, 'uint4'],
  [22, 'int4'],
]);

/** The type with a number of `TensorProto.DataType`; null for those that are not read (complex numbers, 8-bit floats). */
export function elementTypeOf(code: number): OnnxElementType | null {
  return CODES.get(code) ?? null;
}
