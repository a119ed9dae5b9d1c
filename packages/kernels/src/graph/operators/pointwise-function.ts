import { InvalidArgumentError, type PointwiseFunction, type PointwiseOperation } from '@qedge/core';

/** `x` rounded to an integer, halves to the even one. */
export function roundHalfToEven(x: number): number {
  const rounded = Math.round(x);
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

/**
 * The error function, to 1e-15: the series of positive terms `2 / sqrt(pi) * exp(-x^2) * sum 2^n x^(2n+1) / (2n+1)!!` (Abramowitz and
 * Stegun 7.1.6).
 */
export function errorFunction(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const clamp = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);

type PlainFunction = Exclude<PointwiseFunction, { readonly alpha: number } | { readonly low: number }>;

/** A gate, `x` times a number that goes to 0 where x goes to -Infinity: there the limit, not `-Infinity * 0`. */
const gated = (gate: (x: number) => number) => (x: number) =>
  x === Number.NEGATIVE_INFINITY ? 0 : x * gate(x);

/** Functions without parameters, in float64. */
const PLAIN: Readonly<Record<PlainFunction['kind'], (x: number) => number>> = {
  relu: (x) => Math.max(x, 0),
  relu6: (x) => clamp(x, 0, 6),
  sigmoid,
  tanh: Math.tanh,
  gelu: gated((x) => 0.5 * (1 + errorFunction(x * Math.SQRT1_2))),
  'gelu-tanh': gated((x) => 0.5 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)))),
  silu: gated(sigmoid),
  'hard-swish': gated((x) => clamp(x + 3, 0, 6) / 6),
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  absolute: Math.abs,
  negate: (x) => -x,
  exponential: Math.exp,
  logarithm: Math.log,
  'square-root': Math.sqrt,
  reciprocal: (x) => 1 / x,
  'error-function': errorFunction,
  floor: Math.floor,
  ceiling: Math.ceil,
  round: roundHalfToEven,
  sign: Math.sign,
};

/** The names of functions without parameters. */
export const PLAIN_FUNCTIONS = Object.keys(PLAIN) as readonly PlainFunction['kind'][];

/** The meaning of a function, in float64. @throws InvalidArgumentError for a function that does not exist. */
export function scalarFunction(definition: PointwiseFunction): (x: number) => number {
  switch (definition.kind) {
    case 'clip': {
      const { low, high } = definition;
      return (x) => clamp(x, low, high);
    }
    case 'leaky-relu': {
      const { alpha } = definition;
      return (x) => (x < 0 ? alpha * x : x);
    }
    case 'elu': {
      const { alpha } = definition;
      return (x) => (x < 0 ? alpha * Math.expm1(x) : x);
    }
    case 'hard-sigmoid': {
      const { alpha, beta } = definition;
      return (x) => clamp(alpha * x + beta, 0, 1);
    }
    default:
      return known(PLAIN, definition.kind, 'function');
  }
}

const OPERATIONS: Readonly<Record<PointwiseOperation, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  minimum: Math.min,
  maximum: Math.max,
  power: (a, b) => (a === 1 ? 1 : a ** b),
  equal: (a, b) => (a === b ? 1 : 0),
  less: (a, b) => (a < b ? 1 : 0),
  greater: (a, b) => (a > b ? 1 : 0),
};

/** The names of functions of two numbers. */
export const POINTWISE_OPERATIONS = Object.keys(OPERATIONS) as readonly PointwiseOperation[];

/** The meaning of an operation, in float64. @throws InvalidArgumentError for one that does not exist. */
export function scalarOperation(operation: PointwiseOperation): (a: number, b: number) => number {
  return known(OPERATIONS, operation, 'operation');
}

function known<Value>(table: Readonly<Record<string, Value>>, name: string, what: string): Value {
  if (Object.hasOwn(table, name)) return table[name]!;
  throw new InvalidArgumentError(`Unknown pointwise ${what}`, {
    expected: Object.keys(table).join(', '),
    actual: name,
  });
}

/** Applies an activation to sums in place of a store: writes `float32(activation(sums))`. */
export function storeActivated(
  sums: Float64Array,
  activation: PointwiseFunction | null,
  target: Float32Array,
  offset: number,
): void {
  if (activation === null) {
    target.set(sums, offset);
    return;
  }
  const apply = scalarFunction(activation);
  for (let i = 0; i < sums.length; i++) target[offset + i] = apply(sums[i]!);
}
