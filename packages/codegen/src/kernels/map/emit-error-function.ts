import {
  EXPONENTIAL_SCRATCH,
  emitPolynomial,
  emitScaledExponential,
} from '../activation/emit-exponential.ts';
import type { GroupOperations, VectorGroup } from '../elements/vector-group.ts';

/** Groups that {@link emitErrorFunction} needs beside its argument. */
export const ERROR_FUNCTION_SCRATCH = EXPONENTIAL_SCRATCH + 2;

/** Below it the odd polynomial is used. */
const SMALL_END = 475 / 512;
/** From here on the result rounds to 1. */
const ERROR_FUNCTION_END = 4;
const SIGN_BIT = 0x8000_0000;

// Minimax polynomials by N. Juffa (published 2018 as `my_erff`): largest error below one unit in the last place with fused
// multiply-adds.
/** `p` in `erf(x) = x + x * p(x^2)` for small x. */
const SMALL: readonly number[] = [
  1.28379166e-1, -3.76125336e-1, 1.12819925e-1, -2.67681349e-2, 4.99119423e-3, -5.96761703e-4,
];
/** `p` in `erf(x) = 1 - exp(x * p(x) - x)` for larger x. */
const LARGE: readonly number[] = [
  -1.28717512e-1, -6.34846687e-1, -1.06777877e-1, 2.42546219e-2, -3.88396438e-3, 3.83197126e-4, -1.7285347e-5,
];

/** `erf(x)` in `x`. */
export function emitErrorFunction(
  target: GroupOperations,
  x: VectorGroup,
  scratch: readonly VectorGroup[],
): void {
  const [small, t, a, b, c] = scratch as readonly [
    VectorGroup,
    VectorGroup,
    VectorGroup,
    VectorGroup,
    VectorGroup,
  ];
  target.float('multiply', c, x, x);
  const [odd] = emitPolynomial(target, SMALL, c, [a, b]);
  target.copy(small, x);
  target.fma(small, odd, x);
  target.integerConstant(a, SIGN_BIT - 1);
  target.integer('and', t, x, a);
  target.constant(a, ERROR_FUNCTION_END);
  target.float('min', t, t, a);
  const [power, free] = emitPolynomial(target, LARGE, t, [a, b]);
  target.float('multiply', power, power, t);
  target.float('subtract', power, power, t);
  target.copy(t, power);
  emitScaledExponential(target, t, [power, free, c]);
  target.constant(a, 2 ** -64);
  target.float('multiply', t, t, a);
  target.constant(a, 1);
  target.float('subtract', t, a, t);
  target.integerConstant(a, SIGN_BIT);
  target.integer('and', a, x, a);
  target.integer('or', t, t, a);
  target.integerConstant(a, SIGN_BIT - 1);
  target.integer('and', x, x, a);
  target.constant(a, SMALL_END);
  target.compare('less', a, x, a);
  target.copy(x, t);
  target.select(x, a, small);
}
