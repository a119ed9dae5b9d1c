import {
  ROW_NORMALIZATION_ARGUMENTS,
  type RowNormalizationDescription,
} from '../../description/normalization.ts';
import type { Pointer, Target, Vector } from '../../target/target.ts';
import { activationScratch, emitActivation } from '../activation/emit-activation.ts';
import { emitElementLoop, emitRowLoop, WORD_BYTES, wordsAt } from '../elements/element-loop.ts';
import { emitSumLanes, emitSumLoop, sumVectors } from '../elements/lane-reduction.ts';

interface RowPointers {
  readonly input: Pointer;
  readonly output: Pointer;
  /** Null without gamma and beta. */
  readonly gamma: Pointer | null;
  readonly beta: Pointer | null;
}

interface RowVectors {
  readonly value: Vector;
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
  emitSumLoop(target, width, [row], sums, (portion, sum) => {
    target.load(value, wordsAt(row, portion), portion.lanes);
    target.float('add', sum, sum, value);
  });
  emitSumLanes(target, sums, value);
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
  emitSumLoop(target, width, [input, output], sums, (portion, sum) => {
    target.load(value, wordsAt(input, portion), portion.lanes);
    target.float('subtract', value, value, factor);
    target.store(value, wordsAt(output, portion), portion.lanes);
    // Lanes beyond the row hold minus the mean: reading back zeroes them.
    if (portion.lanes < target.traits.lanes) target.load(value, wordsAt(output, portion), portion.lanes);
    target.fma(sum, value, value);
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
  { value, factor, sums, scratch }: RowVectors,
): void {
  const parameter = sums[0]!;
  const streams = [output, gamma, beta]
    .filter((pointer) => pointer !== null)
    .map((pointer) => ({ pointer, elementBytes: WORD_BYTES }));
  emitElementLoop(target, width, streams, 2, (portions) => {
    for (const portion of portions) {
      target.load(value, wordsAt(output, portion), portion.lanes);
      target.float('multiply', value, value, factor);
      if (gamma !== null && beta !== null) {
        target.load(parameter, wordsAt(gamma, portion), portion.lanes);
        target.float('multiply', value, value, parameter);
        target.load(parameter, wordsAt(beta, portion), portion.lanes);
        target.float('add', value, value, parameter);
      }
      emitActivation(target, activation, [value], scratch);
      target.store(value, wordsAt(output, portion), portion.lanes);
    }
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
  const [value, factor, ...sums] = target.vectors(
    'value, factor and sums',
    2 + sumVectors(target.traits.lanes),
  ) as [Vector, Vector, ...Vector[]];
  const scratch = target.vectors('scratch', activationScratch(activation, target.traits));
  const vectors: RowVectors = { value, factor, sums, scratch };
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
