import type { Target, Vector } from '../../target/target.ts';
import { eachVectorGroup, GroupOperations, type VectorGroup } from '../elements/vector-group.ts';
import { EXPONENTIAL_TAIL } from './activation-coefficients.ts';

/** Registers that {@link emitExponential} and {@link emitReducedExponential} need beside their argument. */
export const EXPONENTIAL_SCRATCH = 3;

/** Below it `exp(x)` is less than half the smallest float32 number. */
export const EXPONENTIAL_LOWEST = -104;
/**
 * `exp(x)` is computed `2^64` times too large, where it is a normal number for every x >= {@link EXPONENTIAL_LOWEST}; multiplying
 * by `2^-64` then rounds once, to a subnormal number where need be.
 */
export const EXPONENTIAL_SCALE = 64;

/** `1.5 * 2^23`: adding it rounds a float32 below 2^22 to an integer, which the low bits of the sum hold. */
const ROUNDING_SHIFT = 1.5 * 2 ** 23;
const EXPONENT_BIAS = 127;
const MANTISSA_BITS = 23;
/** The upper 12 bits of ln(2): its product with an integer up to 2^12 is exact. The rest is a float32. */
const LN2_HIGH = 0x0b17 / 2 ** 12;
const LN2_LOW = Math.fround(Math.LN2 - LN2_HIGH);

/** `destination` or `spare`, whichever ends up holding the polynomial in `x`, constant term first; the other is overwritten. */
export function emitPolynomial(
  target: GroupOperations,
  coefficients: readonly number[],
  x: VectorGroup,
  [first, second]: readonly [VectorGroup, VectorGroup],
): readonly [value: VectorGroup, free: VectorGroup] {
  let [value, free] = [first, second];
  target.constant(value, coefficients.at(-1)!);
  for (const coefficient of coefficients.slice(0, -1).toReversed()) {
    target.constant(free, coefficient);
    target.fma(free, value, x);
    [value, free] = [free, value];
  }
  return [value, free];
}

/**
 * Splits `exp(x + correction) = 2^n * (1 + m)`, |m| < 0.42: `x` becomes `m` and `power` becomes `2^(n + scale)`. `n` is chosen for
 * `x` alone; `correct` adds the correction, from -0.05 to 0, to the reduced argument.
 *
 * The caller sees to it that `-126 <= n + scale <= 127`. A NaN makes `m` a NaN and `power` anything.
 */
export function emitReducedExponential(
  target: GroupOperations,
  x: VectorGroup,
  power: VectorGroup,
  scratch: readonly [VectorGroup, VectorGroup],
  scale: number,
  correct: (reduced: VectorGroup) => void = () => {},
): void {
  const [a, b] = scratch;
  target.constant(power, ROUNDING_SHIFT);
  target.constant(a, Math.LOG2E);
  target.fma(power, x, a);
  target.constant(a, ROUNDING_SHIFT);
  target.float('subtract', a, power, a);
  target.constant(b, LN2_HIGH);
  target.fnma(x, a, b);
  target.constant(b, LN2_LOW);
  target.fnma(x, a, b);
  correct(x);
  const [tail, free] = emitPolynomial(target, EXPONENTIAL_TAIL, x, scratch);
  target.float('multiply', tail, tail, x);
  target.copy(free, x);
  target.fma(x, tail, free);
  // The shift drops what the rounding added, because its bits below the exponent of 2^23 are zero there.
  target.shift('left', power, power, MANTISSA_BITS);
  target.integerConstant(free, (EXPONENT_BIAS + scale) << MANTISSA_BITS);
  target.integer('add', power, power, free);
}

/** Leaves `exp(x) * 2^EXPONENTIAL_SCALE` in `x`, for `-104 <= x <= 40`; NaN stays NaN. */
export function emitScaledExponential(
  target: GroupOperations,
  x: VectorGroup,
  scratch: readonly VectorGroup[],
  correct?: (reduced: VectorGroup) => void,
): void {
  const [power, a, b] = scratch as readonly [VectorGroup, VectorGroup, VectorGroup];
  emitReducedExponential(target, x, power, [a, b], EXPONENTIAL_SCALE, correct);
  target.constant(a, 1);
  target.float('add', x, x, a);
  target.float('multiply', x, x, power);
}

/**
 * `exp` of every lane of `values`, for numbers from -infinity to 40 (softmax has none above 0); NaN stays NaN.
 *
 * @param scratch {@link EXPONENTIAL_SCRATCH} registers for each value that is to be computed together with others, at least for one.
 */
export function emitExponential(
  target: Target<unknown>,
  values: readonly Vector[],
  scratch: readonly Vector[],
): void {
  const operations = new GroupOperations(target);
  eachVectorGroup(values, scratch, EXPONENTIAL_SCRATCH, (x, groups) => {
    const [bound] = groups as readonly [VectorGroup, ...VectorGroup[]];
    operations.constant(bound, EXPONENTIAL_LOWEST);
    operations.float('max', x, x, bound);
    emitScaledExponential(operations, x, groups);
    operations.constant(bound, 2 ** -EXPONENTIAL_SCALE);
    operations.float('multiply', x, x, bound);
  });
}

/** From here on `exp(x)` is infinite. */
const EXPONENTIAL_END = 89;

/** `exp(x)` of any numbers, in `x`. @param scratch {@link EXPONENTIAL_SCRATCH} groups. */
export function emitFullExponential(
  target: GroupOperations,
  x: VectorGroup,
  scratch: readonly VectorGroup[],
): void {
  const [power, a, b] = scratch as readonly [VectorGroup, VectorGroup, VectorGroup];
  target.constant(a, EXPONENTIAL_LOWEST);
  target.float('max', x, x, a);
  target.constant(a, EXPONENTIAL_END);
  target.float('min', x, x, a);
  emitReducedExponential(target, x, power, [a, b], 0);
  target.constant(a, 1);
  target.float('add', x, x, a);
  // 2^n as a product of two powers, n / 2 each, because n goes from -150 to 128. `power` holds n + bias in its exponent, and its sign.
  target.shift('right-signed', power, power, MANTISSA_BITS);
  target.integerConstant(a, EXPONENT_BIAS);
  target.integer('add', power, power, a);
  target.shift('right-signed', a, power, 1);
  target.integer('subtract', power, power, a);
  for (const half of [a, power]) {
    target.shift('left', half, half, MANTISSA_BITS);
    target.float('multiply', x, x, half);
  }
}
