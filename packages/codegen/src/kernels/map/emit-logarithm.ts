import { emitPolynomial } from '../activation/emit-exponential.ts';
import type { GroupOperations, VectorGroup } from '../elements/vector-group.ts';

/** Groups that {@link emitPositiveLogarithm} needs beside its argument. */
export const POSITIVE_LOGARITHM_SCRATCH = 4;
/** Groups that {@link emitLogarithm} needs beside its argument. */
export const LOGARITHM_SCRATCH = POSITIVE_LOGARITHM_SCRATCH + 1;

const SMALLEST_NORMAL = 2 ** -126;
const MANTISSA_BITS = 23;
const SQUARE_ROOT_OF_HALF_BITS = 0x3f3504f3;
/** Its product with any exponent is exact. */
const LN2_HIGH = 0.693359375;
const LN2_LOW = -2.1219444e-4;
/** `p` in `log(1 + f) = f - f^2 / 2 + f^3 * p(f)`, sqrt(1/2) - 1 <= f <= sqrt(2) - 1; S. Moshier's Cephes library, `logf`. */
const LOGARITHM_TAIL: readonly number[] = [
  3.3333331174e-1, -2.4999993993e-1, 2.0000714765e-1, -1.6668057665e-1, 1.4249322787e-1, -1.242014046e-1,
  1.167699874e-1, -1.151461031e-1, 7.0376836292e-2,
];

/** `log(x)` in `x`, for positive finite numbers; others give any number. */
export function emitPositiveLogarithm(
  target: GroupOperations,
  x: VectorGroup,
  scratch: readonly VectorGroup[],
): void {
  const [a, exponent, c, d] = scratch as readonly [VectorGroup, VectorGroup, VectorGroup, VectorGroup];
  // Subnormal numbers are scaled by 2^23.
  target.constant(c, SMALLEST_NORMAL);
  target.compare('less', a, x, c);
  target.constant(c, 2 ** MANTISSA_BITS);
  target.float('multiply', c, c, x);
  target.select(x, a, c);
  target.constant(c, -MANTISSA_BITS);
  target.integer('and', a, a, c);
  // x = 2^exponent * (1 + f)
  target.integerConstant(c, SQUARE_ROOT_OF_HALF_BITS);
  target.integer('subtract', exponent, x, c);
  target.shift('right-signed', exponent, exponent, MANTISSA_BITS);
  target.shift('left', c, exponent, MANTISSA_BITS);
  target.integer('subtract', x, x, c);
  target.toFloat(exponent, exponent);
  target.float('add', exponent, exponent, a);
  target.constant(c, 1);
  target.float('subtract', x, x, c);
  target.float('multiply', c, x, x);
  const [tail, free] = emitPolynomial(target, LOGARITHM_TAIL, x, [a, d]);
  target.float('multiply', tail, tail, x);
  target.float('multiply', tail, tail, c);
  target.constant(free, LN2_LOW);
  target.fma(tail, exponent, free);
  target.constant(free, 0.5);
  target.fnma(tail, c, free);
  target.float('add', x, x, tail);
  target.constant(free, LN2_HIGH);
  target.fma(x, exponent, free);
}

/** `log(x)` in `x`: NaN below 0, -Infinity for both zeros, Infinity for Infinity. */
export function emitLogarithm(
  target: GroupOperations,
  x: VectorGroup,
  scratch: readonly VectorGroup[],
): void {
  const [original, a, b] = scratch as readonly [VectorGroup, VectorGroup, VectorGroup];
  target.copy(original, x);
  emitPositiveLogarithm(target, x, scratch.slice(1));
  // Where 0 < x does not hold, all bits are set, which is a NaN; then the ends are put in.
  target.zero(a);
  target.compare('less', b, a, original);
  target.integerConstant(a, 0xffff_ffff);
  target.integer('andNot', b, b, a);
  target.integer('or', x, x, b);
  for (const [argument, result] of [
    [0, Number.NEGATIVE_INFINITY],
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
  ] as const) {
    target.constant(a, argument);
    target.compare('equal', b, original, a);
    target.constant(a, result);
    target.select(x, b, a);
  }
}
