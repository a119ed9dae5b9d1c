import type { PointwiseFunction, PointwiseOperation } from '@qedge/core';
import { ACTIVATION_ERROR_ULPS, referenceActivation, scaledNormalTail } from './activation.ts';

/**
 * Bounds of the errors of functions of a map in units of the last place of the float32 result; functions that are not named are
 * rounded once or not at all. Measured over every 9,973rd float32: exponential 0.93, logarithm 0.81, error function 0.96, softplus 1.65,
 * elu 0.90. A power of a general exponent y has a relative error of at most `(2 |y log |x|| + 4) * 2^-24` besides.
 */
export const POINTWISE_ERROR_ULPS: Partial<Record<PointwiseFunction['kind'], number>> = {
  sigmoid: ACTIVATION_ERROR_ULPS.sigmoid,
  tanh: ACTIVATION_ERROR_ULPS.tanh,
  gelu: ACTIVATION_ERROR_ULPS.gelu,
  silu: ACTIVATION_ERROR_ULPS.silu,
  'gelu-tanh': ACTIVATION_ERROR_ULPS['gelu-tanh'],
  softplus: 3,
  exponential: 1.5,
  logarithm: 2,
  'error-function': 2,
  elu: 3,
  'hard-swish': ACTIVATION_ERROR_ULPS['hard-swish'],
};

/** `erf(x)` in float64. */
function errorFunction(x: number): number {
  const a = Math.abs(x);
  if (a > 0.5) {
    const tail = a > 10 ? 0 : 2 * Math.exp(-a * a) * scaledNormalTail(a * Math.SQRT2);
    return x < 0 ? tail - 1 : 1 - tail;
  }
  let [sum, term] = [0, x];
  for (let k = 0; k < 30; k++) {
    sum += term / (2 * k + 1);
    term *= -(x * x) / (k + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** The nearest number within bounds; NaN and the sign of zero stay. */
function clamp(x: number, low: number, high: number): number {
  // Not Math.max and Math.min: those make +0 of a bound and -0.
  // biome-ignore lint/complexity/useMathMinMax: another zero
  const raised = x < low ? low : x;
  // biome-ignore lint/complexity/useMathMinMax: another zero
  return high < raised ? high : raised;
}

function roundToEven(x: number): number {
  const floor = Math.floor(x);
  const rest = x - floor;
  if (rest < 0.5 || Number.isNaN(rest)) return floor;
  if (rest > 0.5 || floor % 2 !== 0) return Math.ceil(x);
  return floor;
}

const { fround } = Math;

/** A function of a map in float64, its piecewise linear parts with the roundings of float32. NaN stays NaN. */
export function referenceFunction(apply: PointwiseFunction, x: number): number {
  switch (apply.kind) {
    case 'softplus':
      return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
    case 'absolute':
      return Math.abs(x);
    case 'negate':
      return -x;
    case 'exponential':
      return Math.exp(x);
    case 'logarithm':
      return Math.log(x);
    case 'square-root':
      return fround(Math.sqrt(x));
    case 'reciprocal':
      return fround(1 / x);
    case 'error-function':
      return errorFunction(x);
    case 'floor':
      return Math.floor(x);
    case 'ceiling':
      return Math.ceil(x);
    case 'round':
      return roundToEven(x);
    case 'sign':
      return Math.sign(x);
    case 'clip':
      return clamp(x, fround(apply.low), fround(apply.high));
    case 'leaky-relu':
      return fround(
        clamp(x, 0, Number.POSITIVE_INFINITY) +
          fround(fround(apply.alpha) * clamp(x, Number.NEGATIVE_INFINITY, 0)),
      );
    case 'elu':
      return x < 0 ? fround(apply.alpha) * Math.expm1(x) : x;
    case 'hard-sigmoid': {
      const line = fround(fround(fround(apply.alpha) * x) + fround(apply.beta));
      return clamp(line, 0, 1);
    }
    default:
      return referenceActivation(apply.kind, x);
  }
}

/** An operation of a map, rounded to float32 where it is one operation there. */
export function referenceOperation(operation: PointwiseOperation, a: number, b: number): number {
  switch (operation) {
    case 'add':
      return fround(a + b);
    case 'subtract':
      return fround(a - b);
    case 'multiply':
      return fround(a * b);
    case 'divide':
      return fround(a / b);
    case 'minimum':
      // biome-ignore lint/complexity/useMathMinMax: another result for NaN
      return b < a ? b : a;
    case 'maximum':
      // biome-ignore lint/complexity/useMathMinMax: another result for NaN
      return a < b ? b : a;
    case 'equal':
      return Number(a === b);
    case 'less':
      return Number(a < b);
    case 'greater':
      return Number(a > b);
    case 'power':
      // JavaScript makes NaN of 1 and -1 to an infinite power, C does not; nor of 1 to the power of NaN.
      return a === 1 || (Math.abs(a) === 1 && Math.abs(b) === Number.POSITIVE_INFINITY) ? 1 : a ** b;
  }
}
