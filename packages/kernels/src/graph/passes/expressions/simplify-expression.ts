import type { PointwiseExpression, PointwiseFunction } from '@qedge/core';
import { scalarFunction, scalarOperation } from '../../operators/pointwise-function.ts';
import { affineForm, isUsable, writeAffine } from './affine-form.ts';
import { applied, combined, constantOf, partsOf, sameExpression, withParts } from './expression.ts';
import { recognizeProduct, recognizeQuotient } from './recognize-activations.ts';

/**
 * The same function of the inputs in fewer operations: constants computed, chains of constant factors and terms as one `x * a + b`, minima
 * and maxima with constants as `clip`, and what exporters write out for sigmoid, silu, gelu, hard-sigmoid and hard-swish as those functions.
 * Equal but for rounding (products and sums of constants are made in float64) and signs of zero.
 */
export function simplifyExpression(expression: PointwiseExpression): PointwiseExpression {
  const parts = partsOf(expression);
  if (parts.length === 0) return expression;
  const simple = withParts(expression, parts.map(simplifyExpression));
  return shortenAffine(rewrite(simple));
}

function rewrite(expression: PointwiseExpression): PointwiseExpression {
  const computed = computeConstant(expression);
  if (computed) return computed;
  if ('apply' in expression) return rewriteFunction(expression.apply, expression.to);
  if ('condition' in expression) {
    const { condition, a, b } = expression;
    if ('constant' in condition) return condition.constant !== 0 ? a : b;
    return sameExpression(a, b) ? a : expression;
  }
  if (!('operation' in expression)) return expression;
  const { operation, a, b } = expression;
  switch (operation) {
    case 'add':
    case 'subtract':
      return gatherTerms(operation, a, b);
    case 'multiply':
      return gatherFactors(a, b);
    case 'divide':
      return rewriteQuotient(a, b);
    case 'power':
      return rewritePower(a, b);
    case 'minimum':
    case 'maximum':
      return rewriteExtremum(operation, a, b);
    default:
      return expression;
  }
}

/** Constants only: computed now, where the result is a number that can be written down. */
function computeConstant(expression: PointwiseExpression): PointwiseExpression | null {
  let result: number | null = null;
  if ('apply' in expression && 'constant' in expression.to) {
    result = scalarFunction(expression.apply)(expression.to.constant);
  } else if ('operation' in expression && 'constant' in expression.a && 'constant' in expression.b) {
    result = scalarOperation(expression.operation)(expression.a.constant, expression.b.constant);
  }
  return result !== null && Number.isFinite(result) ? constantOf(result) : null;
}

function shortenAffine(expression: PointwiseExpression): PointwiseExpression {
  const form = affineForm(expression);
  if (!isUsable(form)) return expression;
  // `limit(x + 3, 0, 6) / 6` and its like are one function.
  if (form.base && 'apply' in form.base && form.shift === 0) {
    const limited = asHardSigmoid(form.base.apply, form.base.to, form.scale);
    if (limited) return limited;
  }
  return writeAffine(form);
}

function asHardSigmoid(
  limit: PointwiseFunction,
  to: PointwiseExpression,
  factor: number,
): PointwiseExpression | null {
  const high =
    limit.kind === 'relu6' ? 6 : limit.kind === 'clip' && limit.low === 0 ? limit.high : Number.NaN;
  if (!(Math.abs(high * factor - 1) < 1e-6)) return null;
  const { base, scale, shift } = affineForm(to);
  if (!base || (scale === 1 && shift === 0 && factor === 1)) return null;
  return applied({ kind: 'hard-sigmoid', alpha: scale * factor, beta: shift * factor }, base);
}

/** `a + b` with the constant terms of both outside. */
function gatherTerms(
  operation: 'add' | 'subtract',
  a: PointwiseExpression,
  b: PointwiseExpression,
): PointwiseExpression {
  const plain = combined(operation, a, b);
  const [first, second] = [affineForm(a), affineForm(b)];
  if (!first.base || !second.base || (first.shift === 0 && second.shift === 0)) return plain;
  const shift = operation === 'add' ? first.shift + second.shift : first.shift - second.shift;
  const base = combined(operation, writeAffine({ ...first, shift: 0 }), writeAffine({ ...second, shift: 0 }));
  return writeAffine({ base, scale: 1, shift });
}

