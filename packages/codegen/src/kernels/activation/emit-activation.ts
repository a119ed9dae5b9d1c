import type { Activation } from '../../description/epilogue.ts';
import type { Target, Vector } from '../../target/target.ts';
import {
  eachVectorGroup,
  GroupOperations,
  MOST_TOGETHER,
  type VectorGroup,
} from '../elements/vector-group.ts';
import {
  NORMAL_TAIL,
  NORMAL_TAIL_CENTRE,
  NORMAL_TAIL_END,
  NORMAL_TAIL_OFFSET,
} from './activation-coefficients.ts';
import {
  EXPONENTIAL_LOWEST,
  EXPONENTIAL_SCALE,
  EXPONENTIAL_SCRATCH,
  emitPolynomial,
  emitReducedExponential,
  emitScaledExponential,
} from './emit-exponential.ts';
import { emitHardSwish } from './emit-piecewise-linear.ts';

/** Replaces the values of a group by their activations. */
type EmitGroup = (target: GroupOperations, x: VectorGroup, scratch: readonly VectorGroup[]) => void;
type EmitAll = (target: Target<unknown>, values: readonly Vector[], scratch: readonly Vector[]) => void;

const UNSCALE = 2 ** -EXPONENTIAL_SCALE;
/** From here on `sigmoid(x)` rounds to 1. */
const SIGMOID_END = 18;
/** From here on `tanh(x)` rounds to 1. */
const TANH_END = 9.25;
/** Below it `x * sigmoid(x)` is above minus half the smallest float32 number. */
const SILU_LOWEST = -110;
/** Below it `gelu-tanh` is above minus half the smallest float32 number. */
const GELU_TANH_LOWEST = -11;
const GELU_TANH_LINEAR = 2 * Math.sqrt(2 / Math.PI);
const GELU_TANH_CUBIC = 0.044715 * GELU_TANH_LINEAR;
const SIGN_BIT = 0x8000_0000;
const MAGNITUDE_BITS = 0x7fff_ffff;
/** Keeps 12 bits of the significand, so that the square is exact. */
const HIGH_HALF_BITS = 0xffff_f000;

function emitMax(target: GroupOperations, x: VectorGroup, bound: number, scratch: VectorGroup): void {
  target.constant(scratch, bound);
  target.float('max', x, x, scratch);
}

function emitMin(target: GroupOperations, x: VectorGroup, bound: number, scratch: VectorGroup): void {
  target.constant(scratch, bound);
  target.float('min', x, x, scratch);
}

function emitRelu(target: Target<unknown>, values: readonly Vector[], scratch: readonly Vector[]): void {
  const [bound] = scratch as readonly [Vector, ...Vector[]];
  target.zero(bound);
  for (const x of values) target.float('max', x, x, bound);
}

function emitRelu6(target: Target<unknown>, values: readonly Vector[], scratch: readonly Vector[]): void {
  emitRelu(target, values, scratch);
  const [bound] = scratch as readonly [Vector, ...Vector[]];
  target.constant(bound, 6);
  for (const x of values) target.float('min', x, x, bound);
}

/** `x = 2^64 * e / (1 + e)`, `e = exp(x)`: no cancellation on either side, and exact scaling of the subnormal end. */
function emitScaledSigmoid(
  target: GroupOperations,
  x: VectorGroup,
  scratch: readonly VectorGroup[],
  lowest: number,
): void {
  const [a, b] = scratch as readonly [VectorGroup, VectorGroup];
  emitMax(target, x, lowest, a);
  emitMin(target, x, SIGMOID_END, a);
  emitScaledExponential(target, x, scratch);
  target.constant(a, 1);
  target.constant(b, UNSCALE);
  target.fma(a, x, b);
  target.float('divide', x, x, a);
}

function emitSigmoid(target: GroupOperations, x: VectorGroup, scratch: readonly VectorGroup[]): void {
  emitScaledSigmoid(target, x, scratch, EXPONENTIAL_LOWEST);
  target.constant(scratch[0]!, UNSCALE);
  target.float('multiply', x, x, scratch[0]!);
}

/** `x * sigmoid(x)`. The product overflows for x > 2^64, where the result is x: `min(product, max(x, 0))` gives both. */
function emitSilu(target: GroupOperations, x: VectorGroup, scratch: readonly VectorGroup[]): void {
  const [a, b, , sigmoid] = scratch as readonly [VectorGroup, VectorGroup, VectorGroup, VectorGroup];
  target.copy(sigmoid, x);
  emitScaledSigmoid(target, sigmoid, scratch.slice(0, EXPONENTIAL_SCRATCH), SILU_LOWEST);
  target.copy(b, x);
  emitMax(target, b, SILU_LOWEST, a);
  target.float('multiply', b, b, sigmoid);
  target.constant(a, UNSCALE);
  target.float('multiply', b, b, a);
  target.zero(a);
  target.float('max', a, x, a);
  target.float('min', x, b, a);
}

