import { InvalidArgumentError, rowMajorStrides } from '@qedge/core';
import { checkInteger, checkPerAxis, takeInputs } from './input-checks.ts';
import type { OperatorDefinition } from './operator-definition.ts';
import { copyStrided } from './strided.ts';
import { newValue } from './value-data.ts';

/** Every so many elements of each axis, forwards or backwards. */
export const slice: OperatorDefinition<'slice'> = {
  kind: 'slice',

  infer({ starts, steps, sizes }, inputs) {
    const [x] = takeInputs(inputs, ['x']);
    const { dtype, shape } = x!;
    for (const list of [starts, steps, sizes]) checkPerAxis(list, 'The numbers of a slice', shape.length);
    for (const [axis, size] of shape.entries()) {
      const [start, step, count] = [starts[axis]!, steps[axis]!, sizes[axis]!];
      checkInteger(count, 'The size of a slice', 0);
      checkInteger(step, 'The step of a slice', Number.MIN_SAFE_INTEGER);
      checkInteger(start, 'The start of a slice', 0);
      const last = start + (count - 1) * step;
      if (step !== 0 && (count === 0 || (start < size && last >= 0 && last < size))) continue;
      throw new InvalidArgumentError('The slice leaves the value', {
        expected: `indices in 0..${size - 1} and a step other than 0`,
        actual: { axis, start, step, size: count },
      });
    }
    return [{ dtype, shape: [...sizes] }];
  },

  evaluate({ starts, steps, sizes }, inputs) {
    const { dtype, shape, data } = inputs[0]!;
    const output = newValue({ dtype, shape: [...sizes] });
    const strides = rowMajorStrides(shape);
    const offset = starts.reduce((sum, start, axis) => sum + start * strides[axis]!, 0);
    const from = { data, offset, strides: strides.map((stride, axis) => stride * steps[axis]!) };
    copyStrided(sizes, from, { data: output.data, offset: 0, strides: rowMajorStrides(sizes) });
    return [output];
  },
};
