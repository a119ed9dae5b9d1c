import { rowMajorStrides, ShapeMismatchError, shapesEqual } from '@qedge/core';
import { takeInputs } from './input-checks.ts';
import type { OperatorDefinition } from './operator-definition.ts';
import { broadcastShapes, broadcastStrides, copyStrided } from './strided.ts';
import { newValue } from './value-data.ts';

/** A value repeated along axes of size 1. */
export const expand: OperatorDefinition<'expand'> = {
  kind: 'expand',

  infer({ shape }, inputs) {
    const [x] = takeInputs(inputs, ['x']);
    if (!shapesEqual(broadcastShapes([x!.shape, shape]), shape)) {
      throw new ShapeMismatchError('The value does not broadcast to the shape', {
        expected: shape,
        actual: x!.shape,
      });
    }
    return [{ dtype: x!.dtype, shape: [...shape] }];
  },

  evaluate({ shape }, inputs) {
    const x = inputs[0]!;
    const output = newValue({ dtype: x.dtype, shape: [...shape] });
    const from = { data: x.data, offset: 0, strides: broadcastStrides(x.shape, shape) };
    copyStrided(shape, from, { data: output.data, offset: 0, strides: rowMajorStrides(shape) });
    return [output];
  },
};
