import { Random } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import {
  halfBits,
  halfValue,
  isHalfPrecision,
  roundToHalf,
  toHalfBits,
} from '../../src/quantization/half-precision.ts';

describe('half precision', () => {
  it('gives every one of its numbers back', () => {
    const all = Array.from({ length: 65536 }, (_, bits) => bits);
    const isKept = (bits: number) => {
      const value = halfValue(bits);
      return Number.isNaN(value) ? Number.isNaN(halfValue(halfBits(value))) : halfBits(value) === bits;
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
    for (const [value, bits] of cases) expect([value, halfBits(value)]).toEqual([value, bits]);
    const random = new Random(2);
    for (let i = 0; i < 2000; i++) {
      const value = Math.fround(random.normal() * 2 ** (random.integer(42) - 30));
      const bits = halfBits(value);
      const error = Math.abs(halfValue(bits) - value);
      for (const near of [bits - 1, bits + 1]) {
        if (near >= 0 && (near & 0x7fff) < 0x7c00)
          expect(error).toBeLessThanOrEqual(Math.abs(halfValue(near) - value));
      }
    }
  });

  it('knows what it holds exactly', () => {
    expect(isHalfPrecision(Float32Array.of(0.5, -0, 1024))).toBe(true);
    expect(isHalfPrecision(Float32Array.of(0.5, Math.fround(0.1)))).toBe(false);
    expect(roundToHalf(Math.fround(0.1))).toBe(0.0999755859375);
    expect(toHalfBits([1, -2])).toEqual(Uint16Array.of(0x3c00, 0xc000));
  });
});
