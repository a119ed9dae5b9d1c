import { ShapeMismatchError } from '@qedge/core';
import { checkDtype, checkShape, takeInputs } from './input-checks.ts';
import type { OperatorDefinition } from './operator-definition.ts';
import { scalarFunction } from './pointwise-function.ts';
import { newFloats } from './value-data.ts';

/** A factor and a shift per channel. */
export const channelScale: OperatorDefinition<'channel-scale'> = {
  kind: 'channel-scale',

  infer({ activation }, inputs) {
    const [x, scale, shift] = takeInputs(inputs, ['x', 'scale', 'shift']);
    for (const each of [x!, scale!, shift!]) checkDtype(each, 'operands of a channel scale', 'float32');
    if (x!.shape.length === 0) {
      throw new ShapeMismatchError('A channel scale needs an axis', {
        expected: 'at least 1 axis',
        actual: x!.shape,
      });
    }
    const channels = [x!.shape.at(-1)!];
    checkShape(scale!, 'scales', channels);
    checkShape(shift!, 'shifts', channels);
    if (activation !== null) scalarFunction(activation);
    return [{ dtype: 'float32', shape: x!.shape }];
  },

  evaluate({ activation }, inputs) {
    const [x, scale, shift] = takeInputs(inputs, ['x', 'scale', 'shift']);
    const { value, data } = newFloats(x!.shape);
    const apply = activation === null ? null : scalarFunction(activation);
    const channels = scale!.data.length;
    for (let i = 0; i < data.length; i++) {
      const y = x!.data[i]! * scale!.data[i % channels]! + shift!.data[i % channels]!;
      data[i] = apply === null ? y : apply(y);
    }
    return [value];
  },
};
