import { elementCount, InvalidArgumentError, ShapeMismatchError, type ValueSpec } from '@qedge/core';
import { checkDtype, checkInteger, checkShape, takeInputs } from './input-checks.ts';
import type { OperatorDefinition } from './operator-definition.ts';
import { roundHalfToEven } from './pointwise-function.ts';
import { newFloats, newValue } from './value-data.ts';

/** One number, or one per index of `axis`. */
function checkParameters(
  x: ValueSpec,
  scale: ValueSpec,
  zeroPoint: ValueSpec | null,
  axis: number | null,
): void {
  checkDtype(scale, 'scales', 'float32');
  if (axis !== null) {
    checkInteger(axis, 'The axis of a quantisation', 0, x.shape.length - 1);
    checkShape(scale, 'scales', [x.shape[axis]!]);
    checkShape(zeroPoint, 'zero points', [x.shape[axis]!]);
    return;
  }
  for (const each of [scale, zeroPoint]) {
    if (each === null || (elementCount(each.shape) === 1 && each.shape.length <= 1)) continue;
    throw new ShapeMismatchError('A quantisation without an axis has one scale and one zero point', {
      expected: '[] or [1]',
      actual: each.shape,
    });
  }
}

/** For every element, which of the parameters it takes: `floor(i / inner) % count`. */
function parameterLayout(shape: readonly number[], axis: number | null): { inner: number; count: number } {
  if (axis === null) return { inner: 1, count: 1 };
  return { inner: elementCount(shape.slice(axis + 1)), count: shape[axis]! };
}

/** Real numbers to codes: rounded to even, then limited to the codes' range. A NaN counts as 0. */
export const quantize: OperatorDefinition<'quantize'> = {
  kind: 'quantize',

  infer({ axis, dtype }, inputs) {
    const [x, scale, zeroPoint] = takeInputs(inputs, ['x', 'scale', 'zero point']);
    if (dtype !== 'int8' && dtype !== 'uint8') {
      throw new InvalidArgumentError('Codes have 8 bits', { expected: 'int8, uint8', actual: dtype });
    }
    checkDtype(x!, 'numbers to quantise', 'float32');
    checkDtype(zeroPoint!, 'zero points', dtype);
    checkParameters(x!, scale!, zeroPoint!, axis);
    return [{ dtype, shape: x!.shape }];
  },

  evaluate({ axis, dtype }, inputs) {
    const [x, scale, zeroPoint] = takeInputs(inputs, ['x', 'scale', 'zero point']);
    const output = newValue({ dtype, shape: x!.shape });
    const { inner, count } = parameterLayout(x!.shape, axis);
    const [low, high] = dtype === 'int8' ? [-128, 127] : [0, 255];
    for (let i = 0; i < output.data.length; i++) {
      const parameter = Math.floor(i / inner) % count;
      // The quotient of two float32 numbers, rounded to float32, as every device divides.
      const quotient = Math.fround(x!.data[i]! / scale!.data[parameter]!);
      const code = (Number.isNaN(quotient) ? 0 : roundHalfToEven(quotient)) + zeroPoint!.data[parameter]!;
      output.data[i] = Math.min(Math.max(code, low), high);
    }
    return [output];
  },
};

/** Codes to real numbers. */
export const dequantize: OperatorDefinition<'dequantize'> = {
  kind: 'dequantize',

  infer({ axis }, inputs) {
    const [codes, scale, zeroPoint] = takeInputs(inputs, ['codes', 'scale'], ['zero point']);
    checkDtype(codes!, 'codes', 'int8', 'uint8', 'int32');
    checkDtype(zeroPoint!, 'zero points', codes!.dtype);
    checkParameters(codes!, scale!, zeroPoint!, axis);
    return [{ dtype: 'float32', shape: codes!.shape }];
  },

  evaluate({ axis }, inputs) {
    const [codes, scale, zeroPoint] = takeInputs(inputs, ['codes', 'scale'], ['zero point']);
    const { value, data } = newFloats(codes!.shape);
    const { inner, count } = parameterLayout(codes!.shape, axis);
    for (let i = 0; i < data.length; i++) {
      const parameter = Math.floor(i / inner) % count;
      const zero = zeroPoint === null ? 0 : zeroPoint!.data[parameter]!;
      data[i] = (codes!.data[i]! - zero) * scale!.data[parameter]!;
    }
    return [value];
  },
};
