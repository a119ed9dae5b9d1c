import { InvalidArgumentError } from '@qedge/core';
import { requireInteger } from './require-integer.ts';

/** A float32 matrix `[rows, width]` whose results go to another place or stay in the same. Strides count elements. */
export interface RowLayout {
  /** Positive. */
  readonly rows: number;
  /** Elements of a row, positive. */
  readonly width: number;
  /** From one row to the next, at least `width`. */
  readonly inputStride: number;
  /** From one row to the next, at least `width`. */
  readonly outputStride: number;
}

/** Offsets in code are 32-bit. */
const MOST_ELEMENTS = 2 ** 28;

/** Refuses what spans more than code can address. @throws InvalidArgumentError naming `name`. */
export function requireSpan(name: string, rows: number, width: number, stride: number): void {
  requireInteger(`stride of the ${name}`, stride, width);
  if (rows * stride <= MOST_ELEMENTS) return;
  throw new InvalidArgumentError(`The ${name} spans too many elements`, {
    expected: `at most ${MOST_ELEMENTS}`,
    actual: rows * stride,
    remedy: 'Work in parts.',
  });
}

/** @throws InvalidArgumentError for sizes and strides that cannot be. */
export function requireRowLayout({ rows, width, inputStride, outputStride }: RowLayout): void {
  requireInteger('number of rows', rows, 1);
  requireInteger('width of a row', width, 1);
  requireSpan('input', rows, width, inputStride);
  requireSpan('output', rows, width, outputStride);
}
