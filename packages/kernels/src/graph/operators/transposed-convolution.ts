import { type OperatorOf, ShapeMismatchError } from '@qedge/core';
import { checkDtype, checkInteger, checkRank, checkShape, takeInputs } from './input-checks.ts';
import type { OperatorDefinition } from './operator-definition.ts';
import { scalarFunction, storeActivated } from './pointwise-function.ts';
import { newFloats } from './value-data.ts';
import { checkGroups, checkWindow } from './window.ts';

function outputSize(
  { window, outputPadding }: OperatorOf<'transposed-convolution'>,
  cells: number,
  axis: 0 | 1,
): number {
  const around = window.padding[axis]! + window.padding[axis + 2]!;
  const extent = (window.size[axis] - 1) * window.dilations[axis] + 1;
  return (cells - 1) * window.strides[axis] + extent - around + outputPadding[axis];
}

/** The gradient of a convolution with respect to its images, as a layer. */
export const transposedConvolution: OperatorDefinition<'transposed-convolution'> = {
  kind: 'transposed-convolution',

  infer(operator, inputs) {
    const [images, weights, bias] = takeInputs(inputs, ['images', 'weights'], ['bias']);
    for (const each of [images!, weights!, bias!]) {
      checkDtype(each, 'operands of a transposed convolution', 'float32');
    }
    checkRank(images!, 'images', 4);
    checkRank(weights!, 'weights of a transposed convolution', 4);
    checkWindow(operator.window);
    for (const cells of operator.outputPadding) checkInteger(cells, 'The output padding', 0);
    const [batch, height, width, channels] = images!.shape as [number, number, number, number];
    const outputs = weights!.shape[2]! * operator.groups;
    checkGroups(operator.groups, channels, outputs);
    const expected = [...operator.window.size, outputs / operator.groups, channels];
    checkShape(weights!, 'weights of a transposed convolution', expected);
    checkShape(bias!, 'numbers of the bias', [outputs]);
    if (operator.activation !== null) scalarFunction(operator.activation);
    const sizes = [outputSize(operator, height, 0), outputSize(operator, width, 1)];
    if (sizes.some((size) => size < 0)) {
      throw new ShapeMismatchError('The padding is larger than the output', {
        expected: 'sizes >= 0',
        actual: sizes,
      });
    }
    return [{ dtype: 'float32', shape: [batch, ...sizes, outputs] }];
  },

  evaluate(operator, inputs) {
    const [images, weights, bias] = takeInputs(inputs, ['images', 'weights'], ['bias']);
    const { window, groups, activation } = operator;
    const [batch, height, width, channels] = images!.shape as [number, number, number, number];
    const [rows, columns] = [outputSize(operator, height, 0), outputSize(operator, width, 1)];
    const outputs = weights!.shape[2]! * groups;
    const { value, data } = newFloats([batch, rows, columns, outputs]);
    const sums = new Float64Array(data.length);
    if (bias) for (let at = 0; at < sums.length; at += outputs) sums.set(bias.data, at);
    const [depth, wide] = [channels / groups, outputs / groups];
    const [x, w] = [images!.data, weights!.data];
    for (let cell = 0; cell < batch * height * width; cell++) {
      const column = cell % width;
      const row = Math.floor(cell / width) % height;
      const image = Math.floor(cell / (width * height));
      for (let tap = 0; tap < window.size[0] * window.size[1]; tap++) {
        const [tapRow, tapColumn] = [Math.floor(tap / window.size[1]), tap % window.size[1]];
        const toRow = row * window.strides[0] + tapRow * window.dilations[0] - window.padding[0];
        const toColumn = column * window.strides[1] + tapColumn * window.dilations[1] - window.padding[1];
        if (toRow < 0 || toRow >= rows || toColumn < 0 || toColumn >= columns) continue;
        const to = ((image * rows + toRow) * columns + toColumn) * outputs;
        for (let output = 0; output < outputs; output++) {
          const group = Math.floor(output / wide);
          const weight = (tap * wide + (output % wide)) * channels;
          let sum = 0;
          for (let i = group * depth; i < (group + 1) * depth; i++)
            sum += x[cell * channels + i]! * w[weight + i]!;
          sums[to + output]! += sum;
        }
      }
    }
    storeActivated(sums, activation, data, 0);
    return [value];
  },
};
