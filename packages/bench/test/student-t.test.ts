import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { studentTCritical } from '../src/student-t.ts';

describe('studentTCritical', () => {
  it.each([
    // Any printed table of Student's t, two-sided.
    [0.05, 1, 12.706],
    [0.05, 10, 2.228],
    [0.05, 30, 2.042],
    [0.01, 5, 4.032],
    [0.01, 40, 2.704],
    [0.001, 20, 3.85],
  ])('for alpha %f and %i degrees is the tabulated %f', (alpha, degrees, expected) => {
    expect(studentTCritical(alpha, degrees)).toBeCloseTo(expected, 3);
  });

  it('agrees with the closed forms for one and two degrees of freedom', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: 0.5, noNaN: true }), (alpha) => {
        const one = Math.tan((Math.PI / 2) * (1 - alpha));
        const two = (1 - alpha) * Math.sqrt(2 / (alpha * (2 - alpha)));
        // The tangent itself loses digits near its pole, in proportion to 1 / alpha.
        expect(studentTCritical(alpha, 1) / one).toBeCloseTo(1, 6);
        expect(studentTCritical(alpha, 2) / two).toBeCloseTo(1, 9);
      }),
      { seed: 1 },
    );
  });

  it('approaches the normal law with many degrees of freedom', () => {
    expect(studentTCritical(0.05, 1e6)).toBeCloseTo(1.959966, 5);
  });
});
