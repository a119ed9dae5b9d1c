import { InvalidArgumentError } from '@qedge/core';
import { takeInputs } from './input-checks.ts';
import { type OperatorDefinition, VALUE_ARRAYS } from './operator-definition.ts';
import { newValue } from './value-data.ts';

/** Numbers of another dtype: towards zero; what does not fit loses its high bits, NaN becomes 0. */
export const cast: OperatorDefinition<'cast'> = {
  kind: 'cast',

  infer({ dtype }, inputs) {
    const [x] = takeInputs(inputs, ['x']);
    if (!Object.hasOwn(VALUE_ARRAYS, dtype)) {
      throw new InvalidArgumentError('Unknown dtype', {
        expected: Object.keys(VALUE_ARRAYS).join(', '),
        actual: dtype,
      });
    }
    return [{ dtype, shape: x!.shape }];
  },

  evaluate({ dtype }, inputs) {
    const output = newValue({ dtype, shape: inputs[0]!.shape });
    output.data.set(inputs[0]!.data);
    return [output];
  },
};
