import { ParameterExpression, parameter } from '@qedge/quantum';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

type Sample = { readonly expression: ParameterExpression; readonly of: (values: Values) => number };
type Values = { readonly a: number; readonly b: number };

const constant = fc.double({ min: -3, max: 3, noNaN: true }).filter((value) => Math.abs(value) > 1e-3);
const leaf: fc.Arbitrary<Sample> = fc.oneof(
  fc.constant<Sample>({ expression: parameter('a'), of: ({ a }) => a }),
  fc.constant<Sample>({ expression: parameter('b'), of: ({ b }) => b }),
  constant.map((value): Sample => ({ expression: ParameterExpression.of(value), of: () => value })),
);
const FUNCTIONS = {
  sin: Math.sin,
  cos: Math.cos,
  atan: Math.atan,
  exp: (x: number) => Math.exp(x),
  tan: Math.tan,
} as const;

/** Expressions built twice: as expressions, and as plain functions. */
const { sample } = fc.letrec<{ sample: Sample }>((tie) => ({
  sample: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc
      .tuple(tie('sample'), tie('sample'))
      .map(
        ([x, y]): Sample => ({ expression: x.expression.plus(y.expression), of: (v) => x.of(v) + y.of(v) }),
      ),
    fc
      .tuple(tie('sample'), tie('sample'))
      .map(
        ([x, y]): Sample => ({ expression: x.expression.minus(y.expression), of: (v) => x.of(v) - y.of(v) }),
      ),
    fc
      .tuple(tie('sample'), tie('sample'))
      .map(
        ([x, y]): Sample => ({ expression: x.expression.times(y.expression), of: (v) => x.of(v) * y.of(v) }),
      ),
    fc.tuple(tie('sample'), fc.constantFrom(...(Object.keys(FUNCTIONS) as (keyof typeof FUNCTIONS)[]))).map(
      ([x, name]): Sample => ({
        // Sines keep arguments small, so that nothing overflows.
        expression: x.expression.apply('sin').apply(name),
        of: (v) => FUNCTIONS[name](Math.sin(x.of(v))),
      }),
    ),
    fc
      .tuple(tie('sample'), fc.integer({ min: 2, max: 3 }))
      .map(([x, power]): Sample => ({ expression: x.expression.power(power), of: (v) => x.of(v) ** power })),
  ),
}));

const close = (actual: number, expected: number, tolerance: number) =>
  Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected));

const evaluate = (expression: ParameterExpression, values: Values) => expression.evaluate({ ...values });

