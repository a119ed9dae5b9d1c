import { InvalidArgumentError } from '@qedge/core';

/** The integers that codes may take, both ends included. */
export interface CodeRange {
  readonly low: number;
  readonly high: number;
}

/**
 * The integers that `bits`-bit codes may take. Symmetric codes leave the lowest one out, so that negation never overflows. With 1 bit the codes
 * are -1 and +1, without 0 between them.
 *
 * @param bits 1..8 when symmetric, else 2..8.
 * @throws InvalidArgumentError for another width.
 */
export function codeRange(bits: number, symmetric: boolean): CodeRange {
  const fewest = symmetric ? 1 : 2;
  if (!Number.isInteger(bits) || bits < fewest || bits > 8) {
    throw new InvalidArgumentError('A width of integer codes is out of range', {
      expected: `an integer number of bits in ${fewest}..8`,
      actual: bits,
    });
  }
  if (bits === 1) return { low: -1, high: 1 };
  const high = 2 ** (bits - 1) - 1;
  return { low: symmetric ? -high : -high - 1, high };
}

/** Rounds to the nearest integer, ties to the even one, as IEEE 754 and the float-to-integer instructions do. |value| < 2^51. */
export function roundHalfEven(value: number): number {
  const shift = 6755399441055744; // 1.5 * 2^52: adding it leaves no room for a fraction, and the sum is rounded half to even.
  return value + shift - shift;
}
