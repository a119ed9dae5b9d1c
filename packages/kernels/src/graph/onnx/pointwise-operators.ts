import type { PointwiseExpression, PointwiseOperation } from '@qedge/core';
import { ELEMENT_TYPE_TRAITS, elementTypeOf, type OnnxElementType } from './element-type.ts';
import { type ImportedValue, requireNumbers } from './imported-value.ts';
import type { ImportOperator, NodeContext } from './node-context.ts';
import { apply, at, choose, combine, number, pointwise, truncated } from './pointwise.ts';
import { cast } from './structure.ts';

const X = at(0);

/** Builds an operator of one input whose result has its type. */
function unary(express: (context: NodeContext) => PointwiseExpression): ImportOperator {
  return (context) => {
    const input = context.input(0);
    return pointwise(context, express(context), [input], input.type);
  };
}

function simple(kind: Parameters<typeof apply>[1]): ImportOperator {
  return unary(() => apply(X, kind));
}

/** Inputs of a node with at least one, none left out. */
function allInputs(context: NodeContext): ImportedValue[] {
  return context.inputs
    .map((_, index) => context.input(index))
    .concat(context.inputs.length === 0 ? context.input(0) : []);
}

/** Folds any number of inputs from the left. */
function variadic(operation: PointwiseOperation, mean = false): ImportOperator {
  return (context) => {
    const [first, ...rest] = allInputs(context);
    const sum = rest.reduce((result, each) => {
      return pointwise(context, combine(at(0), operation, at(1)), [result, each], first!.type);
    }, first!);
    const factor = number(1 / (rest.length + 1));
    return mean && rest.length > 0
      ? pointwise(context, combine(X, 'multiply', factor), [sum], first!.type)
      : sum;
  };
}

function binary(express: (type: OnnxElementType) => PointwiseExpression, result?: 'bool'): ImportOperator {
  return (context) => {
    const [a, b] = [context.input(0), context.input(1)];
    return pointwise(context, express(a.type), [a, b], result ?? a.type);
  };
}

const arithmetic = (operation: PointwiseOperation) => binary(() => combine(at(0), operation, at(1)));
const comparison = (operation: PointwiseOperation) => binary(() => combine(at(0), operation, at(1)), 'bool');
const not = (x: PointwiseExpression) => combine(number(1), 'subtract', x);

/** Comparisons that are false for NaN although their opposite is false too. */
const orEqual = (operation: 'less' | 'greater') =>
  binary(() => combine(combine(at(0), operation, at(1)), 'maximum', combine(at(0), 'equal', at(1))), 'bool');

const divide = binary((type) => {
  const quotient = combine(at(0), 'divide', at(1));
  return ELEMENT_TYPE_TRAITS[type].integer ? truncated(quotient) : quotient;
});

/** The sign of the divisor, as in Python; `fmod` takes that of the dividend. */
const modulo: ImportOperator = (context) => {
  const quotient = combine(at(0), 'divide', at(1));
  const whole = context.integer('fmod', 0) === 0 ? apply(quotient, 'floor') : truncated(quotient);
  const [a, b] = [context.input(0), context.input(1)];
  return pointwise(context, combine(at(0), 'subtract', combine(at(1), 'multiply', whole)), [a, b], a.type);
};

/** Bounds are attributes before version 11 and inputs later; both may be missing. */
const clip: ImportOperator = (context) => {
  const input = context.input(0);
  const [low, high] =
    context.operatorSet < 11
      ? [context.float('min', Number.NEGATIVE_INFINITY), context.float('max', Number.POSITIVE_INFINITY)]
      : [1, 2].map((index) => bound(context, index));
  if (low !== null && high !== null)
    return pointwise(
      context,
      { apply: { kind: 'clip', low: low!, high: high! }, to: X },
      [input],
      input.type,
    );
  const [min, max] = [context.optional(1), context.optional(2)];
  const above = min ? pointwise(context, combine(X, 'maximum', at(1)), [input, min], input.type) : input;
  return max ? pointwise(context, combine(X, 'minimum', at(1)), [above, max], input.type) : above;
};

/** A bound of Clip: infinite when it is left out, null when it is computed. */
function bound(context: NodeContext, index: number): number | null {
  const value = context.optional(index);
  if (value === null) return index === 1 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return value.constant === null ? null : (requireNumbers(value, 'A bound of Clip')[0] ?? null);
}

/** `slope` broadcasts to x from the right. */
const prelu: ImportOperator = (context) => {
  const [x, slope] = [context.input(0), context.input(1)];
  const negative = combine(X, 'multiply', at(1));
  return pointwise(context, choose(combine(X, 'less', number(0)), negative, X), [x, slope], x.type);
};

const gelu: ImportOperator = (context) => {
  const kind = context.text('approximate', 'none') === 'tanh' ? 'gelu-tanh' : 'gelu';
  return pointwise(context, apply(X, kind), [context.input(0)], context.input(0).type);
};

