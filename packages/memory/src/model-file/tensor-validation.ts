import {
  elementCount,
  formatShape,
  InvalidArgumentError,
  isDType,
  NonFiniteValueError,
  type QuantizationParameters,
  type Shape,
  ShapeMismatchError,
  type StoredTensor,
} from '@qedge/core';
import { codeRange, findCodeOutOfRange } from './code-range.ts';
import { dataConstructor } from './raw-encoding.ts';
import { scaleCount } from './scale-count.ts';

/**
 * Checks that a tensor can be stored: a known dtype with the right typed array, as many elements as its shape has, codes within
 * their range.
 *
 * @param numbers `finite` refuses NaN and infinities, which weights that were trained have by accident only.
 * @throws InvalidArgumentError, ShapeMismatchError or NonFiniteValueError naming the tensor.
 */
export function validateStoredTensor(tensor: StoredTensor, numbers: 'finite' | 'any'): void {
  const { name, dtype, shape, data } = tensor;
  if (typeof name !== 'string' || name === '') {
    throw new InvalidArgumentError('A tensor needs a name', {
      expected: 'a non-empty string',
      actual: name,
    });
  }
  if (!isDType(dtype)) {
    throw new InvalidArgumentError(`Tensor "${name}" has an unknown dtype`, { actual: String(dtype) });
  }
  const Data = dataConstructor(dtype);
  if (!(data instanceof (Data as unknown as new () => unknown))) {
    throw new InvalidArgumentError(`Tensor "${name}" has the wrong kind of data for ${dtype}`, {
      expected: (Data as unknown as { name: string }).name,
      actual: (data as object | undefined)?.constructor.name ?? String(data),
    });
  }
  const count = elementCount(shape);
  const length = dtype === 'int4' || dtype === 'uint4' ? Math.ceil(count / 2) : count;
  if (data.length !== length) {
    throw new ShapeMismatchError(
      `Tensor "${name}" has the wrong length for its shape ${formatShape(shape)}`,
      {
        expected: `${length} elements`,
        actual: `${data.length}`,
      },
    );
  }
  if (tensor.quantization) validateCodes(tensor, tensor.quantization);
  else if (numbers === 'finite') validateFinite(tensor);
}

function validateCodes(
  { name, dtype, shape, data }: StoredTensor,
  quantization: QuantizationParameters,
): void {
  if (dtype !== 'int8' && dtype !== 'uint8') {
    throw new InvalidArgumentError(`Tensor "${name}" is quantised but not made of codes`, {
      expected: 'dtype int8 or uint8, one element per code whatever `bits` is',
      actual: dtype,
    });
  }
  const problem = findQuantizationProblem(quantization, shape, dtype === 'int8');
  if (problem) {
    throw new InvalidArgumentError(`Tensor "${name}" has impossible quantisation parameters`, {
      expected: problem.expected,
      actual: problem.actual,
    });
  }
  const codes = data as Int8Array | Uint8Array;
  const range = codeRange(quantization, dtype === 'int8');
  const outside = findCodeOutOfRange(codes, range);
  if (outside >= 0) {
    throw new InvalidArgumentError(`Tensor "${name}" has a code out of range at index ${outside}`, {
      expected: `${range.lowest}..${range.highest} for ${quantization.bits} bits`,
      actual: codes[outside]!,
      facts: { tensor: name, index: outside },
    });
  }
}

/** What is wrong with quantisation parameters, or null. Shared by writer (argument error) and reader (format error). */
export function findQuantizationProblem(
  { bits, symmetric, scales, zeroPoints, axis, groupSize }: QuantizationParameters,
  shape: Shape,
  signed: boolean,
): { readonly expected: string; readonly actual: string | number } | null {
  if (!Number.isInteger(bits) || bits < 1 || bits > 8) return { expected: 'bits in 1..8', actual: bits };
  if (typeof symmetric !== 'boolean')
    return { expected: 'symmetric to be true or false', actual: String(symmetric) };
  if (symmetric && !signed) return { expected: 'signed codes (int8) when symmetric', actual: 'uint8' };
  if (bits === 1 && !symmetric) return { expected: 'symmetric codes with 1 bit', actual: 'others' };
  if (axis !== null && !(Number.isInteger(axis) && axis >= 0 && axis < shape.length)) {
    return { expected: `axis null or an axis of ${formatShape(shape)}`, actual: String(axis) };
  }
  if (groupSize !== undefined) {
    if (!Number.isSafeInteger(groupSize) || groupSize < 1)
      return { expected: 'a group size >= 1', actual: String(groupSize) };
    if (axis === null || axis !== shape.length - 1)
      return { expected: 'groups of rows along the last axis', actual: String(axis) };
  }
  if (!(scales instanceof Float32Array))
    return { expected: 'scales as a Float32Array', actual: typeof scales };
  if (!(zeroPoints instanceof Int32Array))
    return { expected: 'zero points as an Int32Array', actual: typeof zeroPoints };
  const channels = scaleCount({ axis, groupSize }, shape);
  if (scales.length !== channels) return { expected: `${channels} scales`, actual: scales.length };
  if (zeroPoints.length !== channels)
    return { expected: `${channels} zero points`, actual: zeroPoints.length };
  const badScale = scales.find((scale) => !(Number.isFinite(scale) && scale > 0));
  if (badScale !== undefined) return { expected: 'scales > 0 and finite', actual: badScale };
  if (symmetric && zeroPoints.some((zeroPoint) => zeroPoint !== 0)) {
    return { expected: 'zero points of 0 when symmetric', actual: 'others' };
  }
  return null;
}

function validateFinite({ name, dtype, data }: StoredTensor): void {
  const index = findNonFinite(dtype, data);
  if (index < 0) return;
  throw new NonFiniteValueError(`Tensor "${name}" holds a number that is not finite at index ${index}`, {
    expected: 'finite weights',
    actual: dtype === 'float64' || dtype === 'float32' ? data[index]! : `0x${data[index]!.toString(16)}`,
    remedy: 'Check the training for divergence before saving',
    facts: { tensor: name, index },
  });
}

/** A half float is NaN or infinite exactly when all bits of its exponent are set. */
const HALF_EXPONENT_MASK: Readonly<Record<string, number>> = { float16: 0x7c00, bfloat16: 0x7f80 };

function findNonFinite(dtype: string, data: StoredTensor['data']): number {
  if (data instanceof Float32Array || data instanceof Float64Array) {
    for (let i = 0; i < data.length; i++) if (!Number.isFinite(data[i]!)) return i;
    return -1;
  }
  const mask = HALF_EXPONENT_MASK[dtype];
  if (mask === undefined) return -1;
  for (let i = 0; i < data.length; i++) if ((data[i]! & mask) === mask) return i;
  return -1;
}
