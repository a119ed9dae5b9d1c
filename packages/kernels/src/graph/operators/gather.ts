import { elementCount, InvalidArgumentError } from '@qedge/core';
import { checkDtype, checkInteger, takeInputs } from './input-checks.ts';
import type { OperatorDefinition } from './operator-definition.ts';
import { newValue } from './value-data.ts';

/** Slices of an axis, by index. */
export const gather: OperatorDefinition<'gather'> = {
  kind: 'gather',

  infer({ axis }, inputs) {
    const [data, indices] = takeInputs(inputs, ['data', 'indices']);
    checkDtype(indices!, 'indices', 'int32');
    checkInteger(axis, 'The axis of a gather', 0, data!.shape.length - 1);
    const { dtype, shape } = data!;
    return [{ dtype, shape: [...shape.slice(0, axis), ...indices!.shape, ...shape.slice(axis + 1)] }];
  },

  /** @throws InvalidArgumentError for an index that is out of range. */
  evaluate(operator, inputs) {
    const output = newValue(gather.infer(operator, inputs)[0]!);
    const { shape, data } = inputs[0]!;
    const indices = inputs[1]!.data;
    const size = shape[operator.axis]!;
    const inner = elementCount(shape.slice(operator.axis + 1));
    const outer = elementCount(shape.slice(0, operator.axis));
    let write = 0;
    for (let row = 0; row < outer; row++) {
      for (let i = 0; i < indices.length; i++, write += inner) {
        const index = indices[i]! < 0 ? indices[i]! + size : indices[i]!;
        if (index < 0 || index >= size) {
          throw new InvalidArgumentError('An index is out of range', {
            expected: `${-size}..${size - 1}`,
            actual: indices[i]!,
          });
        }
        const from = (row * size + index) * inner;
        output.data.set(data.subarray(from, from + inner), write);
      }
    }
    return [output];
  },
};
