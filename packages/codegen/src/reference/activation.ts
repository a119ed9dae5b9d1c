import type { Activation } from '../description/epilogue.ts';

/**
 * Bounds of the errors of the emitted activations in units of the last place of the float32 result (2^-149 for subnormal results),
 * for multiply-adds that round once and for those that round twice. Measured: sigmoid 2.41, tanh 2.68, silu 3.29, gelu 4.70 over
 * every float32 number of magnitude 2^-12 to 128 and every 11th other (23rd for gelu); exponential 1.05 over every 97th.
 * hard-swish 2.35; gelu-tanh 138 at -9.57, where its exponent is -83 and each rounding of it counts as many times (the result is 1e-35).
 */
export const ACTIVATION_ERROR_ULPS: Readonly<Record<Activation | 'exponential', number>> = {
  none: 0,
  relu: 0,
  relu6: 0,
  exponential: 1.25,
  sigmoid: 2.75,
  tanh: 3,
  silu: 3.5,
  gelu: 5,
  'gelu-tanh': 200,
  'hard-swish': 3,
};

/** `Phi(-a) * exp(a^2 / 2)` for a >= 0, with the distribution function Phi of the normal distribution; Abramowitz and Stegun 26.2. */
export function scaledNormalTail(a: number): number {
  if (a < 3) {
    let [sum, term] = [0, a];
    for (let k = 3; k < 120; k += 2) {
      sum += term;
      term *= (a * a) / k;
    }
    return 0.5 * Math.exp((a * a) / 2) - sum / Math.sqrt(2 * Math.PI);
  }
  let fraction = a;
  for (let k = 120; k > 0; k--) fraction = a + k / fraction;
  return 1 / (fraction * Math.sqrt(2 * Math.PI));
}

/** `x / 2 * (1 + erf(x / sqrt 2))`; its limits at the infinities. */
function gelu(x: number): number {
  if (Math.abs(x) > 40) return Math.max(x, 0);
  const tail = Math.exp((-x * x) / 2) * scaledNormalTail(Math.abs(x));
  return x < 0 ? x * tail : x * (1 - tail);
}

function sigmoid(x: number): number {
  const power = Math.exp(-Math.abs(x));
  return x < 0 ? power / (1 + power) : 1 / (1 + power);
}

/**
 * An activation in float64. NaN stays NaN, `relu` keeps -0, and where a product is undefined at an infinity the limit is
 * meant: `silu` and `gelu` of -Infinity are 0.
 */
export function referenceActivation(activation: Activation, x: number): number {
  switch (activation) {
    case 'none':
      return x;
    case 'relu':
      if (x < 0) return 0;
      return x;
    case 'relu6':
      if (x < 0) return 0;
      if (x > 6) return 6;
      return x;
    case 'sigmoid':
      return sigmoid(x);
    case 'tanh':
      return Math.tanh(x);
    case 'gelu':
      return gelu(x);
    case 'gelu-tanh': {
      if (x === Number.NEGATIVE_INFINITY) return -0;
      return x * sigmoid(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x));
    }
    case 'hard-swish':
      return Math.max(x, -3) * (Math.min(Math.max(x + 3, 0), 6) / 6);
    case 'silu':
      return x === Number.NEGATIVE_INFINITY ? -0 : x * sigmoid(x);
  }
}
