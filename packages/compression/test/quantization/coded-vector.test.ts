import { Random } from '@qedge/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { codesOfVector, roundToCodedVector } from '../../src/quantization/coded-vector.ts';

const draw = (length: number, seed: number, size: number) => {
  const random = new Random(seed);
  return Float32Array.from({ length }, () => size * random.normal());
};

it('rounds within half a step of the largest magnitude, to codes that give back every bit, and once only', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 32, max: 90 }),
      fc.integer(),
      fc.integer({ min: -9, max: 12 }),
      (length, seed, power) => {
        const values = draw(length, seed, 2 ** power);
        values[0] = -0;
        const rounded = roundToCodedVector(values);
        const { codes, scale } = codesOfVector(rounded)!;
        expect(Float32Array.from(codes, (code) => code * scale)).toEqual(rounded);
        expect(roundToCodedVector(rounded)).toEqual(rounded);
        // The scale itself is rounded to 11 bits, which the last codes feel most.
        const step = Math.max(...values.map(Math.abs)) / 127;
        values.forEach((value, at) => {
          expect(Math.abs(value - rounded[at]!)).toBeLessThanOrEqual(0.6 * step);
        });
      },
    ),
    { seed: 4, numRuns: 40 },
  );
});

it('leaves what codes do not hold, or do not make smaller', () => {
  expect(codesOfVector(draw(64, 1, 1))).toBeNull();
  const zeros = new Float32Array(64);
  const short = draw(31, 1, 1);
  const huge = new Float32Array(64).fill(3e38);
  // A scale of 1.4 steps of the smallest half floats would become 1 step, which clips.
  const tiny = new Float32Array(64).fill(127 * 1.4 * 2 ** -24);
  for (const values of [zeros, short, huge, tiny]) {
    expect(roundToCodedVector(values)).toBe(values);
    expect(codesOfVector(values)).toBeNull();
  }
  const negativeZero = roundToCodedVector(draw(64, 2, 1));
  negativeZero[3] = -0;
  expect(codesOfVector(negativeZero)).toBeNull();
});
