import { Random } from '@qedge/core';
import { requireRowLayout } from '../../description/row-layout.ts';
import {
  SOFTMAX_ARGUMENT_COUNT,
  SOFTMAX_ARGUMENTS,
  type SoftmaxDescription,
} from '../../description/softmax.ts';
import { referenceSoftmaxRow } from '../../reference/gemm.ts';
import type { Target } from '../../target/target.ts';
import { UNIT_ROUNDOFF } from '../../target/unit-roundoff.ts';
import { arrayTrial, drawFloats, readFloat32 } from '../elements/array-trial.ts';
import { WORD_BYTES } from '../elements/element-loop.ts';
import { SUM_LANES } from '../elements/lane-reduction.ts';
import { claimableVectors } from '../elements/vector-group.ts';
import type { KernelFamily } from '../kernel-family.ts';
import { emitSoftmaxRows, usefulSoftmaxVectors } from './emit-softmax-rows.ts';

function emitSoftmax(target: Target<unknown>, description: SoftmaxDescription): void {
  const count = usefulSoftmaxVectors(target.traits, claimableVectors(target.traits));
  const vectors = target.vectors('values, scratch and sums', count);
  const [input, output] = [target.pointer('input'), target.pointer('output')];
  target.argument(input, SOFTMAX_ARGUMENTS.input);
  target.argument(output, SOFTMAX_ARGUMENTS.output);
  emitSoftmaxRows(target, { input, output }, description, vectors);
}

/**
 * The bound that `SoftmaxDescription` states, and what the rounding of a subnormal result can add. With u = 2^-24 an exponential is off
 * by 2.5 u (1.25 units) and by |d| u from the rounding of d = x - max(x). In the sum, whose `width / 16 + 3` additions round once each,
 * the mean of |d|, weighted by the exponentials, is at most `ln(width)`. Reciprocal and product round once each; 2 u remain.
 */
function expectRow(row: readonly number[]) {
  const results = referenceSoftmaxRow(row);
  const largest = row.reduce((most, x) => Math.max(most, x), Number.NEGATIVE_INFINITY);
  return (column: number) => {
    const value = results[column]!;
    const steps =
      Math.min(Math.abs(row[column]! - largest), 128) + row.length / SUM_LANES + Math.log(row.length) + 12;
    return { value, tolerance: value * steps * UNIT_ROUNDOFF + 2 ** -148 };
  };
}

/** {@link SoftmaxDescription}. */
export const SOFTMAX: KernelFamily<SoftmaxDescription> = {
  kind: 'softmax',
  validate: requireRowLayout,
  key: ({ rows, width, inputStride, outputStride }) =>
    `softmax-${rows}x${width}-${inputStride}_${outputStride}`,
  emit: emitSoftmax,
  trial({ rows, width, inputStride, outputStride }, _traits, effort, seed) {
    const input = drawFloats(new Random(seed), rows * inputStride, false);
    const result = {
      argument: SOFTMAX_ARGUMENTS.output,
      rows,
      width,
      stride: outputStride,
      elementBytes: WORD_BYTES,
      read: readFloat32,
      expectRow: (row: number) =>
        expectRow([...input.subarray(row * inputStride, row * inputStride + width)]),
    };
    const operands = [{ argument: SOFTMAX_ARGUMENTS.input, content: input }];
    return arrayTrial({ argumentCount: SOFTMAX_ARGUMENT_COUNT, operands, scalars: [], result }, effort, seed);
  },
};
