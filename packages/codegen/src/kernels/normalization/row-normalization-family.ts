import { InvalidArgumentError, Random } from '@qedge/core';
import { requireActivation } from '../../description/epilogue.ts';
import {
  ROW_NORMALIZATION_ARGUMENT_COUNT,
  ROW_NORMALIZATION_ARGUMENTS,
  type RowNormalizationDescription,
} from '../../description/normalization.ts';
import { requireKnown } from '../../description/require-known.ts';
import { requireRowLayout } from '../../description/row-layout.ts';
import { referenceMoments } from '../../reference/normalization.ts';
import { UNIT_ROUNDOFF } from '../../target/unit-roundoff.ts';
import { expectActivation } from '../activation/activation-family.ts';
import { arrayTrial, drawFloats, readFloat32 } from '../elements/array-trial.ts';
import { WORD_BYTES } from '../elements/element-loop.ts';
import { SUM_LANES } from '../elements/lane-reduction.ts';
import type { KernelFamily } from '../kernel-family.ts';
import { emitRowNormalization } from './emit-row-normalization.ts';

/**
 * With u = 2^-24 and n = width / 16 + 6 roundings per sum: the mean is off by `n u mean(|x|)`, a difference by as much and its own
 * rounding; the sum of squares by `n u` of it and the square of the mean's error; root, quotient and products add less than 8 u.
 */
function expectRow(
  description: RowNormalizationDescription,
  row: readonly number[],
  gamma: Float32Array,
  beta: Float32Array,
) {
  const { mean, variance, deviation } = referenceMoments(row, {
    ...description,
    epsilon: Math.fround(description.epsilon),
  });
  const roundings = row.length / SUM_LANES + 6;
  const magnitude = row.reduce((sum, x) => sum + Math.abs(x), 0) / row.length;
  const meanError = roundings * UNIT_ROUNDOFF * magnitude;
  const deviationError =
    (roundings + 8) * UNIT_ROUNDOFF + (variance > 0 ? (meanError * meanError) / variance : 0);
  return (column: number) => {
    const [scale, shift] = description.affine ? [gamma[column]!, beta[column]!] : [1, 0];
    const standard = (row[column]! - mean) / deviation;
    const argument = standard * scale + shift;
    const error = Math.abs(scale) * (meanError / deviation + Math.abs(standard) * deviationError);
    return expectActivation(
      description.activation,
      argument,
      error + UNIT_ROUNDOFF * (Math.abs(argument) + Math.abs(standard * scale)),
    );
  };
}

/** The reciprocal of a deviation that is only epsilon must be a normal number. */
function requireEpsilon(epsilon: number): void {
  if (epsilon === 0 || (Number.isFinite(epsilon) && epsilon >= 2 ** -126 && epsilon <= 2 ** 126)) return;
  throw new InvalidArgumentError('Impossible epsilon of a normalisation', {
    expected: '0, or a number from 2^-126 to 2^126',
    actual: epsilon,
  });
}

/** {@link RowNormalizationDescription}. */
export const ROW_NORMALIZATION: KernelFamily<RowNormalizationDescription> = {
  kind: 'row-normalization',
  validate(description) {
    requireRowLayout(description);
    requireKnown('deviation', description.deviation, ['root', 'sum']);
    requireKnown('choice of gamma and beta', description.affine, [true, false]);
    requireActivation(description.activation);
    requireEpsilon(description.epsilon);
  },
  key: ({ rows, width, inputStride, outputStride, deviation, epsilon, affine, activation }) =>
    `row-normalization-${rows}x${width}-${inputStride}_${outputStride}-${deviation}_${epsilon}-${
      affine ? 'affine_' : ''
    }${activation}`,
  emit: emitRowNormalization,
  trial(description, _traits, effort, seed) {
    const { rows, width, inputStride, outputStride, affine } = description;
    const random = new Random(seed);
    const input = drawFloats(random, rows * inputStride, false);
    const gamma = drawFloats(random, width, false);
    const beta = drawFloats(random, width, false);
    const result = {
      argument: ROW_NORMALIZATION_ARGUMENTS.output,
      rows,
      width,
      stride: outputStride,
      elementBytes: WORD_BYTES,
      read: readFloat32,
      expectRow(row: number) {
        const values = [...input.subarray(row * inputStride, row * inputStride + width)];
        return expectRow(description, values, gamma, beta);
      },
    };
    const operands = [
      { argument: ROW_NORMALIZATION_ARGUMENTS.input, content: input },
      { argument: ROW_NORMALIZATION_ARGUMENTS.gamma, content: gamma },
      { argument: ROW_NORMALIZATION_ARGUMENTS.beta, content: beta },
    ].slice(0, affine ? 3 : 1);
    const argumentCount = ROW_NORMALIZATION_ARGUMENT_COUNT;
    return arrayTrial({ argumentCount, operands, scalars: [], result }, effort, seed);
  },
};
