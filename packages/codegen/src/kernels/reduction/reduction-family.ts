import { Random } from '@qedge/core';
import {
  REDUCTION_ARGUMENT_COUNT,
  REDUCTION_ARGUMENTS,
  type ReductionDescription,
} from '../../description/reduction.ts';
import { requireInteger } from '../../description/require-integer.ts';
import { requireKnown } from '../../description/require-known.ts';
import { requireSpan } from '../../description/row-layout.ts';
import type { Target, Vector } from '../../target/target.ts';
import { UNIT_ROUNDOFF } from '../../target/unit-roundoff.ts';
import { arrayTrial, drawFloats, readFloat32 } from '../elements/array-trial.ts';
import { emitRowLoop, WORD_BYTES } from '../elements/element-loop.ts';
import { emitRowMaximum, emitRowSum, SUM_LANES, sumVectors } from '../elements/lane-reduction.ts';
import type { KernelFamily } from '../kernel-family.ts';

function emitReduction(
  target: Target<unknown>,
  { operation, rows, width, inputStride }: ReductionDescription,
): void {
  const [value] = target.vectors('value', 1) as [Vector];
  const results = target.vectors('results', Math.max(sumVectors(target.traits.lanes), 4));
  const result = results[0]!;
  const sums = results.slice(0, sumVectors(target.traits.lanes));
  const [input, output] = [target.pointer('input'), target.pointer('output')];
  target.argument(input, REDUCTION_ARGUMENTS.input);
  target.argument(output, REDUCTION_ARGUMENTS.output);
  const strides = [
    { pointer: input, bytes: inputStride * WORD_BYTES },
    { pointer: output, bytes: WORD_BYTES },
  ];
  emitRowLoop(target, rows, strides, () => {
    if (operation === 'sum') {
      emitRowSum(target, input, width, sums, value);
    } else {
      emitRowMaximum(target, input, width, results, value);
      // -0 becomes +0.
      target.zero(value);
      target.float('add', result, result, value);
    }
    target.store(result, { base: output, offset: 0 }, 1);
  });
}

/** What `ReductionDescription` states, in float64. */
function expectReduction({ operation, width }: ReductionDescription, row: Float32Array) {
  if (operation === 'maximum') {
    const numbers = row.filter((x) => !Number.isNaN(x));
    const largest = numbers.reduce((most, x) => Math.max(most, x), Number.NEGATIVE_INFINITY);
    return { value: largest + 0, tolerance: 0 };
  }
  const magnitude = row.reduce((sum, x) => sum + Math.abs(x), 0);
  const roundings = width / SUM_LANES + 5;
  return { value: row.reduce((sum, x) => sum + x, 0), tolerance: roundings * UNIT_ROUNDOFF * magnitude };
}

/** {@link ReductionDescription}. */
export const REDUCTION: KernelFamily<ReductionDescription> = {
  kind: 'reduction',
  validate({ operation, rows, width, inputStride }) {
    requireKnown('reduction', operation, ['sum', 'maximum']);
    requireInteger('number of rows', rows, 1);
    requireInteger('width of a row', width, 1);
    requireSpan('input', rows, width, inputStride);
  },
  key: ({ operation, rows, width, inputStride }) => `reduction-${operation}-${rows}x${width}-${inputStride}`,
  emit: emitReduction,
  trial(description, _traits, effort, seed) {
    const { operation, rows, width, inputStride } = description;
    const input = drawFloats(new Random(seed), rows * inputStride, operation === 'maximum');
    const result = {
      argument: REDUCTION_ARGUMENTS.output,
      rows: 1,
      width: rows,
      stride: rows,
      elementBytes: WORD_BYTES,
      read: readFloat32,
      expectRow: () => (row: number) =>
        expectReduction(description, input.subarray(row * inputStride, row * inputStride + width)),
    };
    const operands = [{ argument: REDUCTION_ARGUMENTS.input, content: input }];
    return arrayTrial(
      { argumentCount: REDUCTION_ARGUMENT_COUNT, operands, scalars: [], result },
      effort,
      seed,
    );
  },
};
