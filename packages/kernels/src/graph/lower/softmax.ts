import type { PointwiseExpression } from '@qedge/core';
import { reduceSteps } from '../../engine/axis-kernels.ts';
import type { KernelSteps } from '../../engine/binding.ts';
import { softmaxSteps } from '../../engine/row-kernels.ts';
import { inputOf, type Lowering } from './lowering.ts';
import { pointwiseSteps } from './pointwise.ts';

/** `x - most` of the inputs x, most. */
const DISTANCE: PointwiseExpression = { operation: 'subtract', a: { input: 0 }, b: { input: 1 } };

/** `x - most - log(sum)` of the inputs x, most, sum. */
const LOGARITHM: PointwiseExpression = {
  operation: 'subtract',
  a: DISTANCE,
  b: { apply: { kind: 'logarithm' }, to: { input: 2 } },
};

/** Softmax over the last axis, or its logarithm. */
export function lowerSoftmax(node: Lowering<'softmax'>): KernelSteps {
  const [input, output] = [inputOf(node, 0), node.outputs[0]!];
  const width = input.shape.at(-1) ?? 1;
  const rows = input.length / width;
  if (node.operator.log) return logarithmSteps(node, rows, width);
  return softmaxSteps(node.context, { rows, width, input: input.floats, output: output.floats });
}

/** Not the logarithm of the softmax, which is 0 in float32 where an input is 104 below the largest one. */
function logarithmSteps(node: Lowering<'softmax'>, rows: number, width: number): KernelSteps {
  const { context } = node;
  const temporary = (length: number) => {
    return context.arena.temporaryArray(Float32Array, length, 'a part of a softmax');
  };
  const [input, output] = [inputOf(node, 0).floats, node.outputs[0]!.floats];
  const [most, sum, powers] = [temporary(rows), temporary(rows), temporary(input.length)];
  const [box, column] = [
    [rows, width],
    [rows, 1],
  ] as const;
  const x = { shape: box, data: input };
  const largest = { shape: column, data: most };
  const axis = { outer: rows, length: width, inner: 1 };
  const power: PointwiseExpression = { apply: { kind: 'exponential' }, to: DISTANCE };
  return [
    ...reduceSteps(context, { ...axis, operation: 'maximum', input, output: most }),
    ...pointwiseSteps(context, power, [x, largest], { shape: box, data: powers }),
    ...reduceSteps(context, { ...axis, operation: 'sum', input: powers, output: sum }),
    ...pointwiseSteps(context, LOGARITHM, [x, largest, { shape: column, data: sum }], {
      shape: box,
      data: output,
    }),
  ];
}
