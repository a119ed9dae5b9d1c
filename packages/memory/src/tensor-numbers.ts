import { elementCount, halfFloatToNumber, type StoredTensor, UnsupportedError } from '@qedge/core';

/**
 * The real numbers of a tensor: half floats widened, codes multiplied by their scales, integers and floats as they are, rounded to float32.
 *
 * @returns a new array, row-major, one element each.
 * @throws UnsupportedError for packed int4 and uint4 without quantisation parameters.
 */
export function tensorToFloat32(tensor: StoredTensor): Float32Array {
  const { name, dtype, data, quantization } = tensor;
  if (dtype === 'int4' || dtype === 'uint4') {
    throw new UnsupportedError(`Tensor "${name}" holds two codes in a byte and no scale`, {
      expected: 'floats, integers, or int8 and uint8 codes with quantisation parameters',
      actual: dtype,
    });
  }
  if (quantization) return decodeCodes(tensor, quantization);
  if (dtype === 'float16') return Float32Array.from(data, halfFloatToNumber);
  if (dtype === 'bfloat16') {
    return new Float32Array(Uint32Array.from(data, (bits) => bits << 16).buffer);
  }
  return Float32Array.from(data);
}

function decodeCodes(
  { shape, data }: StoredTensor,
  { scales, zeroPoints, axis, groupSize }: NonNullable<StoredTensor['quantization']>,
): Float32Array {
  const channels = axis === null ? 1 : shape[axis]!;
  const inner = axis === null ? elementCount(shape) : elementCount(shape.slice(axis + 1));
  const numbers = new Float32Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const channel = Math.floor(i / inner) % channels;
    const group = groupSize === undefined ? 0 : Math.floor(i / channels / groupSize);
    const parameter = group * channels + channel;
    numbers[i] = (data[i]! - zeroPoints[parameter]!) * scales[parameter]!;
  }
  return numbers;
}
