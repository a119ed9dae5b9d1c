import type { PointwiseFunction } from '@qedge/core';
import type { Target } from '../../target/target.ts';
import { activationScratch, emitActivation } from '../activation/emit-activation.ts';
import {
  EXPONENTIAL_SCRATCH,
  emitExponential,
  emitFullExponential,
  emitReducedExponential,
} from '../activation/emit-exponential.ts';
import { emitClip, emitHardSigmoid, emitLeakyRelu } from '../activation/emit-piecewise-linear.ts';
import { GroupOperations, type VectorGroup } from '../elements/vector-group.ts';
import { ERROR_FUNCTION_SCRATCH, emitErrorFunction } from './emit-error-function.ts';
import {
  emitLogarithm,
  emitPositiveLogarithm,
  LOGARITHM_SCRATCH,
  POSITIVE_LOGARITHM_SCRATCH,
} from './emit-logarithm.ts';

type Kind = PointwiseFunction['kind'];
type FunctionOf<K extends Kind> = Extract<PointwiseFunction, { readonly kind: K }>;

/** How a function is emitted on a group of registers, and how many groups of scratch it takes. */
interface FunctionEmitter<K extends Kind> {
  readonly scratch: number;
  emit(
    target: GroupOperations,
    x: VectorGroup,
    scratch: readonly VectorGroup[],
    parameters: FunctionOf<K>,
    plain: Target<unknown>,
  ): void;
}

const SIGN_BIT = 0x8000_0000;
const MAGNITUDE_BITS = 0x7fff_ffff;
/** Below it `exp(x) - 1` rounds to -1. */
const ELU_LOWEST = -20;

/** The activations that kernels apply to their results, one name each. */
function activation<
  K extends 'relu' | 'relu6' | 'sigmoid' | 'tanh' | 'gelu' | 'silu' | 'gelu-tanh' | 'hard-swish',
>(kind: K): FunctionEmitter<K> {
  return {
    scratch: activationScratch(kind),
    emit: (_target, x, scratch, _parameters, plain) => emitActivation(plain, kind, x, scratch.flat()),
  };
}

function emitSoftplus(
  target: GroupOperations,
  x: VectorGroup,
  scratch: readonly VectorGroup[],
  plain: Target<unknown>,
): void {
  const [power, rest, ...others] = scratch as readonly [VectorGroup, VectorGroup, ...VectorGroup[]];
  const [a, b] = others as readonly VectorGroup[] as readonly [VectorGroup, VectorGroup];
  // max(x, 0) + log(1 + u) with u = exp(-|x|); what the rounding of 1 + u took away is added again.
  target.integerConstant(a, SIGN_BIT);
  target.integer('or', power, x, a);
  emitExponential(plain, power, others.slice(0, EXPONENTIAL_SCRATCH).flat());
  target.constant(a, 1);
  target.copy(rest, power);
  target.float('add', power, power, a);
  target.float('subtract', b, power, a);
  target.float('subtract', rest, rest, b);
  target.float('divide', rest, rest, power);
  emitPositiveLogarithm(target, power, others);
  target.float('add', power, power, rest);
  target.zero(a);
  target.float('max', x, x, a);
  target.float('add', x, x, power);
}

function emitElu(
  target: GroupOperations,
  x: VectorGroup,
  scratch: readonly VectorGroup[],
  alpha: number,
): void {
  const [negative, power, a, b] = scratch as readonly [VectorGroup, VectorGroup, VectorGroup, VectorGroup];
  target.zero(a);
  target.float('min', negative, x, a);
  target.float('max', x, x, a);
  target.constant(a, ELU_LOWEST);
  target.float('max', negative, negative, a);
  emitReducedExponential(target, negative, power, [a, b], 0);
  target.constant(a, 1);
  target.float('subtract', a, power, a);
  target.fma(a, negative, power);
  target.constant(b, alpha);
  target.float('multiply', a, a, b);
  target.float('add', x, x, a);
}

