import type { Activation } from '../../description/epilogue.ts';
import { referenceActivation } from '../../reference/activation.ts';
import { UNIT_ROUNDOFF } from '../../target/unit-roundoff.ts';

/** More than the error of any activation, in units of the last place; their own tests are sharper. */
const ACTIVATION_ULPS = 8;
/** The steepest activation multiplies an error of its argument by less. */
const STEEPEST = 1.13;

/**
 * What is wrong with a result whose value before the activation is known up to `tolerance`; null when nothing is. With tolerance 0 and an
 * activation that only compares, the bits must agree (a zero of either sign counts as zero).
 */
export function findActivatedError(
  activation: Activation,
  value: number,
  tolerance: number,
  actual: number,
): string | null {
  const expected = referenceActivation(activation, value);
  const compares = activation === 'none' || activation === 'relu' || activation === 'relu6';
  const ofActivation = compares ? 0 : 2 * ACTIVATION_ULPS * UNIT_ROUNDOFF * Math.abs(expected) + 2 ** -140;
  const allowed = tolerance * STEEPEST + ofActivation;
  if (Number.isNaN(expected) ? Number.isNaN(actual) : Math.abs(actual - expected) <= allowed) return null;
  return `expected ${expected} within ${allowed}, got ${actual}`;
}