/** `m / (m + 2)` with `m = exp(2 |x|) - 1`, which is exact to its last bits near 0 too; then the sign of x. */
function emitTanh(target: GroupOperations, x: VectorGroup, scratch: readonly VectorGroup[]): void {
  const [power, a, b, sign] = scratch as readonly [VectorGroup, VectorGroup, VectorGroup, VectorGroup];
  target.integerConstant(a, SIGN_BIT);
  target.integer('and', sign, x, a);
  target.integer('xor', x, x, sign);
  emitMin(target, x, TANH_END, a);
  target.float('add', x, x, x);
  emitReducedExponential(target, x, power, [a, b], 0);
  // exp - 1 = 2^n * (1 + x) - 1 = 2^n * x + (2^n - 1)
  target.constant(a, 1);
  target.float('subtract', a, power, a);
  target.fma(a, x, power);
  target.constant(b, 2);
  target.float('add', b, a, b);
  target.float('divide', x, a, b);
  target.integer('or', x, x, sign);
}

/** `min(|x|, end)` into `destination`. */
function emitMagnitude(
  target: GroupOperations,
  destination: VectorGroup,
  x: VectorGroup,
  scratch: VectorGroup,
): void {
  target.integerConstant(scratch, MAGNITUDE_BITS);
  target.integer('and', destination, x, scratch);
  emitMin(target, destination, NORMAL_TAIL_END, scratch);
}

/**
 * Leaves `-high^2 / 2` in `argument`, where `high` is the upper half of `min(|x|, end)`: exact, unlike the square of all of it.
 */
function emitHighSquare(
  target: GroupOperations,
  argument: VectorGroup,
  x: VectorGroup,
  [a, b]: readonly [VectorGroup, VectorGroup],
): void {
  emitMagnitude(target, a, x, b);
  target.integerConstant(b, HIGH_HALF_BITS);
  target.integer('and', a, a, b);
  target.constant(b, -0.5);
  target.float('multiply', b, b, a);
  target.float('multiply', argument, b, a);
}

/** Adds what {@link emitHighSquare} left out of `-|x|^2 / 2`: with `low = |x| - high` that is `-low * |x| + low^2 / 2`. */
function emitLowSquare(
  target: GroupOperations,
  argument: VectorGroup,
  x: VectorGroup,
  [a, b]: readonly [VectorGroup, VectorGroup],
): void {
  emitMagnitude(target, a, x, b);
  target.integerConstant(b, HIGH_HALF_BITS);
  target.integer('and', b, a, b);
  target.float('subtract', b, a, b);
  target.fnma(argument, b, a);
  target.constant(a, 0.5);
  target.float('multiply', a, a, b);
  target.fma(argument, a, b);
}

/**
 * `x * Phi(x) = max(x, 0) - a * Phi(-a)` with `a = |x|` and `a * Phi(-a) = exp(-a^2 / 2) * s * p(centre - s)`, `s = a / (offset + a)`:
 * the relative error stays small down to subnormal results.
 */
function emitGelu(target: GroupOperations, x: VectorGroup, scratch: readonly VectorGroup[]): void {
  const [power, a, b, tail] = scratch as readonly [VectorGroup, VectorGroup, VectorGroup, VectorGroup];
  emitHighSquare(target, tail, x, [a, b]);
  emitScaledExponential(target, tail, [power, a, b], (argument) =>
    emitLowSquare(target, argument, x, [a, b]),
  );
  emitMagnitude(target, a, x, b);
  target.constant(b, NORMAL_TAIL_OFFSET);
  target.float('add', b, b, a);
  target.float('divide', a, a, b);
  target.float('multiply', tail, tail, a);
  target.constant(power, NORMAL_TAIL_CENTRE);
  target.float('subtract', power, power, a);
  const [polynomial, free] = emitPolynomial(target, NORMAL_TAIL, power, [a, b]);
  target.float('multiply', tail, tail, polynomial);
  target.zero(free);
  target.float('max', x, x, free);
  target.constant(free, UNSCALE);
  target.float('multiply', tail, tail, free);
  target.float('subtract', x, x, tail);
}

