import { ShapeMismatchError } from '@qedge/core';
import { checkDtype, takeInputs } from './input-checks.ts';
import type { OperatorDefinition } from './operator-definition.ts';
import { newFloats } from './value-data.ts';

/** Softmax and its logarithm over the last axis. */
export const softmax: OperatorDefinition<'softmax'> = {
  kind: 'softmax',

  infer(_operator, inputs) {
    const [x] = takeInputs(inputs, ['x']);
    checkDtype(x!, 'inputs of a softmax', 'float32');
    if (x!.shape.length === 0) {
      throw new ShapeMismatchError('A softmax needs an axis', {
        expected: 'at least 1 axis',
        actual: x!.shape,
      });
    }
    return [{ dtype: 'float32', shape: x!.shape }];
  },

  evaluate({ log }, inputs) {
    const [x] = takeInputs(inputs, ['x']);
    const { value, data } = newFloats(x!.shape);
    const size = x!.shape.at(-1)!;
    const row = new Float64Array(size);
    for (let at = 0; at < data.length; at += size) {
      for (let i = 0; i < size; i++) row[i] = x!.data[at + i]!;
      softmaxInPlace(row, log);
      data.set(row, at);
    }
    return [value];
  },
};

/** Replaces a row by its softmax, or by the logarithm of that. A row of -Infinity alone becomes NaN. */
export function softmaxInPlace(row: Float64Array, log: boolean): void {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < row.length; i++) largest = Math.max(largest, row[i]!);
  let sum = 0;
  for (let i = 0; i < row.length; i++) {
    const power = Math.exp(row[i]! - largest);
    sum += power;
    row[i] = log ? row[i]! - largest : power;
  }
  const shift = Math.log(sum);
  for (let i = 0; i < row.length; i++) row[i] = log ? row[i]! - shift : row[i]! / sum;
}
