import type { Pointer, Target, TargetTraits, Vector } from '../../target/target.ts';
import { EXPONENTIAL_SCRATCH, emitExponential } from '../activation/emit-exponential.ts';
import { emitElementLoop, emitRowLoop, WORD_BYTES, wordsAt } from '../elements/element-loop.ts';
import { emitRowMaximum, emitSumLanes, emitSumLoop, sumVectors } from '../elements/lane-reduction.ts';

/** Where rows lie: the next one begins `inputStride` or `outputStride` elements after the one before. */
export interface SoftmaxRows {
  readonly rows: number;
  readonly width: number;
  readonly inputStride: number;
  readonly outputStride: number;
}

/** Registers at the first row of input and output, or twice the same for rows that are replaced. Undefined afterwards. */
export interface SoftmaxPointers {
  readonly input: Pointer;
  readonly output: Pointer;
}

/** Vector registers that {@link emitSoftmaxRows} needs. */
export function softmaxVectors({ lanes }: TargetTraits): number {
  return 2 + EXPONENTIAL_SCRATCH + sumVectors(lanes);
}

/**
 * `y[i] = exp(x[i] - max(x)) / sum(exp(x - max(x)))` for each row. The sum runs in 16 lanes on every target, and its reciprocal is
 * multiplied with. A row with a NaN or +Infinity, or of -Infinity only, becomes NaN.
 *
 * @param vectors {@link softmaxVectors} registers; undefined afterwards.
 */
export function emitSoftmaxRows(
  target: Target<unknown>,
  { input, output }: SoftmaxPointers,
  { rows, width, inputStride, outputStride }: SoftmaxRows,
  vectors: readonly Vector[],
): void {
  const [value, largest, ...others] = vectors as readonly [Vector, Vector, ...Vector[]];
  const scratch = others.slice(0, EXPONENTIAL_SCRATCH);
  const sums = others.slice(EXPONENTIAL_SCRATCH, EXPONENTIAL_SCRATCH + sumVectors(target.traits.lanes));
  const strides = [{ pointer: input, bytes: inputStride * WORD_BYTES }];
  if (output !== input) strides.push({ pointer: output, bytes: outputStride * WORD_BYTES });
  const pointers = strides.map(({ pointer }) => pointer);
  emitRowLoop(target, rows, strides, () => {
    emitRowMaximum(target, input, width, [largest, ...scratch], value);
    emitSumLoop(target, width, pointers, sums, (portion, sum) => {
      target.load(value, wordsAt(input, portion), portion.lanes);
      target.float('subtract', value, value, largest);
      emitExponential(target, value, scratch);
      target.store(value, wordsAt(output, portion), portion.lanes);
      // Lanes beyond the row hold an exponential too: reading back zeroes them.
      if (portion.lanes < target.traits.lanes) target.load(value, wordsAt(output, portion), portion.lanes);
      target.float('add', sum, sum, value);
    });
    emitSumLanes(target, sums, value);
    const sum = sums[0]!;
    target.constant(value, 1);
    target.float('divide', sum, value, sum);
    const results = { pointer: output, elementBytes: WORD_BYTES };
    emitElementLoop(target, width, [results], 4, (portions) => {
      for (const portion of portions) {
        target.load(value, wordsAt(output, portion), portion.lanes);
        target.float('multiply', value, value, sum);
        target.store(value, wordsAt(output, portion), portion.lanes);
      }
    });
  });
}