describe('ParameterExpression', () => {
  it('evaluates to what the operations give, compiled or not', () => {
    fc.assert(
      fc.property(sample, constant, constant, ({ expression, of }, a, b) => {
        const expected = of({ a, b });
        fc.pre(Math.abs(expected) < 1e6);
        // Reordering sums and products changes rounding only.
        expect(close(evaluate(expression, { a, b }), expected, 1e-6)).toBe(true);
        expect(expression.compile(['b', 'a'])([b, a])).toBe(evaluate(expression, { a, b }));
      }),
      { seed: 1, numRuns: 300 },
    );
  });

  it('is read back from its text, exactly', () => {
    fc.assert(
      fc.property(sample, ({ expression }) => {
        const copy = ParameterExpression.parse(`${expression}`);
        expect(copy.text).toBe(expression.text);
        expect(copy.equals(expression)).toBe(true);
        expect(evaluate(copy, { a: 0.3, b: -1.1 })).toBe(evaluate(expression, { a: 0.3, b: -1.1 }));
        expect(JSON.parse(JSON.stringify({ expression }))).toEqual({ expression: expression.text });
      }),
      { seed: 2, numRuns: 300 },
    );
  });

  it('has the derivative that differences give', () => {
    fc.assert(
      fc.property(sample, constant, constant, ({ expression, of }, a, b) => {
        const step = 1e-5;
        const [plus, minus] = [of({ a: a + step, b }), of({ a: a - step, b })];
        fc.pre(Math.abs(plus) < 100 && Math.abs(minus) < 100);
        const slope = evaluate(expression.derivative('a'), { a, b });
        const curvature = evaluate(expression.derivative('a').derivative('a').derivative('a'), { a, b });
        fc.pre(Math.abs(curvature) < 1e4);
        // Wrong by step^2 / 6 of the third derivative, and rounding of 1e-14 / step.
        expect(Math.abs(slope - (plus - minus) / (2 * step))).toBeLessThan(1e-5);
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  it('differentiates every function, powers of parameters included', () => {
    const a = parameter('a');
    for (const name of ['sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'exp', 'log', 'sqrt', 'abs'] as const) {
      const expression = a.times(0.7).apply(name);
      const at = (value: number) => expression.evaluate({ a: value });
      const slope = (at(0.4 + 1e-5) - at(0.4 - 1e-5)) / 2e-5;
      expect(expression.derivative('a').evaluate({ a: 0.4 })).toBeCloseTo(slope, 8);
    }
    const power = a.power(parameter('b'));
    expect(power.derivative('a').evaluate({ a: 2, b: 3 })).toBeCloseTo(12, 12);
    expect(power.derivative('b').evaluate({ a: 2, b: 3 })).toBeCloseTo(8 * Math.log(2), 12);
    expect(a.derivative('b').constant).toBe(0);
  });

  it('keeps linear expressions canonical', () => {
    const [t, u] = [parameter('t'), parameter('u')];
    expect(t.times(2).plus(1).times(-3).text).toBe('-6*t - 3');
    expect(u.plus(t).plus(u).text).toBe('t + 2*u');
    expect(t.minus(t).constant).toBe(0);
    expect(t.times(0).value).toBe(0);
    expect(t.plus(u).times(3).linear).toEqual({
      constant: 0,
      terms: [
        ['t', 3],
        ['u', 3],
      ],
    });
    expect(t.times(u).linear).toBeNull();
    expect(t.dividedBy(t).constant).toBe(1);
    expect(t.plus(1).dividedBy(4).text).toBe('0.25*t + 0.25');
    expect(t.power(2).power(0.5).equals(t)).toBe(false);
    expect(t.substitute({ t: u.plus(1) }).text).toBe('u + 1');
    expect(ParameterExpression.parse('2*pi*theta[3]/4 - -1').text).toBe(`${Math.PI / 2}*theta[3] + 1`);
    expect(ParameterExpression.parse('2**3**2').constant).toBe(512);
    expect(ParameterExpression.parse('-2**2').constant).toBe(-4);
    expect(ParameterExpression.parse('6/2/3').constant).toBe(1);
  });

  it.each([
    ['', /a number, a name/],
    ['2 +', /a number, a name/],
    ['(a', /"\)"/],
    ['a b', /an operator or the end/],
    ['sin a', /"\("/],
    ['a $ b', /column 2/],
    ['1e999', /finite/],
    ['1/0', /finite/],
    ['log(0)', /finite/],
    [`${'('.repeat(300)}a${')'.repeat(300)}`, /at most 200 levels/],
    [`a${'**a'.repeat(300)}`, /at most 200 levels/],
  ])('refuses to read %s', (text, message) => {
    expect(() => ParameterExpression.parse(text)).toThrow(message);
  });

  it('refuses names that it could not read back, and expressions that explode', () => {
    for (const name of ['', '2a', 'a b', 'sin', 'pi', 'a+b', 'a[x]', 3 as unknown as string]) {
      expect(() => parameter(name)).toThrow(/needs a name/);
    }
    expect(parameter('θ_1[2]').names).toEqual(['θ_1[2]']);
    expect(() => parameter('a').evaluate({})).toThrow(/value for "a"/);
    let doubled = parameter('a');
    expect(() => {
      for (let i = 0; i < 60; i++) doubled = doubled.times(doubled.apply('sin').plus(1));
    }).toThrow(/too long/);
  });
});