/** `x * sigmoid(2u)` with `u = sqrt(2 / pi) * (x + 0.044715 x^3)`; from {@link GELU_TANH_LOWEST} down it is a zero. */
function emitGeluTanh(target: GroupOperations, x: VectorGroup, scratch: readonly VectorGroup[]): void {
  const [a, b, , sigmoid] = scratch as readonly [VectorGroup, VectorGroup, VectorGroup, VectorGroup];
  emitMax(target, x, GELU_TANH_LOWEST, a);
  target.copy(sigmoid, x);
  emitMin(target, sigmoid, SIGMOID_END, a);
  target.float('multiply', b, sigmoid, sigmoid);
  target.constant(a, GELU_TANH_CUBIC);
  target.float('multiply', b, b, a);
  target.constant(a, GELU_TANH_LINEAR);
  target.float('add', b, b, a);
  target.float('multiply', sigmoid, sigmoid, b);
  emitScaledSigmoid(target, sigmoid, scratch.slice(0, EXPONENTIAL_SCRATCH), SILU_LOWEST);
  // The product overflows for x > 2^64, where the result is x.
  target.float('multiply', b, x, sigmoid);
  target.constant(a, UNSCALE);
  target.float('multiply', b, b, a);
  target.zero(a);
  target.float('max', a, x, a);
  target.float('min', x, b, a);
}

/** As many values at a time as there is scratch for. */
function inGroups(emit: EmitGroup, scratchEach: number) {
  const emitAll: EmitAll = (target, values, scratch) => {
    const operations = new GroupOperations(target);
    eachVectorGroup(values, scratch, scratchEach, (x, groups) => emit(operations, x, groups));
  };
  return { emit: emitAll, scratch: scratchEach };
}

const EMITTERS: Readonly<Record<Activation, { readonly emit: EmitAll; readonly scratch: number }>> = {
  none: { emit: () => {}, scratch: 0 },
  relu: { emit: emitRelu, scratch: 1 },
  relu6: { emit: emitRelu6, scratch: 1 },
  sigmoid: inGroups(emitSigmoid, EXPONENTIAL_SCRATCH),
  tanh: inGroups(emitTanh, EXPONENTIAL_SCRATCH + 1),
  gelu: inGroups(emitGelu, EXPONENTIAL_SCRATCH + 1),
  silu: inGroups(emitSilu, EXPONENTIAL_SCRATCH + 1),
  'gelu-tanh': inGroups(emitGeluTanh, EXPONENTIAL_SCRATCH + 1),
  'hard-swish': inGroups(emitHardSwish, 2),
};

/** True for activations that are a comparison or two: done on results in their registers, with one more of them. */
export function isClamp(activation: Activation): boolean {
  return activation === 'relu' || activation === 'relu6';
}

/**
 * Scratch registers that {@link emitActivation} needs for one value at a time. With those for several values it computes as many in
 * lockstep, which is faster; `relu` and `relu6` need no more than these for any number.
 */
export function activationScratch(activation: Activation): number {
  return EMITTERS[activation].scratch;
}

/** relu and relu6 with one scratch register; leaves the values as they are for other activations. */
export function emitClamp(
  target: Target<unknown>,
  activation: Activation,
  values: readonly Vector[],
  scratch: Vector,
): void {
  if (isClamp(activation)) emitActivation(target, activation, values, [scratch]);
}

/** How a kernel divides its free registers: values that are activated together, and scratch. */
export interface ActivationPlan {
  readonly values: number;
  readonly scratch: number;
}

/** The fastest division of `available` registers. The least possible is one value with its scratch, whether available or not. */
export function planActivation(activation: Activation, available: number): ActivationPlan {
  const { scratch } = EMITTERS[activation];
  if (scratch <= 1) return { values: Math.max(1, Math.min(MOST_TOGETHER, available - scratch)), scratch };
  const values = Math.max(1, Math.min(MOST_TOGETHER, Math.floor(available / (1 + scratch))));
  return { values, scratch: values * scratch };
}

/** The scratch registers of `available` that speed up activating `values` values; the least possible, whether available or not. */
export function usefulActivationScratch(activation: Activation, values: number, available: number): number {
  const { scratch } = EMITTERS[activation];
  if (scratch <= 1) return scratch;
  return scratch * Math.max(1, Math.min(MOST_TOGETHER, values, Math.floor(available / scratch)));
}

/**
 * Replaces each lane of `values` by its activation. NaN stays NaN, and `relu` keeps -0; the largest errors are those of
 * `ACTIVATION_ERROR_ULPS`.
 *
 * @param scratch {@link activationScratch} registers or a multiple, none of them among `values`; undefined afterwards.
 */
export function emitActivation(
  target: Target<unknown>,
  activation: Activation,
  values: readonly Vector[],
  scratch: readonly Vector[],
): void {
  EMITTERS[activation].emit(target, values, scratch);
}
