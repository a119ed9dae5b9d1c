import { InvalidArgumentError, type PointwiseExpression, type PointwiseFunction } from '@qedge/core';
import { requireInteger } from './require-integer.ts';
import { requireKnown } from './require-known.ts';
import { requireSpan } from './row-layout.ts';

/** Where an input of a map lies. Strides count elements; 0 repeats. */
export interface MapInput {
  readonly outerStride: number;
  readonly rowStride: number;
  /** 1, or 0: one number for a whole row. */
  readonly columnStride: 0 | 1;
}

/**
 * `y[o, r, c] = expression(x0[o, r, c], x1[o, r, c], ...)` on float32 numbers; inputs repeat along axes whose strides are 0.
 * The output may be an input of the same strides. Sums, differences, products, quotients and square roots are rounded one by one;
 * other functions state their errors in `POINTWISE_ERROR_ULPS`.
 *
 * NaN comes out of every function and operation that one goes into, except: comparisons, which do not hold; `minimum` and
 * `maximum`, `b < a ? b : a` and `a < b ? b : a`, which give a; the condition of a selection, where a NaN counts as true; a
 * power with the exponent 0 or the base 1, which is 1. `x` to a constant 2, 3, 4, -1, -2, 0.5 or -0.5 is products, a quotient or
 * a square root.
 */
export interface MapDescription {
  readonly kind: 'map';
  readonly outer: number;
  readonly rows: number;
  readonly width: number;
  /** At most {@link MOST_MAP_INPUTS}. */
  readonly inputs: readonly MapInput[];
  readonly output: { readonly outerStride: number; readonly rowStride: number };
  readonly expression: PointwiseExpression;
}

/** Inputs that a map may have. */
export const MOST_MAP_INPUTS = 4;

/** Fields of the argument block of a map: the output, then the inputs in order. */
export const MAP_ARGUMENTS = { output: 0, firstInput: 1 } as const;

/** Fields that the argument block of a map has. */
export const MAP_ARGUMENT_COUNT = 1 + MOST_MAP_INPUTS;

/** Parameters of each function, in the order of its key. */
const PARAMETERS: { readonly [Kind in PointwiseFunction['kind']]: readonly string[] } = {
  relu: [],
  relu6: [],
  sigmoid: [],
  tanh: [],
  gelu: [],
  'gelu-tanh': [],
  silu: [],
  'hard-swish': [],
  softplus: [],
  absolute: [],
  negate: [],
  exponential: [],
  logarithm: [],
  'square-root': [],
  reciprocal: [],
  'error-function': [],
  floor: [],
  ceiling: [],
  round: [],
  sign: [],
  clip: ['low', 'high'],
  'leaky-relu': ['alpha'],
  elu: ['alpha'],
  'hard-sigmoid': ['alpha', 'beta'],
};

const OPERATIONS = [
  'add',
  'subtract',
  'multiply',
  'divide',
  'minimum',
  'maximum',
  'power',
  'equal',
  'less',
  'greater',
] as const;

/** Nested functions and operations that an expression may have. */
const MOST_DEPTH = 64;

/** Canonical text of a float32 number; -0 and NaN have their own. */
function numberKey(value: number): string {
  return Object.is(value, -0) ? '-0' : String(Math.fround(value));
}

/** Canonical text of a function with its parameters. @throws InvalidArgumentError for what is none. */
export function functionKey(apply: PointwiseFunction): string {
  requireKnown('pointwise function', apply?.kind, Object.keys(PARAMETERS));
  const values = PARAMETERS[apply.kind].map((name) => {
    const value = (apply as unknown as Readonly<Record<string, unknown>>)[name];
    const isBound = apply.kind === 'clip' && typeof value === 'number' && !Number.isNaN(value);
    if (isBound || Number.isFinite(value)) return numberKey(value as number);
    throw new InvalidArgumentError(`The function ${apply.kind} has an impossible ${name}`, {
      expected: apply.kind === 'clip' ? 'a number' : 'a finite number',
      actual: String(value),
    });
  });
  return [apply.kind, ...values].join(' ');
}

/**
 * Canonical text of an expression: equal for equal ones, different for different ones.
 *
 * @throws InvalidArgumentError for what is no expression in `inputs` inputs.
 */
export function expressionKey(expression: PointwiseExpression, inputs: number, depth = 0): string {
  const wrong = (expected: string, actual: unknown): never => {
    throw new InvalidArgumentError('A pointwise expression is wrong', { expected, actual: String(actual) });
  };
  const inner = (part: PointwiseExpression) => expressionKey(part, inputs, depth + 1);
  if (depth > MOST_DEPTH) wrong(`at most ${MOST_DEPTH} nested parts`, 'more');
  if (typeof expression !== 'object' || expression === null) return wrong('an object', expression);
  if ('input' in expression) {
    const { input } = expression;
    return Number.isInteger(input) && input >= 0 && input < inputs
      ? `x${input}`
      : wrong(`one of ${inputs} inputs`, input);
  }
  if ('constant' in expression) {
    const { constant } = expression;
    return typeof constant === 'number' ? numberKey(constant) : wrong('a number', constant);
  }
  if ('apply' in expression) return `(${functionKey(expression.apply)} ${inner(expression.to)})`;
  if ('operation' in expression) {
    requireKnown('pointwise operation', expression.operation, OPERATIONS);
    return `(${expression.operation} ${inner(expression.a)} ${inner(expression.b)})`;
  }
  if ('condition' in expression) {
    return `(select ${inner(expression.condition)} ${inner(expression.a)} ${inner(expression.b)})`;
  }
  return wrong('an input, constant, function, operation or selection', Object.keys(expression).join(', '));
}

/** Refuses what is no map. @throws InvalidArgumentError. */
export function requireMap({ outer, rows, width, inputs, output, expression }: MapDescription): void {
  requireInteger('outer size', outer, 1);
  requireInteger('number of rows', rows, 1);
  requireInteger('width of a row', width, 1);
  if (!Array.isArray(inputs) || inputs.length > MOST_MAP_INPUTS) {
    throw new InvalidArgumentError('A map has too many inputs', {
      expected: `an array of at most ${MOST_MAP_INPUTS}`,
      actual: Array.isArray(inputs) ? inputs.length : typeof inputs,
      remedy: 'Compute the expression in parts.',
    });
  }
  requireSpan('rows of the output', rows, width, output.rowStride);
  requireSpan('output', outer, (rows - 1) * output.rowStride + width, output.outerStride);
  for (const { outerStride, rowStride, columnStride } of inputs) {
    requireKnown('stride of a column', columnStride, [0, 1]);
    requireInteger('stride of a row', rowStride, 0);
    requireInteger('outer stride', outerStride, 0);
    requireSpan('rows of an input', rows, 0, rowStride);
    requireSpan('input', outer, 0, outerStride);
  }
  expressionKey(expression, inputs.length);
}