/** `a * b` with the constant factors of both outside, and as an activation where it is one. */
function gatherFactors(a: PointwiseExpression, b: PointwiseExpression): PointwiseExpression {
  const factors: PointwiseExpression[] = [];
  let scale = 1;
  const collect = (part: PointwiseExpression) => {
    const form = affineForm(part);
    const base = form.base !== null && form.shift === 0 && isUsable(form) ? form.base : null;
    if (base !== null) scale *= form.scale;
    if (base && 'operation' in base && base.operation === 'multiply') {
      collect(base.a);
      collect(base.b);
    } else if (!base && 'constant' in part) {
      scale *= part.constant;
    } else {
      factors.push(base ?? part);
    }
  };
  collect(a);
  collect(b);
  const recognized = recognizeProduct(factors);
  if (recognized) {
    scale *= recognized.scale;
    factors.splice(0, factors.length, ...recognized.factors);
  }
  const form = { base: null, scale: 0, shift: 0 };
  if (!Number.isFinite(scale) || scale === 0) return combined('multiply', a, b);
  if (factors.length === 0) return writeAffine({ ...form, shift: scale });
  const base = factors.reduce((product, factor) => combined('multiply', product, factor));
  return writeAffine({ base, scale, shift: 0 });
}

function rewriteQuotient(a: PointwiseExpression, b: PointwiseExpression): PointwiseExpression {
  const recognized = recognizeQuotient(a, b);
  if (recognized) return simplifyExpression(recognized);
  return combined('divide', a, b);
}

function rewritePower(a: PointwiseExpression, b: PointwiseExpression): PointwiseExpression {
  if ('constant' in b) {
    if (b.constant === 1) return a;
    if (b.constant === 2 && 'input' in a) return combined('multiply', a, a);
  }
  return combined('power', a, b);
}

/** Limits by constants, several in a row as one. */
function rewriteExtremum(
  operation: 'minimum' | 'maximum',
  a: PointwiseExpression,
  b: PointwiseExpression,
): PointwiseExpression {
  const [part, limit] = 'constant' in b ? [a, b.constant] : 'constant' in a ? [b, a.constant] : [a, null];
  if (limit === null || !Number.isFinite(limit)) return combined(operation, a, b);
  const [low, high] =
    operation === 'maximum' ? [limit, Number.POSITIVE_INFINITY] : [Number.NEGATIVE_INFINITY, limit];
  return rewriteFunction({ kind: 'clip', low, high }, part);
}

function rewriteFunction(apply: PointwiseFunction, to: PointwiseExpression): PointwiseExpression {
  if (apply.kind === 'clip') return rewriteClip(apply.low, apply.high, to);
  if (apply.kind === 'relu' && 'apply' in to && to.apply.kind === 'relu') return to;
  if (apply.kind === 'reciprocal') {
    const recognized = recognizeQuotient(constantOf(1), to);
    if (recognized) return simplifyExpression(recognized);
  }
  return applied(apply, to);
}

function rewriteClip(low: number, high: number, to: PointwiseExpression): PointwiseExpression {
  if ('apply' in to && low <= high) {
    const inner = limitsOf(to.apply);
    if (inner && inner.low <= inner.high) {
      const clamp = (x: number) => Math.min(Math.max(x, low), high);
      return rewriteClip(clamp(inner.low), clamp(inner.high), to.to);
    }
  }
  if (low === 0 && high === Number.POSITIVE_INFINITY) return applied({ kind: 'relu' }, to);
  if (low === 0 && high === 6) return applied({ kind: 'relu6' }, to);
  const limited = low === 0 && high === 1 ? asHardSigmoid({ kind: 'clip', low, high }, to, 1) : null;
  return limited ?? applied({ kind: 'clip', low, high }, to);
}

function limitsOf(apply: PointwiseFunction): { readonly low: number; readonly high: number } | null {
  if (apply.kind === 'relu') return { low: 0, high: Number.POSITIVE_INFINITY };
  if (apply.kind === 'relu6') return { low: 0, high: 6 };
  return apply.kind === 'clip' ? apply : null;
}
