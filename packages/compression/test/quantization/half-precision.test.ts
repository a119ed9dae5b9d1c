import { describe, expect, it } from 'vitest';
import { isHalfPrecision, roundToHalf, toHalfBits } from '../../src/quantization/half-precision.ts';

describe('half precision', () => {
  it('knows what it holds exactly', () => {
    expect(isHalfPrecision(Float32Array.of(0.5, -0, 1024))).toBe(true);
    expect(isHalfPrecision(Float32Array.of(0.5, Math.fround(0.1)))).toBe(false);
    expect(roundToHalf(Math.fround(0.1))).toBe(0.0999755859375);
    expect(toHalfBits([1, -2])).toEqual(Uint16Array.of(0x3c00, 0xc000));
  });
});
