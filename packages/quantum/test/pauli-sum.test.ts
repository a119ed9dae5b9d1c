import { PauliSum, type PauliTerm } from '@qedge/quantum';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const terms = fc.array(
  fc.tuple(
    fc
      .array(fc.constantFrom('I', 'X', 'Y', 'Z'), { minLength: 4, maxLength: 4 })
      .map((letters) => letters.join('')),
    fc.double({ min: -3, max: 3, noNaN: true }),
  ),
  { minLength: 1, maxLength: 12 },
);
const vector = fc
  .array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 16, maxLength: 16 })
  .map((v) => Float64Array.from(v));
const apply = (sum: PauliSum, re: Float64Array, im: Float64Array) => {
  const out = [new Float64Array(16), new Float64Array(16)] as const;
  sum.apply(re, im, ...out);
  return out;
};

describe('PauliSum', () => {
  it('puts qubit 0 leftmost in its strings', () => {
    const [re] = apply(
      PauliSum.fromTerms([['XIII', 2]]),
      Float64Array.from({ length: 16 }, (_, i) => +(i === 0)),
      new Float64Array(16),
    );
    expect(re[1]).toBe(2);
  });

  it('is Hermitian, and its expectation is the inner product with its image', () => {
    fc.assert(
      fc.property(terms, vector, vector, vector, vector, (list, aRe, aIm, bRe, bIm) => {
        const sum = PauliSum.fromTerms(list);
        const inner = (x: readonly Float64Array[], y: readonly Float64Array[]) => {
          let [re, im] = [0, 0];
          for (let i = 0; i < 16; i++) {
            re += x[0]![i]! * y[0]![i]! + x[1]![i]! * y[1]![i]!;
            im += x[0]![i]! * y[1]![i]! - x[1]![i]! * y[0]![i]!;
          }
          return [re, im] as const;
        };
        const left = inner([aRe, aIm], apply(sum, bRe, bIm));
        const right = inner(apply(sum, aRe, aIm), [bRe, bIm]);
        expect(left[0]).toBeCloseTo(right[0], 9);
        expect(left[1]).toBeCloseTo(right[1], 9);
        expect(sum.expectation(aRe, aIm)).toBeCloseTo(inner([aRe, aIm], apply(sum, aRe, aIm))[0], 9);
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it('merges equal strings, adds, scales and simplifies', () => {
    const sum = PauliSum.fromTerms([
      ['ZZ', 1],
      ['XI', 0.5],
      ['ZZ', -0.25],
    ]);
    expect(sum.terms).toEqual([
      ['XI', 0.5],
      ['ZZ', 0.75],
    ]);
    expect(
      sum
        .add(
          PauliSum.fromTerms([
            ['ZZ', -0.75],
            ['II', 2],
          ]),
        )
        .simplify().terms,
    ).toEqual([
      ['II', 2],
      ['XI', 0.5],
    ]);
    expect(sum.scale(-2).terms).toEqual([
      ['XI', -1],
      ['ZZ', -1.5],
    ]);
    expect(sum.scale(0).simplify().terms).toEqual([['II', 0]]);
    expect(sum.oneNorm()).toBe(1.25);
    expect(PauliSum.fromTerms(JSON.parse(JSON.stringify(sum)))).toEqual(sum);
  });

  it('gives the same with and without kept tables', () => {
    // 18 qubits and 20 groups exceed the table limit; compare with a sum of one-term operators, which do not.
    const list: PauliTerm[] = Array.from({ length: 20 }, (_, i) => [
      `${'IXYZ'[i % 4]}${'ZYX'[i % 3]}`
        .padEnd((i % 17) + 1, 'X')
        .padEnd(18, 'Z')
        .slice(0, 18),
      0.1 * i - 0.7,
    ]);
    const size = 2 ** 18;
    const re = Float64Array.from({ length: size }, (_, i) => Math.sin(i));
    const im = Float64Array.from({ length: size }, (_, i) => Math.cos(3 * i));
    const whole = PauliSum.fromTerms(list).expectation(re, im);
    const parts = list.reduce((sum, term) => sum + PauliSum.fromTerms([term]).expectation(re, im), 0);
    expect(Math.abs(whole - parts)).toBeLessThan(1e-9 * size);
  });

  it.each<[string, PauliTerm[], RegExp]>([
    ['no terms', [], /at least one/],
    ['other letters', [['XA', 1]], /I, X, Y, Z, got XA/],
    [
      'different lengths',
      [
        ['X', 1],
        ['XX', 1],
      ],
      /1 characters.*got XX/,
    ],
    ['NaN', [['X', Number.NaN]], /finite/],
    ['too many qubits', [['I'.repeat(31), 1]], /at most 30 qubits/],
  ])('refuses %s', (_, list, message) => {
    expect(() => PauliSum.fromTerms(list)).toThrow(message);
  });

  it('refuses states that do not fit', () => {
    const sum = PauliSum.fromTerms([['XX', 1]]);
    expect(() => sum.expectation(new Float64Array(2), new Float64Array(2))).toThrow(/expected 4, got 2/);
  });
});
