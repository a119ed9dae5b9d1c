import type { PointwiseExpression, PointwiseFunction } from '@qedge/core';
import { affineForm, writeAffine } from './affine-form.ts';
import { applied, combined, constantOf, sameExpression } from './expression.ts';

/** How far constants in a source file may be from those of a function: exporters write them in float32, and in few digits. */
const TOLERANCE = 1e-5;

const near = (a: number, b: number): boolean => Math.abs(a - b) <= TOLERANCE * Math.abs(b);

/** Replaces two of several factors by one activation; null when none fits. The product is `scale` times that of the factors. */
export function recognizeProduct(
  factors: readonly PointwiseExpression[],
): { readonly scale: number; readonly factors: readonly PointwiseExpression[] } | null {
  for (const [i, x] of factors.entries()) {
    for (const [j, gate] of factors.entries()) {
      const gated = i === j ? null : recognizeGate(x, gate);
      if (!gated) continue;
      const rest = factors.filter((_, index) => index !== i && index !== j);
      return { scale: gated.scale, factors: [...rest, gated.expression] };
    }
  }
  return null;
}

interface ScaledExpression {
  readonly scale: number;
  readonly expression: PointwiseExpression;
}

/** `x * gate(x)` as `scale * activation(...)`. */
function recognizeGate(x: PointwiseExpression, gate: PointwiseExpression): ScaledExpression | null {
  if ('apply' in gate) {
    const factor = factorOf(gate.to, x);
    if (gate.apply.kind === 'sigmoid' && factor !== null && factor.shift === 0) {
      return gatedBy({ kind: 'silu' }, x, factor.scale, 1);
    }
    return recognizeHardSwish(gate.apply, factor, x);
  }
  const { base, scale, shift } = affineForm(gate);
  // `1 + erf(x / sqrt(2))` and `1 + tanh(...)`.
  if (!base || !('apply' in base) || !near(scale, shift)) return null;
  if (base.apply.kind === 'error-function') {
    const factor = factorOf(base.to, x);
    if (factor === null || factor.shift !== 0) return null;
    const gelu = gatedBy({ kind: 'gelu' }, x, factor.scale * Math.SQRT2, 2);
    return { ...gelu, scale: gelu.scale * scale };
  }
  if (base.apply.kind === 'tanh' && isGeluArgument(base.to, x)) {
    return { scale: 2 * scale, expression: applied({ kind: 'gelu-tanh' }, x) };
  }
  return null;
}

/** With `f(y) = y * g(y)`: `x * g(factor * x) = f(factor * x) / factor`. */
function gatedBy(
  activation: PointwiseFunction,
  x: PointwiseExpression,
  factor: number,
  times: number,
): ScaledExpression {
  if (near(factor, 1)) return { scale: times, expression: applied(activation, x) };
  const to = writeAffine({ base: x, scale: factor, shift: 0 });
  return { scale: times / factor, expression: applied(activation, to) };
}

function recognizeHardSwish(
  limit: PointwiseFunction,
  factor: { readonly scale: number; readonly shift: number } | null,
  x: PointwiseExpression,
): ScaledExpression | null {
  if (factor === null) return null;
  const expression = applied({ kind: 'hard-swish' }, x);
  if (limit.kind === 'relu6' && near(factor.scale, 1) && near(factor.shift, 3)) {
    return { scale: 6, expression };
  }
  if (limit.kind !== 'hard-sigmoid') return null;
  const [alpha, beta] = [limit.alpha * factor.scale, limit.alpha * factor.shift + limit.beta];
  return near(alpha, 1 / 6) && near(beta, 0.5) ? { scale: 1, expression } : null;
}

/** `part` as `scale * x + shift`, with a scale that is not 0. */
function factorOf(
  part: PointwiseExpression,
  x: PointwiseExpression,
): { readonly scale: number; readonly shift: number } | null {
  const [form, own] = [affineForm(part), affineForm(x)];
  if (!form.base || !own.base || form.scale === 0 || !sameExpression(form.base, own.base)) return null;
  const scale = form.scale / own.scale;
  return { scale, shift: form.shift - scale * own.shift };
}

/** `sqrt(2 / pi) * (x + 0.044715 * x^3)`, or with `x` taken out. */
function isGeluArgument(argument: PointwiseExpression, x: PointwiseExpression): boolean {
  const outer = affineForm(argument);
  if (!outer.base || outer.shift !== 0 || !('operation' in outer.base)) return false;
  const { operation, a, b } = outer.base;
  const [linear, cubic] = [Math.sqrt(2 / Math.PI), 0.044715 * Math.sqrt(2 / Math.PI)];
  const pairs = [
    [a, b],
    [b, a],
  ] as const;
  if (operation === 'add') {
    return pairs.some(([first, second]) => {
      const [own, third] = [factorOf(first, x), affineForm(second)];
      const fits = own !== null && own.shift === 0 && third.base && third.shift === 0;
      if (!fits || powerOf(third.base, x) !== 3) return false;
      return near(own.scale * outer.scale, linear) && near(third.scale * outer.scale, cubic);
    });
  }
  if (operation !== 'multiply') return false;
  return pairs.some(([first, second]) => {
    const inner = affineForm(second);
    if (!sameExpression(first, x) || !inner.base || powerOf(inner.base, x) !== 2) return false;
    return near(inner.shift * outer.scale, linear) && near(inner.scale * outer.scale, cubic);
  });
}

/** The exponent of `x * x * ...` and of powers of x; 0 for anything else. */
function powerOf(expression: PointwiseExpression, x: PointwiseExpression): number {
  if (sameExpression(expression, x)) return 1;
  if (!('operation' in expression)) return 0;
  const { operation, a, b } = expression;
  if (operation === 'power' && 'constant' in b) return powerOf(a, x) * b.constant;
  if (operation !== 'multiply') return 0;
  const [first, second] = [powerOf(a, x), powerOf(b, x)];
  return first > 0 && second > 0 ? first + second : 0;
}

/** `a / (1 + exp(-x))` as `a * sigmoid(x)`; null for other quotients. */
export function recognizeQuotient(
  a: PointwiseExpression,
  b: PointwiseExpression,
): PointwiseExpression | null {
  const { base, scale, shift } = affineForm(b);
  const exponential = base !== null && 'apply' in base && base.apply.kind === 'exponential';
  if (!exponential || scale !== 1 || shift !== 1) return null;
  const negated = combined('multiply', base.to, constantOf(-1));
  return combined('multiply', a, applied({ kind: 'sigmoid' }, negated));
}
