import { InvalidArgumentError } from '@qedge/core';
import { shiftRule } from '../simulation/gradient/shift-rule.ts';
import type { ExpectationFunction } from './expectation-function.ts';

/** What {@link parameterShiftGradient} may know beyond the circuit. */
export interface ShiftOptions {
  /**
   * Frequencies of the value in each whole parameter. Where given, the rule shifts the parameter as a whole; where not, it
   * shifts each gate on its own and adds up the occurrences (the product rule).
   */
  readonly frequencies?: readonly (readonly number[])[] | null;
}

/**
 * The gradient by parameter shifts, exact up to rounding and measurable on hardware: `[parameters]`.
 *
 * @throws InvalidArgumentError when the number of parameters or frequencies does not fit.
 */
export function parameterShiftGradient(
  expectation: ExpectationFunction,
  parameters: ArrayLike<number>,
  { frequencies }: ShiftOptions = {},
): Float64Array {
  if (!frequencies) return expectation.differentiate(parameters, 'parameter-shift').gradient;
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
