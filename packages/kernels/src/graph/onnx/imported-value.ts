import { type Shape, UnsupportedError, type ValueDType } from '@qedge/core';
import { Constant, MAX_FOLDED_ELEMENTS, runtimeDType } from './constant.ts';
import type { DecodedNumbers } from './decode-tensor.ts';
import type { OnnxElementType } from './element-type.ts';

/** A value of an ONNX graph while it is being imported. */
export interface ImportedValue {
  /** Its type in the ONNX graph. */
  readonly type: OnnxElementType;
  readonly shape: Shape;
  /** Its numbers in the operator graph: those of {@link runtimeDType}, or float32 for truth values and integers that were computed. */
  readonly dtype: ValueDType;
  /** Null for what is known only when the graph runs. */
  readonly constant: Constant | null;
  /** Its name in the operator graph; null for constants, which get one when a node reads them. */
  readonly name: string | null;
  /** The same images channels-last, when a node made them so. */
  readonly channelsLast: ImportedValue | null;
}

/** A constant as a value. */
export function constantValue(constant: Constant): ImportedValue {
  const { type, shape } = constant;
  return { type, shape, dtype: runtimeDType(type), constant, name: null, channelsLast: null };
}

/** Known numbers as a value. */
export function knownValue(
  type: OnnxElementType,
  shape: Shape,
  numbers: ArrayLike<number> | Iterable<number>,
): ImportedValue {
  return constantValue(Constant.of(type, shape, numbersOf(type, numbers)));
}

/** Numbers in the array that decoded tensors of a type have. */
export function numbersOf(
  type: OnnxElementType,
  numbers: ArrayLike<number> | Iterable<number>,
): DecodedNumbers {
  const values = Array.from(numbers as ArrayLike<number>);
  switch (type) {
    case 'float32':
    case 'float16':
    case 'bfloat16':
      return Float32Array.from(values);
    case 'float64':
    case 'int64':
    case 'uint64':
    case 'uint32':
      return Float64Array.from(values);
    case 'uint8':
    case 'uint4':
    case 'bool':
      return Uint8Array.from(values);
    case 'int8':
    case 'int4':
      return Int8Array.from(values);
    default:
      return Int32Array.from(values);
  }
}

/** Whether the numbers are known and few. */
export function isFoldable(value: ImportedValue): value is ImportedValue & { readonly constant: Constant } {
  return value.constant !== null && value.constant.elements <= MAX_FOLDED_ELEMENTS;
}

/** The numbers of a value that must be known while importing. @throws UnsupportedError when they are not. */
export function requireNumbers(value: ImportedValue, what: string): number[] {
  if (isFoldable(value)) return Array.from(value.constant.numbers());
  throw new UnsupportedError(`${what} must be known when the model is imported`, {
    expected: `a constant of at most ${MAX_FOLDED_ELEMENTS} numbers`,
    actual: value.constant === null ? 'a value that is computed' : `${value.constant.elements} numbers`,
    remedy: 'If it depends on an input, give the input under constants.',
  });
}
