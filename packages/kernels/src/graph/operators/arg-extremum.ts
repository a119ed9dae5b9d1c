import { elementCount, InvalidArgumentError, type Shape } from '@qedge/core';
import { checkChoice, checkDtype, checkInteger, takeInputs } from './input-checks.ts';
import type { OperatorDefinition } from './operator-definition.ts';

function outputShape(shape: Shape, axis: number, keepAxis: boolean): number[] {
  return keepAxis ? shape.map((size, i) => (i === axis ? 1 : size)) : shape.filter((_, i) => i !== axis);
}

/** The index of the first largest or smallest element. NaN is never chosen, unless there is nothing else: then index 0. */
export const argExtremum: OperatorDefinition<'arg-extremum'> = {
  kind: 'arg-extremum',

  infer({ operation, axis, keepAxis }, inputs) {
    const [x] = takeInputs(inputs, ['x']);
    checkDtype(x!, 'inputs of an arg-extremum', 'float32');
    checkInteger(axis, 'The axis of an arg-extremum', 0, x!.shape.length - 1);
    checkChoice(operation, 'extremum', ['maximum', 'minimum']);
    if (x!.shape[axis] === 0) {
      throw new InvalidArgumentError('An empty axis has no extremum', {
        expected: 'at least 1 element',
        actual: x!.shape,
      });
    }
    return [{ dtype: 'int32', shape: outputShape(x!.shape, axis, keepAxis) }];
  },

  evaluate({ operation, axis, keepAxis }, inputs) {
    const { shape, data: source } = inputs[0]!;
    const [size, inner] = [shape[axis]!, elementCount(shape.slice(axis + 1))];
    const data = new Int32Array(elementCount(shape) / size);
    const sign = operation === 'maximum' ? 1 : -1;
    for (let i = 0; i < data.length; i++) {
      const from = Math.floor(i / inner) * size * inner + (i % inner);
      let best = Number.NEGATIVE_INFINITY;
      for (let j = 0; j < size; j++) {
        const element = sign * source[from + j * inner]!;
        if (element <= best) continue;
        if (Number.isNaN(element)) continue;
        best = element;
        data[i] = j;
      }
    }
    return [{ dtype: 'int32', shape: outputShape(shape, axis, keepAxis), data }];
  },
};
