import {
  ROW_NORMALIZATION_ARGUMENTS,
  type RowNormalizationDescription,
} from '../../description/normalization.ts';
import type { Pointer, Target, Vector } from '../../target/target.ts';
import { emitActivation, planActivation } from '../activation/emit-activation.ts';
import { emitElementLoop, emitLoad, emitRowLoop, emitStore, WORD_BYTES } from '../elements/element-loop.ts';
import { emitRowSum, emitSumLanes, emitSumLoop, sumVectors } from '../elements/lane-reduction.ts';
import { claimableVectors } from '../elements/vector-group.ts';

interface RowPointers {
  readonly input: Pointer;
  readonly output: Pointer;
  /** Null without gamma and beta. */
  readonly gamma: Pointer | null;
  readonly beta: Pointer | null;
}

interface RowVectors {
  readonly value: Vector;
  /** `value` and others. */
  readonly values: readonly Vector[];
  readonly factor: Vector;
  readonly sums: readonly Vector[];
  readonly scratch: readonly Vector[];
}

/** `mean = sum(x) / width` into every lane of the first sum. */
function emitMean(
  target: Target<unknown>,
  width: number,
  row: Pointer,
  { value, factor, sums }: RowVectors,
): void {
  emitRowSum(target, row, width, sums, value);
  target.constant(factor, width);
  target.float('divide', factor, sums[0]!, factor);
}

/** Writes `x - mean` (the mean is in `factor`) and leaves the sum of its squares in every lane of the first sum. */
function emitCentre(
  target: Target<unknown>,
  width: number,
  { input, output }: RowPointers,
  { value, factor, sums }: RowVectors,
): void {
  emitSumLoop(target, width, [input, output], sums, 4, (portions) => {
    for (const { portion, sum } of portions) {
      emitLoad(target, value, input, portion);
      target.float('subtract', value, value, factor);
      emitStore(target, value, output, portion);
      // Lanes beyond the row hold minus the mean: reading back zeroes them.
      if (portion.lanes < target.traits.lanes) emitLoad(target, value, output, portion);
      target.fma(sum, value, value);
    }
  });
  emitSumLanes(target, sums, value);
}

/** `factor = 1 / deviation` from the sum of squares. */
function emitReciprocalDeviation(
  target: Target<unknown>,
  { width, deviation, epsilon }: RowNormalizationDescription,
  { value, factor, sums }: RowVectors,
): void {
  const sum = sums[0]!;
  target.constant(value, width);
  target.float('divide', sum, sum, value);
  target.constant(value, epsilon);
  if (deviation === 'root') target.float('add', sum, sum, value);
  target.squareRoot(sum, sum);
  if (deviation === 'sum') target.float('add', sum, sum, value);
  target.constant(value, 1);
  target.float('divide', factor, value, sum);
}

/** `y = activation(y * factor [* gamma + beta])` over a row of differences from the mean. */
function emitScale(
  target: Target<unknown>,
  { width, activation }: RowNormalizationDescription,
  { output, gamma, beta }: RowPointers,
  { values, factor, sums, scratch }: RowVectors,
): void {
  const parameter = sums[0]!;
  const streams = [output, gamma, beta]
    .filter((pointer) => pointer !== null)
    .map((pointer) => ({ pointer, elementBytes: WORD_BYTES }));
  emitElementLoop(target, width, streams, values.length, (portions) => {
    const group = values.slice(0, portions.length);
    for (const [v, y] of group.entries()) {
      emitLoad(target, y, output, portions[v]!);
      target.float('multiply', y, y, factor);
      if (gamma === null || beta === null) continue;
      emitLoad(target, parameter, gamma, portions[v]!);
      target.float('multiply', y, y, parameter);
      emitLoad(target, parameter, beta, portions[v]!);
      target.float('add', y, y, parameter);
    }
    emitActivation(target, activation, group, scratch);
    for (const [v, y] of group.entries()) emitStore(target, y, output, portions[v]!);
  });
}

/** Three passes over each row: mean; difference and sum of squares; scale. The differences wait in the output. */
export function emitRowNormalization(
  target: Target<unknown>,
  description: RowNormalizationDescription,
): void {
  const { rows, width, inputStride, outputStride, affine, activation } = description;
  const claim = (name: keyof typeof ROW_NORMALIZATION_ARGUMENTS) => {
    const pointer = target.pointer(name);
    target.argument(pointer, ROW_NORMALIZATION_ARGUMENTS[name]);
    return pointer;
  };
  const pointers: RowPointers = {
    input: claim('input'),
    output: claim('output'),
    gamma: affine ? claim('gamma') : null,
    beta: affine ? claim('beta') : null,
  };
  const sums = target.vectors('sums', sumVectors(target.traits.lanes));
  const [factor] = target.vectors('factor', 1) as [Vector];
  const plan = planActivation(activation, claimableVectors(target.traits) - sums.length - 1);
  const values = target.vectors('values', plan.values);
  const scratch = target.vectors('scratch', plan.scratch);
  const vectors: RowVectors = { value: values[0]!, values, factor, sums, scratch };
  const strides = [
    { pointer: pointers.input, bytes: inputStride * WORD_BYTES },
    { pointer: pointers.output, bytes: outputStride * WORD_BYTES },
  ];
  emitRowLoop(target, rows, strides, () => {
    emitMean(target, width, pointers.input, vectors);
    emitCentre(target, width, pointers, vectors);
    emitReciprocalDeviation(target, description, vectors);
    emitScale(target, description, pointers, vectors);
  });
}
