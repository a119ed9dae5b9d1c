import type { Pointer, Target, Vector } from '../../target/target.ts';
import { emitElementLoop, emitLoad, type Portion, portionsOf, WORD_BYTES } from './element-loop.ts';

/**
 * Sums run in this many lanes on every target, element i in lane i modulo 16, so that their bits do not depend on how many
 * lanes a vector has. The lanes are then added in halves: lane i and i + 8, i + 4, i + 2, i + 1.
 */
export const SUM_LANES = 16;

/** Vectors that hold the {@link SUM_LANES} lanes. */
export function sumVectors(lanes: number): number {
  return SUM_LANES / lanes;
}

/** Adds up the lanes of `sums` (one vector per 16 / lanes); every lane of the first then holds the sum. Overwrites `scratch`. */
export function emitSumLanes(target: Target<unknown>, sums: readonly Vector[], scratch: Vector): void {
  for (let half = sums.length / 2; half >= 1; half /= 2) {
    for (let v = 0; v < half; v++) target.float('add', sums[v]!, sums[v]!, sums[v + half]!);
  }
  for (let mask = target.traits.lanes / 2; mask >= 1; mask /= 2) {
    target.exchange(scratch, sums[0]!, mask);
    target.float('add', sums[0]!, sums[0]!, scratch);
  }
}

/** A portion of a row, and the register of the sum that it belongs to. */
export interface SummedPortion {
  readonly portion: Portion;
  readonly sum: Vector;
}

/**
 * Emits `body` for a row in the order that {@link SUM_LANES} asks for, for up to `portionsPerTurn` portions at a time; a turn
 * covers 16 elements or a multiple.
 */
export function emitSumLoop(
  target: Target<unknown>,
  width: number,
  pointers: readonly Pointer[],
  sums: readonly Vector[],
  portionsPerTurn: number,
  body: (portions: readonly SummedPortion[]) => void,
): void {
  for (const sum of sums) target.zero(sum);
  const streams = pointers.map((pointer) => ({ pointer, elementBytes: WORD_BYTES }));
  const perTurn = Math.ceil(portionsPerTurn / sums.length) * sums.length;
  emitElementLoop(target, width, streams, perTurn, (portions) => {
    const summed = portions.map((portion, v) => ({ portion, sum: sums[v % sums.length]! }));
    for (let at = 0; at < summed.length; at += portionsPerTurn) body(summed.slice(at, at + portionsPerTurn));
  });
}

/** Adds up a row; every lane of the first of `sums` then holds the sum. */
export function emitRowSum(
  target: Target<unknown>,
  row: Pointer,
  width: number,
  sums: readonly Vector[],
  scratch: Vector,
): void {
  emitSumLoop(target, width, [row], sums, 4, (portions) => {
    for (const { portion, sum } of portions) {
      emitLoad(target, scratch, row, portion);
      target.float('add', sum, sum, scratch);
    }
  });
  emitSumLanes(target, sums, scratch);
}

/**
 * The largest element of a row into every lane of the first of `accumulators`; NaNs are passed over, and a row of NaNs gives -Infinity.
 * Which of +0 and -0 is found depends on the target. Overwrites the other accumulators and `scratch`.
 */
export function emitRowMaximum(
  target: Target<unknown>,
  row: Pointer,
  width: number,
  accumulators: readonly Vector[],
  scratch: Vector,
): void {
  emitRowExtremum(target, 'maximum', row, width, accumulators, scratch);
}

/** As {@link emitRowMaximum}, or the smallest element; of NaNs only, +Infinity. */
export function emitRowExtremum(
  target: Target<unknown>,
  extremum: 'maximum' | 'minimum',
  row: Pointer,
  width: number,
  accumulators: readonly Vector[],
  scratch: Vector,
): void {
  const { lanes } = target.traits;
  const operation = extremum === 'maximum' ? 'max' : 'min';
  const start = extremum === 'maximum' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  const [largest] = accumulators as readonly [Vector, ...Vector[]];
  if (width < lanes) {
    target.constant(largest, start);
    for (let element = 0; element < width; element++) {
      target.splat(scratch, { base: row, offset: element * WORD_BYTES });
      target.float(operation, largest, largest, scratch);
    }
    return;
  }
  for (const accumulator of accumulators) target.constant(accumulator, start);
  const whole = width - (width % lanes);
  const compare = (portion: Portion, accumulator: Vector) => {
    emitLoad(target, scratch, row, portion);
    target.float(operation, accumulator, accumulator, scratch);
  };
  const stream = { pointer: row, elementBytes: WORD_BYTES };
  emitElementLoop(target, whole, [stream], accumulators.length, (portions) => {
    for (const [v, portion] of portions.entries()) compare(portion, accumulators[v]!);
  });
  // The last elements once more: a maximum does not mind.
  if (whole < width) compare(portionsOf(lanes, lanes, width - lanes)[0]!, largest);
  for (const accumulator of accumulators.slice(1)) target.float(operation, largest, largest, accumulator);
  for (let mask = lanes / 2; mask >= 1; mask /= 2) {
    target.exchange(scratch, largest, mask);
    target.float(operation, largest, largest, scratch);
  }
}
