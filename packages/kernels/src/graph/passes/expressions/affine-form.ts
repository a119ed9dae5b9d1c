import type { PointwiseExpression } from '@qedge/core';
import { combined, constantOf } from './expression.ts';

/** `scale * base + shift`; a base of null stands for a constant, `shift`. */
export interface AffineForm {
  readonly base: PointwiseExpression | null;
  readonly scale: number;
  readonly shift: number;
}

/** Takes constant factors and terms off an expression. Never fails: `1 * expression + 0` at the least. */
export function affineForm(expression: PointwiseExpression): AffineForm {
  if ('constant' in expression) return { base: null, scale: 0, shift: expression.constant };
  if ('apply' in expression && expression.apply.kind === 'negate') {
    return scaled(affineForm(expression.to), -1);
  }
  if ('operation' in expression) {
    const { operation, a, b } = expression;
    if (operation === 'multiply' || operation === 'add') {
      const [part, constant] =
        'constant' in b ? [a, b.constant] : 'constant' in a ? [b, a.constant] : [a, null];
      if (constant !== null) {
        const form = affineForm(part);
        return operation === 'multiply' ? scaled(form, constant) : { ...form, shift: form.shift + constant };
      }
    }
    if (operation === 'subtract' && 'constant' in b) {
      const form = affineForm(a);
      return { ...form, shift: form.shift - b.constant };
    }
    if (operation === 'subtract' && 'constant' in a) {
      const form = scaled(affineForm(b), -1);
      return { ...form, shift: form.shift + a.constant };
    }
    if (operation === 'divide' && 'constant' in b && b.constant !== 0) {
      return scaled(affineForm(a), 1 / b.constant);
    }
  }
  return { base: expression, scale: 1, shift: 0 };
}

/** The expression that a form stands for, as short as it can be written. */
export function writeAffine({ base, scale, shift }: AffineForm): PointwiseExpression {
  if (base === null) return constantOf(shift);
  // What float32 rounds to 1 is 1: `x * 6 * float32(1 / 6)`.
  const product = Math.fround(scale) === 1 ? base : combined('multiply', base, constantOf(scale));
  return shift === 0 ? product : combined('add', product, constantOf(shift));
}

function scaled({ base, scale, shift }: AffineForm, factor: number): AffineForm {
  return { base, scale: scale * factor, shift: shift * factor };
}

/** Whether all numbers of a form are such that a float32 kernel computes it: finite, and a factor that is neither 0 nor tiny. */
export function isUsable({ base, scale, shift }: AffineForm): boolean {
  const [factor, term] = [Math.abs(scale), Math.abs(shift)];
  return term <= 3e38 && (base === null || (factor <= 3e38 && factor >= 1e-37));
}
