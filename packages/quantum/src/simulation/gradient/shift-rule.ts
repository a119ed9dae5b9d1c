import { InvalidArgumentError } from '@qedge/core';

/** One term of a shift rule: the derivative at x is the sum of `coefficient * f(x + shift)`. */
export interface ShiftTerm {
  readonly shift: number;
  readonly coefficient: number;
}

/**
 * The exact derivative rule for a function whose frequencies are `f, 2f, ..., Rf` (Wierichs et al., Quantum 6 (2022) 677):
 * `2R` values with shifts `(2m-1) pi / (2 R f)` and coefficients `f (-1)^(m-1) / (4 R sin^2((2m-1) pi / (4R)))`. `R = 1` is the
 * familiar rule with shifts of a quarter turn; `R = 2` is the four-term rule of excitations and controlled rotations.
 *
 * @throws InvalidArgumentError unless the frequencies are equidistant from 0.
 */
export function shiftRule(frequencies: readonly number[]): ShiftTerm[] {
  const count = frequencies.length;
  const base = frequencies[0] ?? Number.NaN;
  const equidistant = frequencies.every(
    (f, i) => f > 0 && Math.abs(f - base * (i + 1)) < 1e-12 * base * count,
  );
  if (count === 0 || !equidistant) {
    throw new InvalidArgumentError('There is no shift rule for these frequencies', {
      expected: 'f, 2f, 3f, ... with f > 0',
      actual: frequencies,
    });
  }
  const terms: ShiftTerm[] = [];
  for (let m = 1; m <= 2 * count; m++) {
    const odd = 2 * m - 1;
    const shift = (odd * Math.PI) / (2 * count * base);
    const coefficient =
      ((m % 2 === 1 ? 1 : -1) * base) / (4 * count * Math.sin((odd * Math.PI) / (4 * count)) ** 2);
    // A full period less is the same point, and keeps the shifts symmetric about 0.
    const period = (2 * Math.PI) / base;
    terms.push({ shift: shift > period / 2 ? shift - period : shift, coefficient });
  }
  return terms;
}