/** Gelu of a sum with a bias, which may be missing. */
function biasGelu(kind: 'gelu' | 'gelu-tanh'): ImportOperator {
  return (context) => {
    const [x, bias] = [context.input(0), context.optional(1)];
    return bias === null
      ? pointwise(context, apply(X, kind), [x], x.type)
      : pointwise(context, apply(combine(X, 'add', at(1)), kind), [x, bias], x.type);
  };
}

const where: ImportOperator = (context) => {
  const [condition, a, b] = [context.input(0), context.input(1), context.input(2)];
  return pointwise(context, choose(at(0), at(1), at(2)), [condition, a, b], a.type);
};

/** x above 0 and `alpha * (exp(x / scale) - 1)` below. */
function exponentialBelow(alpha: number, scale: number): PointwiseExpression {
  const below = combine(apply(combine(X, 'divide', number(scale)), 'exponential'), 'subtract', number(1));
  return choose(combine(X, 'less', number(0)), combine(number(alpha), 'multiply', below), X);
}

const selu = unary((context) => {
  const [alpha, gamma] = [context.float('alpha', 1.6732632), context.float('gamma', 1.0507009)];
  return combine(number(gamma), 'multiply', { apply: { kind: 'elu', alpha }, to: X });
});

/** Exclusive or of truth values. */
const xor = comparison('equal');

/** Operators that work element by element. */
export const POINTWISE_OPERATORS: Readonly<Record<string, ImportOperator>> = {
  Relu: simple('relu'),
  Sigmoid: simple('sigmoid'),
  Tanh: simple('tanh'),
  Erf: simple('error-function'),
  Abs: simple('absolute'),
  Neg: simple('negate'),
  Exp: simple('exponential'),
  Log: simple('logarithm'),
  Sqrt: simple('square-root'),
  Reciprocal: simple('reciprocal'),
  Floor: simple('floor'),
  Ceil: simple('ceiling'),
  Round: simple('round'),
  Sign: simple('sign'),
  Softplus: simple('softplus'),
  HardSwish: simple('hard-swish'),
  Elu: unary((context) => ({ apply: { kind: 'elu', alpha: context.float('alpha', 1) }, to: X })),
  LeakyRelu: unary((context) => ({
    apply: { kind: 'leaky-relu', alpha: context.float('alpha', 0.01) },
    to: X,
  })),
  HardSigmoid: unary((context) => ({
    apply: { kind: 'hard-sigmoid', alpha: context.float('alpha', 0.2), beta: context.float('beta', 0.5) },
    to: X,
  })),
  Selu: selu,
  Celu: unary((context) => exponentialBelow(context.float('alpha', 1), context.float('alpha', 1))),
  ThresholdedRelu: unary((context) =>
    choose(combine(X, 'greater', number(context.float('alpha', 1))), X, number(0)),
  ),
  Softsign: unary(() => combine(X, 'divide', combine(number(1), 'add', apply(X, 'absolute')))),
  Mish: unary(() => combine(X, 'multiply', apply(apply(X, 'softplus'), 'tanh'))),
  Swish: unary((context) =>
    combine(X, 'multiply', apply(combine(X, 'multiply', number(context.float('alpha', 1))), 'sigmoid')),
  ),
  'com.microsoft.QuickGelu': unary((context) =>
    combine(X, 'multiply', apply(combine(X, 'multiply', number(context.float('alpha', 1.702))), 'sigmoid')),
  ),
  Gelu: gelu,
  'com.microsoft.Gelu': simple('gelu'),
  'com.microsoft.FastGelu': biasGelu('gelu-tanh'),
  'com.microsoft.BiasGelu': biasGelu('gelu'),
  Clip: clip,
  PRelu: prelu,
  Add: arithmetic('add'),
  Sub: arithmetic('subtract'),
  Mul: arithmetic('multiply'),
  Div: divide,
  Mod: modulo,
  Pow: arithmetic('power'),
  Min: variadic('minimum'),
  Max: variadic('maximum'),
  Sum: variadic('add'),
  Mean: variadic('add', true),
  Equal: comparison('equal'),
  Less: comparison('less'),
  Greater: comparison('greater'),
  LessOrEqual: orEqual('less'),
  GreaterOrEqual: orEqual('greater'),
  Not: (context) => pointwise(context, not(X), [context.input(0)], 'bool'),
  And: binary(() => combine(at(0), 'multiply', at(1)), 'bool'),
  Or: binary(() => combine(at(0), 'maximum', at(1)), 'bool'),
  Xor: (context) => pointwise(context, not(X), [xor(context) as ImportedValue], 'bool'),
  Where: where,
  Cast: (context) => castTo(context, context.input(0)),
  CastLike: (context) => cast(context, context.input(0), context.input(1).type),
};

function castTo(context: NodeContext, input: ImportedValue): ImportedValue {
  const type = elementTypeOf(context.integer('to', 0));
  context.refuse(type === null || type === 'string', `type ${context.integer('to', 0)}`);
  return cast(context, input, type!);
}
