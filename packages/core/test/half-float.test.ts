import { describe, expect, it } from 'vitest';
import { halfFloatToNumber, numberToHalfFloat, Random } from '../src/index.ts';

describe('half floats', () => {
  it('gives every one of its numbers back', () => {
    const all = Array.from({ length: 65536 }, (_, bits) => bits);
    const isKept = (bits: number) => {
      const value = halfFloatToNumber(bits);
      return Number.isNaN(value)
        ? Number.isNaN(halfFloatToNumber(numberToHalfFloat(value)))
        : numberToHalfFloat(value) === bits;
    };
    expect(all.filter((bits) => !isKept(bits))).toEqual([]);
  });

  it('rounds to the nearest number, and to the even one of two', () => {
    const cases: readonly (readonly [number, number])[] = [
      ...([
        [1, 0x3c00],
        [65504, 0x7bff],
        [65519, 0x7bff],
        [65520, 0x7c00],
        [-1e30, 0xfc00],
      ] as const),
      // Half-way between neighbours above 1, at the smallest subnormal and below it.
      ...([
        [1 + 2 ** -11, 0x3c00],
        [1 + 3 * 2 ** -11, 0x3c02],
        [2 ** -24, 1],
        [2 ** -25, 0],
        [-(2 ** -25), 0x8000],
      ] as const),
    ];
    for (const [value, bits] of cases) expect([value, numberToHalfFloat(value)]).toEqual([value, bits]);
    const random = new Random(2);
    for (let i = 0; i < 2000; i++) {
      const value = Math.fround(random.normal() * 2 ** (random.integer(42) - 30));
      const bits = numberToHalfFloat(value);
      const error = Math.abs(halfFloatToNumber(bits) - value);
      for (const near of [bits - 1, bits + 1]) {
        if (near >= 0 && (near & 0x7fff) < 0x7c00)
          expect(error).toBeLessThanOrEqual(Math.abs(halfFloatToNumber(near) - value));
      }
    }
  });
});
