import { EXPONENTIAL_SCRATCH, emitFullExponential } from '../activation/emit-exponential.ts';
import type { GroupOperations, VectorGroup } from '../elements/vector-group.ts';
import { emitLogarithm, LOGARITHM_SCRATCH } from './emit-logarithm.ts';

/** Groups that {@link emitPower} needs beside base and exponent. */
export const POWER_SCRATCH = 1 + Math.max(LOGARITHM_SCRATCH, EXPONENTIAL_SCRATCH);

const SIGN_BIT = 0x8000_0000;

/**
 * `x` to the power of `y`, in `x`, as `exp(y * log |x|)` with the sign that x and y give it. As in C: 1 where y is 0 or x is 1,
 * whatever the other is; NaN for a negative finite x and a y that is no integer.
 */
export function emitPower(
  target: GroupOperations,
  x: VectorGroup,
  y: VectorGroup,
  scratch: readonly VectorGroup[],
): void {
  const [power, a, b, c] = scratch as readonly [VectorGroup, VectorGroup, VectorGroup, VectorGroup];
  target.integerConstant(a, SIGN_BIT - 1);
  target.integer('and', power, x, a);
  emitLogarithm(target, power, scratch.slice(1));
  target.float('multiply', power, power, y);
  emitFullExponential(target, power, scratch.slice(1));
  // A magnitude of 1 stays 1 for every exponent that is a number: there 0 * Infinity was NaN.
  target.integerConstant(a, SIGN_BIT - 1);
  target.integer('and', b, x, a);
  target.constant(a, 1);
  target.compare('equal', b, b, a);
  target.compare('equal', c, y, y);
  target.integer('and', b, b, c);
  target.select(power, b, a);
  // Odd exponents are integers whose half is none: then the result has the sign of x.
  target.constant(a, 0.5);
  target.float('multiply', a, a, y);
  target.round('nearest', b, a);
  target.compare('equal', a, a, b);
  target.round('nearest', b, y);
  target.compare('equal', b, b, y);
  target.integer('andNot', a, a, b);
  target.integer('and', a, a, x);
  target.integerConstant(c, SIGN_BIT);
  target.integer('and', a, a, c);
  target.integer('or', power, power, a);
  // All bits set, a NaN, where -Infinity < x < 0 and y is no integer.
  target.zero(a);
  target.compare('less', a, x, a);
  target.constant(c, Number.NEGATIVE_INFINITY);
  target.compare('less', c, c, x);
  target.integer('and', a, a, c);
  target.integer('andNot', a, b, a);
  target.integer('or', power, power, a);
  // What the exponent 0 and the base 1 give.
  target.constant(a, 1);
  target.compare('equal', x, x, a);
  target.zero(b);
  target.compare('equal', b, b, y);
  target.integer('or', b, b, x);
  target.select(power, b, a);
  target.copy(x, power);
}
