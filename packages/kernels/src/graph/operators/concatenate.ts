import { InvalidArgumentError, rowMajorStrides, ShapeMismatchError } from '@qedge/core';
import { checkDtype, checkInteger } from './input-checks.ts';
import type { OperatorDefinition, ValueData } from './operator-definition.ts';
import { copyStrided } from './strided.ts';
import { newValue } from './value-data.ts';

/** Values one after another along an axis. */
export const concatenate: OperatorDefinition<'concatenate'> = {
  kind: 'concatenate',

  infer({ axis }, inputs) {
    const first = inputs[0] ?? null;
    if (first === null || inputs.includes(null)) {
      throw new InvalidArgumentError('A concatenation needs its inputs', {
        expected: 'at least 1, none null',
      });
    }
    const { dtype, shape } = first;
    checkInteger(axis, 'The axis of a concatenation', 0, shape.length - 1);
    let total = 0;
    for (const input of inputs) {
      checkDtype(input, 'parts of a concatenation', dtype);
      const part = input!.shape;
      if (part.length !== shape.length || !part.every((size, i) => i === axis || size === shape[i])) {
        throw new ShapeMismatchError('The parts of a concatenation do not fit', {
          expected: `${JSON.stringify(shape)} but for axis ${axis}`,
          actual: part,
        });
      }
      total += part[axis]!;
    }
    return [{ dtype, shape: shape.map((size, i) => (i === axis ? total : size)) }];
  },

  evaluate(operator, inputs) {
    const output = newValue(concatenate.infer(operator, inputs)[0]!);
    const strides = rowMajorStrides(output.shape);
    let offset = 0;
    for (const { shape, data } of inputs as readonly ValueData[]) {
      const from = { data, offset: 0, strides: rowMajorStrides(shape) };
      copyStrided(shape, from, { data: output.data, offset, strides });
      offset += shape[operator.axis]! * strides[operator.axis]!;
    }
    return [output];
  },
};
