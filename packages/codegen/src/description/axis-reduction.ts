import { requireInteger } from './require-integer.ts';
import { requireKnown } from './require-known.ts';
import { requireSpan } from './row-layout.ts';

/** What reductions and searches along an axis share: float32 `[outer, length, inner]`, its inner axis contiguous. Strides count elements. */
export interface ReducedAxis {
  /** Positive. */
  readonly outer: number;
  /** Elements that become one, positive. */
  readonly length: number;
  /** Positive; 1 where the last axis is reduced. */
  readonly inner: number;
  /** From one outer index to the next. */
  readonly outerStride: number;
  /** From one reduced element to the next, at least `inner`. */
  readonly axisStride: number;
}

/**
 * `y[o, i] = operation of x[o, 0..length - 1, i]`, written without gaps, `[outer, inner]`:
 * - `sum` and `mean` along an axis that is not the last run in four parts (element a in part a modulo 4), `(p0 + p2) + (p1 + p3)`,
 *   along the last one in 16 lanes as in `ReductionDescription`: the same order on every target. Error: at most
 *   `(length / 4 + 3) * 2^-24` of the sum of magnitudes; the mean is that sum divided by the length;
 * - `maximum` and `minimum`: NaNs are passed over, nothing but NaNs gives the infinity that every number replaces; a zero is +0.
 */
export interface AxisReductionDescription extends ReducedAxis {
  readonly kind: 'axis-reduction';
  readonly operation: 'sum' | 'mean' | 'maximum' | 'minimum';
}

/**
 * `y[o, i] =` the index, as int32, of the first largest or smallest of `x[o, 0..length - 1, i]`, written without gaps, `[outer, inner]`. NaNs
 * are passed over; where no number is beyond the infinity that the search starts from, it is 0. The zeros are equal.
 */
export interface ArgExtremumDescription extends ReducedAxis {
  readonly kind: 'arg-extremum';
  readonly operation: 'maximum' | 'minimum';
}

/** Fields of the argument block of either. */
export const AXIS_REDUCTION_ARGUMENTS = { input: 0, output: 1 } as const;

/** Fields that the argument block of either has. */
export const AXIS_REDUCTION_ARGUMENT_COUNT = 2;

/** Indices are counted as float32 numbers. */
const MOST_INDICES = 2 ** 24;

function requireReducedAxis({ outer, length, inner, outerStride, axisStride }: ReducedAxis): void {
  requireInteger('outer size', outer, 1);
  requireInteger('length of the reduced axis', length, 1);
  requireInteger('inner size', inner, 1);
  requireSpan('reduced axis', length, inner, axisStride);
  requireSpan('input', outer, (length - 1) * axisStride + inner, outerStride);
}

/** @throws InvalidArgumentError for what is no reduction along an axis. */
export function requireAxisReduction(description: AxisReductionDescription): void {
  requireKnown('reduction', description.operation, ['sum', 'mean', 'maximum', 'minimum']);
  requireReducedAxis(description);
}

/** @throws InvalidArgumentError for what is no search along an axis. */
export function requireArgExtremum(description: ArgExtremumDescription): void {
  requireKnown('extremum', description.operation, ['maximum', 'minimum']);
  requireReducedAxis(description);
  requireInteger('rest of the indices', MOST_INDICES - description.length, 0);
}

/** Canonical text of the sizes and strides. */
export function reducedAxisKey({ outer, length, inner, outerStride, axisStride }: ReducedAxis): string {
  return `${outer}x${length}x${inner}-${outerStride}_${axisStride}`;
}
