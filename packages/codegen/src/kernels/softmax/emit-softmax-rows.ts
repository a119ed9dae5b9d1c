import type { Pointer, Target, TargetTraits, Vector } from '../../target/target.ts';
import { EXPONENTIAL_SCRATCH, emitExponential } from '../activation/emit-exponential.ts';
import { emitElementLoop, emitLoad, emitRowLoop, emitStore, WORD_BYTES } from '../elements/element-loop.ts';
import { emitRowMaximum, emitSumLanes, emitSumLoop, sumVectors } from '../elements/lane-reduction.ts';
import { MOST_TOGETHER } from '../elements/vector-group.ts';

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

/** Vector registers that {@link emitSoftmaxRows} needs. With more it computes several exponentials together, which is faster. */
export function softmaxVectors({ lanes }: TargetTraits): number {
  return 1 + sumVectors(lanes) + 1 + EXPONENTIAL_SCRATCH;
}

/** The registers of `available` that {@link emitSoftmaxRows} makes use of; the least possible, whether available or not. */
export function usefulSoftmaxVectors(traits: TargetTraits, available: number): number {
  const each = 1 + EXPONENTIAL_SCRATCH;
  const more = Math.floor((available - softmaxVectors(traits)) / each);
  return softmaxVectors(traits) + each * Math.max(0, Math.min(MOST_TOGETHER - 1, more));
}

interface SoftmaxRegisters {
  readonly largest: Vector;
  readonly sums: readonly Vector[];
  readonly values: readonly Vector[];
  readonly scratch: readonly Vector[];
}

function assignRegisters(target: Target<unknown>, vectors: readonly Vector[]): SoftmaxRegisters {
  const used = usefulSoftmaxVectors(target.traits, vectors.length);
  const sumCount = sumVectors(target.traits.lanes);
  const [largest, ...others] = vectors.slice(0, used) as [Vector, ...Vector[]];
  const sums = others.slice(0, sumCount);
  const valueCount = (used - 1 - sumCount) / (1 + EXPONENTIAL_SCRATCH);
  const values = others.slice(sumCount, sumCount + valueCount);
  return { largest, sums, values, scratch: others.slice(sumCount + valueCount) };
}

/** Writes `exp(x - largest)` and leaves the sum of all in every lane of the first sum. */
function emitExponentials(
  target: Target<unknown>,
  width: number,
  { input, output }: SoftmaxPointers,
  { largest, sums, values, scratch }: SoftmaxRegisters,
): void {
  const pointers = output === input ? [input] : [input, output];
  emitSumLoop(target, width, pointers, sums, values.length, (portions) => {
    const group = values.slice(0, portions.length);
    for (const [v, value] of group.entries()) {
      emitLoad(target, value, input, portions[v]!.portion);
      target.float('subtract', value, value, largest);
    }
    emitExponential(target, group, scratch);
    for (const [v, { portion, sum }] of portions.entries()) {
      const value = group[v]!;
      emitStore(target, value, output, portion);
      // Lanes beyond the row hold an exponential too: reading back zeroes them.
      if (portion.lanes < target.traits.lanes) emitLoad(target, value, output, portion);
      target.float('add', sum, sum, value);
    }
  });
  emitSumLanes(target, sums, scratch[0]!);
}

/**
 * `y[i] = exp(x[i] - max(x)) / sum(exp(x - max(x)))` for each row. The sum runs in 16 lanes on every target, and its reciprocal is
 * multiplied with. A row with a NaN or +Infinity, or of -Infinity only, becomes NaN.
 *
 * @param vectors {@link softmaxVectors} registers or more; undefined afterwards.
 */
export function emitSoftmaxRows(
  target: Target<unknown>,
  { input, output }: SoftmaxPointers,
  { rows, width, inputStride, outputStride }: SoftmaxRows,
  vectors: readonly Vector[],
): void {
  const registers = assignRegisters(target, vectors);
  const { largest, sums, scratch } = registers;
  const value = registers.values[0]!;
  const strides = [{ pointer: input, bytes: inputStride * WORD_BYTES }];
  if (output !== input) strides.push({ pointer: output, bytes: outputStride * WORD_BYTES });
  emitRowLoop(target, rows, strides, () => {
    emitRowMaximum(target, input, width, [largest, ...scratch.slice(0, 3)], value);
    emitExponentials(target, width, { input, output }, registers);
    const sum = sums[0]!;
    target.constant(value, 1);
    target.float('divide', sum, value, sum);
    const results = { pointer: output, elementBytes: WORD_BYTES };
    emitElementLoop(target, width, [results], 4, (portions) => {
      for (const portion of portions) {
        emitLoad(target, value, output, portion);
        target.float('multiply', value, value, sum);
        emitStore(target, value, output, portion);
      }
    });
  });
}
