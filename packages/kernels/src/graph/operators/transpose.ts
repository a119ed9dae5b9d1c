import { InvalidArgumentError, rowMajorStrides } from '@qedge/core';
import { takeInputs } from './input-checks.ts';
import type { OperatorDefinition } from './operator-definition.ts';
import { copyStrided } from './strided.ts';
import { newValue } from './value-data.ts';

/** Axes in another order. */
export const transpose: OperatorDefinition<'transpose'> = {
  kind: 'transpose',

  infer({ permutation }, inputs) {
    const [x] = takeInputs(inputs, ['x']);
    const { dtype, shape } = x!;
    if (permutation.length !== shape.length || !shape.every((_, axis) => permutation.includes(axis))) {
      throw new InvalidArgumentError('The permutation does not fit', {
        expected: `every axis in 0..${shape.length - 1} once`,
        actual: permutation,
      });
    }
    return [{ dtype, shape: permutation.map((axis) => shape[axis]!) }];
  },

  evaluate({ permutation }, inputs) {
    const { dtype, shape, data } = inputs[0]!;
    const output = newValue({ dtype, shape: permutation.map((axis) => shape[axis]!) });
    const strides = rowMajorStrides(shape);
    const from = { data, offset: 0, strides: permutation.map((axis) => strides[axis]!) };
    copyStrided(output.shape, from, {
      data: output.data,
      offset: 0,
      strides: rowMajorStrides(output.shape),
    });
    return [output];
  },
};
