import { elementCount, ShapeMismatchError } from '@qedge/core';
import { takeInputs } from './input-checks.ts';
import type { OperatorDefinition } from './operator-definition.ts';

/** The same elements under another shape. */
export const reshape: OperatorDefinition<'reshape'> = {
  kind: 'reshape',

  infer({ shape }, inputs) {
    const [x] = takeInputs(inputs, ['x']);
    if (elementCount(shape) !== elementCount(x!.shape)) {
      throw new ShapeMismatchError('The new shape holds another number of elements', {
        expected: x!.shape,
        actual: shape,
      });
    }
    return [{ dtype: x!.dtype, shape }];
  },

  evaluate({ shape }, inputs) {
    const { dtype, data } = inputs[0]!;
    return [{ dtype, shape, data: data.slice() }];
  },
};
