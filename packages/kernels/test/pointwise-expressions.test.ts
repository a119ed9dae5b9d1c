import type { PointwiseExpression, PointwiseFunction, PointwiseOperation } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pointwise } from '../src/graph/operators/pointwise.ts';
import { countOperations } from '../src/graph/passes/expressions/expression.ts';
import { simplifyExpression } from '../src/graph/passes/expressions/simplify-expression.ts';

const x: PointwiseExpression = { input: 0 };
const number = (constant: number): PointwiseExpression => ({ constant });
const op = (operation: PointwiseOperation, a: PointwiseExpression, b: PointwiseExpression | number) =>
  ({ operation, a, b: typeof b === 'number' ? number(b) : b }) as const;
const fn = (
  kind: 'sigmoid' | 'tanh' | 'error-function' | 'exponential' | 'negate',
  to: PointwiseExpression,
) => ({ apply: { kind }, to }) as const;
const clip = (low: number, high: number, to: PointwiseExpression) =>
  ({ apply: { kind: 'clip', low, high }, to }) as const;

/** Evaluates with two inputs. */
function evaluate(expression: PointwiseExpression, a: readonly number[], b: readonly number[]): Float32Array {
  const inputs = [a, b].map((data) => ({
    dtype: 'float32' as const,
    shape: [data.length],
    data: Float32Array.from(data),
  }));
  return pointwise.evaluate({ kind: 'pointwise', expression }, inputs)[0]!.data as Float32Array;
}

const FUNCTIONS: readonly PointwiseFunction[] = [
  ...(['relu', 'relu6', 'sigmoid', 'tanh', 'gelu', 'silu', 'hard-swish', 'absolute', 'negate'] as const).map(
    (kind) => ({ kind }),
  ),
  { kind: 'clip', low: 0, high: 6 },
  { kind: 'clip', low: -1, high: 0.5 },
  { kind: 'hard-sigmoid', alpha: 1 / 6, beta: 0.5 },
];

const constants = fc.constantFrom(0, 1, -1, 0.5, 2, 3, 6, 1 / 6, -0.25, Math.SQRT1_2, 0.1);
const expressions = fc.letrec<{ expression: PointwiseExpression }>((tie) => ({
  expression: fc.oneof(
    { depthSize: 'small', maxDepth: 6 },
    fc.constantFrom<PointwiseExpression>({ input: 0 }, { input: 0 }, { input: 1 }),
    constants.map(number),
    fc.tuple(fc.constantFrom(...FUNCTIONS), tie('expression')).map(([apply, to]) => ({ apply, to })),
    fc
      .tuple(
        fc.constantFrom<PointwiseOperation>('add', 'subtract', 'multiply', 'multiply', 'minimum', 'maximum'),
        tie('expression'),
        tie('expression'),
      )
      .map(([operation, a, b]) => ({ operation, a, b })),
    fc
      .tuple(
        tie('expression'),
        constants.filter((c) => c !== 0),
      )
      .map(([a, c]) => op('divide', a, c)),
  ),
})).expression;

describe('simplifying', () => {
  it('keeps the function, within rounding, and never takes more operations', () => {
    const samples = [0, -0, 0.1, -0.3, 1, -1, 2.5, -2.9, 3, -3, 3.1, 5.9, -6, 7, 1e-20, -20, 30, 0.7];
    const others = [...samples].reverse();
    const check = (expression: PointwiseExpression) => {
      const simple = simplifyExpression(expression);
      const [expected, actual] = [evaluate(expression, samples, others), evaluate(simple, samples, others)];
      // Both are computed in float64, where constants that are recognised within 1e-5 weigh most.
      for (const [i, value] of expected.entries()) {
        if (!Number.isFinite(value)) continue;
        expect(Math.abs(actual[i]! - value)).toBeLessThanOrEqual(
          1e-5 * (1 + magnitude(expression, [samples[i]!, others[i]!])),
        );
      }
      expect(countOperations(simple)).toBeLessThanOrEqual(countOperations(expression) + 1);
    };
    fc.assert(fc.property(expressions, check), { seed: 51, numRuns: 1500 });
  });

  it('is done when it is done', () => {
    const check = (expression: PointwiseExpression) => {
      let simple = simplifyExpression(expression);
      for (let i = 0; i < 3; i++) simple = simplifyExpression(simple);
      expect(simplifyExpression(simple)).toEqual(simple);
    };
    fc.assert(fc.property(expressions, check), { seed: 52, numRuns: 1500 });
  });
});

