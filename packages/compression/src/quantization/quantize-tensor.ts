import {
  assertShape,
  InvalidArgumentError,
  NonFiniteValueError,
  type QuantizationParameters,
  type Shape,
} from '@qedge/core';
import { codeRange, roundHalfEven } from './code-range.ts';
import { forEachScaleRun, type ScaleLayout, scaleLayout } from './scale-layout.ts';

/**
 * Codes real numbers as integers: `code = clamp(roundHalfEven(fround(value / scale)) + zeroPoint)`, one `int8` per code; with 1 bit
 * `code = value < 0 ? -1 : 1`. The quotient is rounded to float32, so that tensors of float32 are coded alike.
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
  const layout = checkedLayout(values.length, shape, parameters);
  assertShape([target.length], [values.length], 'The array for the codes');
  if (parameters.bits === 1) writeSigns(values, target);
  else writeCodes(values, layout, parameters, target);
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
  const layout = checkedLayout(codes.length, shape, parameters);
  const { scales, zeroPoints } = parameters;
  const values = new Float32Array(codes.length);
  forEachScaleRun(layout, (index, from, to) => {
    const [scale, zeroPoint] = [scales[index]!, zeroPoints[index]!];
    for (let i = from; i < to; i++) values[i] = (codes[i]! - zeroPoint) * scale;
  });
  return values;
}

function writeSigns(values: Float32Array, target: Int8Array): void {
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i]!)) refuse(values[i]!, i);
    target[i] = values[i]! < 0 ? -1 : 1;
  }
}

function writeCodes(
  values: Float32Array,
  { outer, channels, stride, groupSize }: ScaleLayout,
  { bits, symmetric, scales, zeroPoints }: QuantizationParameters,
  target: Int8Array,
): void {
  const { low, high } = codeRange(bits, symmetric);
  for (let o = 0, i = 0; o < outer; o++) {
    const first = Math.floor(o / groupSize) * channels;
    for (let index = first; index < first + channels; index++) {
      const [scale, zeroPoint] = [scales[index]!, zeroPoints[index]!];
      for (const end = i + stride; i < end; i++) {
        // The quotient of finite numbers may overflow, never to NaN, and is clamped.
        const code = roundHalfEven(Math.fround(values[i]! / scale)) + zeroPoint;
        if (!Number.isFinite(values[i]!)) refuse(values[i]!, i);
        target[i] = Math.min(high, Math.max(low, code));
      }
    }
  }
}

function refuse(value: number, index: number): never {
  throw new NonFiniteValueError('A value cannot be quantised', {
    expected: 'finite numbers',
    actual: `${value} at index ${index}`,
  });
}

function checkedLayout(length: number, shape: Shape, parameters: QuantizationParameters): ScaleLayout {
  const { scales, zeroPoints } = parameters;
  const layout = scaleLayout(length, shape, parameters);
  if (scales.length !== layout.scaleCount || zeroPoints.length !== layout.scaleCount) {
    throw new InvalidArgumentError('Quantisation parameters do not fit the tensor', {
      expected: `${layout.scaleCount} scales and zero points`,
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
