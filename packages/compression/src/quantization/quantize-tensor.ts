import {
  assertShape,
  InvalidArgumentError,
  NonFiniteValueError,
  type QuantizationParameters,
  type Shape,
} from '@qedge/core';
import { channelLayout, codeRange, roundHalfEven } from './quantization-parameters.ts';

/**
 * Codes real numbers as integers: `code = clamp(roundHalfEven(value / scale) + zeroPoint)`, one `int8` per code.
 *
 * @param values row-major, of shape `shape`; read only.
 * @param target receives the codes when given, else a new array is made.
 * @throws InvalidArgumentError for parameters that do not fit, NonFiniteValueError for NaN or infinity.
 */
export function quantizeTensor(
  values: Float32Array,
  shape: Shape,
  parameters: QuantizationParameters,
  target: Int8Array = new Int8Array(values.length),
): Int8Array {
  const { channels, stride } = checkedLayout(values.length, shape, parameters);
  assertShape([target.length], [values.length], 'The array for the codes');
  const { low, high } = codeRange(parameters.bits, parameters.symmetric);
  const { scales, zeroPoints } = parameters;
  let channel = 0;
  let run = 0;
  for (let i = 0; i < values.length; i++) {
    // The quotient of finite numbers may overflow, never to NaN, and is clamped below.
    const code = roundHalfEven(values[i] / scales[channel]) + zeroPoints[channel];
    if (Number.isNaN(code)) {
      throw new NonFiniteValueError('A value cannot be quantised', {
        expected: 'finite numbers',
        actual: `${values[i]} at index ${i}`,
      });
    }
    target[i] = Math.min(high, Math.max(low, code));
    if (++run === stride) {
      run = 0;
      if (++channel === channels) channel = 0;
    }
  }
  return target;
}

/**
 * Turns integer codes back into real numbers: `fround((code - zeroPoint) * scale)`.
 * The error against the original is at most half a scale for values inside the coded range.
 *
 * @throws InvalidArgumentError for parameters that do not fit.
 */
export function dequantizeTensor(
  codes: Int8Array,
  shape: Shape,
  parameters: QuantizationParameters,
): Float32Array {
  const { channels, stride } = checkedLayout(codes.length, shape, parameters);
  const { scales, zeroPoints } = parameters;
  const values = new Float32Array(codes.length);
  let channel = 0;
  let run = 0;
  for (let i = 0; i < codes.length; i++) {
    values[i] = (codes[i] - zeroPoints[channel]) * scales[channel];
    if (++run === stride) {
      run = 0;
      if (++channel === channels) channel = 0;
    }
  }
  return values;
}

function checkedLayout(length: number, shape: Shape, { axis, scales, zeroPoints }: QuantizationParameters) {
  const layout = channelLayout(length, shape, axis);
  if (scales.length !== layout.channels || zeroPoints.length !== layout.channels) {
    throw new InvalidArgumentError('Quantisation parameters do not fit the tensor', {
      expected: `${layout.channels} scales and zero points`,
      actual: [scales.length, zeroPoints.length],
    });
  }
  if (!scales.every((scale) => scale > 0 && Number.isFinite(scale))) {
    throw new InvalidArgumentError('A quantisation scale is impossible', {
      expected: 'positive, finite scales',
      actual: 'zero, negative or not finite',
    });
  }
  return layout;
}