/** The largest number that appears while an expression is evaluated: what rounding errors are relative to. */
function magnitude(expression: PointwiseExpression, [a, b]: readonly [number, number]): number {
  const own = Math.abs(evaluate(expression, [a], [b])[0]!);
  const parts = 'to' in expression ? [expression.to] : 'a' in expression ? [expression.a, expression.b] : [];
  const below = parts.map((part) => magnitude(part, [a, b]));
  const product =
    'operation' in expression && expression.operation === 'multiply' ? below[0]! * below[1]! : 0;
  return Math.max(own, product, ...below);
}

describe('recognising', () => {
  const swishes: Record<string, PointwiseExpression> = {
    'x * clip(x + 3, 0, 6) / 6': op('divide', op('multiply', x, clip(0, 6, op('add', x, 3))), 6),
    'clip(x + 3, 0, 6) / 6 * x': op('multiply', op('divide', clip(0, 6, op('add', x, 3)), 6), x),
    'x / 6 * clip(3 + x, 0, 6)': op('multiply', op('divide', x, 6), clip(0, 6, op('add', number(3), x))),
    'x * min(max(x + 3, 0), 6) * 0.16666667': op(
      'multiply',
      op('multiply', x, op('minimum', op('maximum', op('add', x, 3), 0), 6)),
      0.16666667,
    ),
    'x * hard-sigmoid(x)': op('multiply', x, {
      apply: { kind: 'hard-sigmoid', alpha: 0.1666667, beta: 0.5 },
      to: x,
    }),
  };
  it.each(Object.entries(swishes))('hard-swish in %s', (_, expression) => {
    expect(simplifyExpression(expression)).toEqual({ apply: { kind: 'hard-swish' }, to: x });
  });

  it('silu and sigmoid, also written with exponentials', () => {
    const exponential = op('add', fn('exponential', fn('negate', x)), 1);
    const silu = { apply: { kind: 'silu' }, to: x };
    expect(simplifyExpression(op('multiply', fn('sigmoid', op('multiply', x, 1)), x))).toEqual(silu);
    expect(simplifyExpression(op('divide', x, exponential))).toEqual(silu);
    expect(simplifyExpression(op('divide', number(1), exponential))).toEqual(fn('sigmoid', x));
  });

  it('gelu in both forms', () => {
    const erf = fn('error-function', op('divide', x, Math.SQRT2));
    const exact = op('multiply', op('multiply', x, op('add', erf, 1)), 0.5);
    expect(simplifyExpression(exact)).toEqual({ apply: { kind: 'gelu' }, to: x });
    const tanh = { apply: { kind: 'gelu-tanh' }, to: x };
    const cubes = [op('power', x, 3), op('multiply', op('multiply', x, x), x)];
    for (const cube of cubes) {
      const inner = op('multiply', op('add', x, op('multiply', cube, 0.044715)), 0.7978845608);
      const whole = op('multiply', op('multiply', x, 0.5), op('add', number(1), fn('tanh', inner)));
      expect(simplifyExpression(whole)).toEqual(tanh);
    }
  });

  it('chains of constants as one factor and one term', () => {
    const chain = op('add', op('divide', op('multiply', op('add', x, 1), 6), 2), -1);
    expect(simplifyExpression(chain)).toEqual(op('add', op('multiply', x, 3), 2));
  });

  it('nothing in what is only similar', () => {
    const other = op('divide', op('multiply', x, clip(0, 6, op('add', x, 2.9))), 6);
    expect(JSON.stringify(simplifyExpression(other))).not.toContain('hard-swish');
    const shifted = op('multiply', x, fn('sigmoid', op('add', x, 0.5)));
    expect(JSON.stringify(simplifyExpression(shifted))).not.toContain('silu');
  });
});
