import { InvalidArgumentError } from '@qedge/core';
import { resolveAngles } from '../simulation/circuit-plan.ts';
import type { ExpectationFunction } from './expectation-function.ts';

/** One term of a shift rule: the derivative at x is the sum of `coefficient * f(x + shift)`. */
export interface ShiftTerm {
  readonly shift: number;
  readonly coefficient: number;
}

/** What {@link parameterShiftGradient} may know beyond the circuit. */
export interface ShiftOptions {
  /**
   * Frequencies of the value in each whole parameter. Where given, the rule shifts the parameter as a whole; where not, it
   * shifts each gate on its own and adds up the occurrences (the product rule).
   */
  readonly frequencies?: readonly (readonly number[])[] | null;
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

/**
 * The gradient by parameter shifts, exact up to rounding and measurable on hardware: `[parameters]`.
 *
 * @throws InvalidArgumentError when the number of parameters or frequencies does not fit.
 */
export function parameterShiftGradient(
  expectation: ExpectationFunction,
  parameters: ArrayLike<number>,
  options: ShiftOptions = {},
): Float64Array {
  const { plan } = expectation;
  const base = resolveAngles(plan, parameters);
  if (options.frequencies) return shiftWholeParameters(expectation, parameters, options.frequencies);
  const gradient = new Float64Array(parameters.length);
  plan.angles.forEach(({ partials, frequencies }, index) => {
    if (partials.length === 0) return;
    let derivative = 0;
    for (const term of shiftRule(frequencies)) {
      const shifted = base.slice();
      shifted[index] = shifted[index]! + term.shift;
      derivative += term.coefficient * expectation.evaluateAngles(shifted);
    }
    for (const { parameter, derivative: slope } of partials) {
      gradient[parameter] = gradient[parameter]! + slope(parameters) * derivative;
    }
  });
  return gradient;
}

function shiftWholeParameters(
  expectation: ExpectationFunction,
  parameters: ArrayLike<number>,
  frequencies: readonly (readonly number[])[],
): Float64Array {
  if (frequencies.length !== parameters.length) {
    throw new InvalidArgumentError('Every parameter needs its frequencies', {
      expected: parameters.length,
      actual: frequencies.length,
    });
  }
  return Float64Array.from(frequencies, (own, index) => {
    let derivative = 0;
    for (const { shift, coefficient } of shiftRule(own)) {
      const shifted = Float64Array.from(parameters);
      shifted[index] = shifted[index]! + shift;
      derivative += coefficient * expectation.evaluate(shifted);
    }
    return derivative;
  });
}