/** Zeros and NaN stay what they are. */
function emitSign(target: GroupOperations, x: VectorGroup, scratch: readonly VectorGroup[]): void {
  const [a, b, c] = scratch as readonly [VectorGroup, VectorGroup, VectorGroup];
  target.integerConstant(a, SIGN_BIT);
  target.integer('and', b, x, a);
  target.integer('xor', c, x, b);
  target.zero(a);
  target.compare('less', a, a, c);
  target.constant(c, 1);
  target.integer('or', c, c, b);
  target.select(x, a, c);
}

function emitBits(operation: 'and' | 'xor', bits: number) {
  return {
    scratch: 1,
    emit(target: GroupOperations, x: VectorGroup, [mask]: readonly VectorGroup[]): void {
      target.integerConstant(mask!, bits);
      target.integer(operation, x, x, mask!);
    },
  };
}

function emitRounding(rounding: 'nearest' | 'floor' | 'ceiling') {
  return {
    scratch: 0,
    emit: (target: GroupOperations, x: VectorGroup) => target.round(rounding, x, x),
  };
}

const EMITTERS: { readonly [K in Kind]: FunctionEmitter<K> } = {
  relu: activation('relu'),
  relu6: activation('relu6'),
  sigmoid: activation('sigmoid'),
  tanh: activation('tanh'),
  gelu: activation('gelu'),
  silu: activation('silu'),
  'gelu-tanh': activation('gelu-tanh'),
  'hard-swish': activation('hard-swish'),
  softplus: {
    scratch: 2 + POSITIVE_LOGARITHM_SCRATCH,
    emit: (target, x, scratch, _parameters, plain) => emitSoftplus(target, x, scratch, plain),
  },
  absolute: emitBits('and', MAGNITUDE_BITS),
  negate: emitBits('xor', SIGN_BIT),
  exponential: { scratch: EXPONENTIAL_SCRATCH, emit: emitFullExponential },
  logarithm: { scratch: LOGARITHM_SCRATCH, emit: emitLogarithm },
  'square-root': { scratch: 0, emit: (target, x) => target.squareRoot(x, x) },
  reciprocal: {
    scratch: 1,
    emit(target, x, [one]) {
      target.constant(one!, 1);
      target.float('divide', x, one!, x);
    },
  },
  'error-function': { scratch: ERROR_FUNCTION_SCRATCH, emit: emitErrorFunction },
  floor: emitRounding('floor'),
  ceiling: emitRounding('ceiling'),
  round: emitRounding('nearest'),
  sign: { scratch: 3, emit: emitSign },
  clip: { scratch: 1, emit: (target, x, scratch, { low, high }) => emitClip(target, x, scratch, low, high) },
  'leaky-relu': {
    scratch: 2,
    emit: (target, x, scratch, { alpha }) => emitLeakyRelu(target, x, scratch, alpha),
  },
  elu: { scratch: 4, emit: (target, x, scratch, { alpha }) => emitElu(target, x, scratch, alpha) },
  'hard-sigmoid': {
    scratch: 1,
    emit: (target, x, scratch, { alpha, beta }) => emitHardSigmoid(target, x, scratch, alpha, beta),
  },
};

/** Groups of scratch registers that {@link emitPointwiseFunction} needs. */
export function functionScratch({ kind }: PointwiseFunction): number {
  return EMITTERS[kind].scratch;
}

/** Replaces the lanes of `x` by the function's values. @param scratch {@link functionScratch} groups as large as `x`; undefined afterwards. */
export function emitPointwiseFunction(
  target: Target<unknown>,
  apply: PointwiseFunction,
  x: VectorGroup,
  scratch: readonly VectorGroup[],
): void {
  const emitter = EMITTERS[apply.kind] as FunctionEmitter<Kind>;
  emitter.emit(new GroupOperations(target), x, scratch, apply, target);
}
