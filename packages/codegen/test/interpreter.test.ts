import { InvalidArgumentError } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fusedMultiplyAdd, InterpreterTarget, WASM_TRAITS } from '../src/index.ts';

/** `a * b + c` rounded once, by exact rational arithmetic on big integers: float32 values are multiples of 2^-149. */
function exactMultiplyAdd(a: number, b: number, c: number): number {
  const scaled = (value: number) => BigInt(value * 2 ** 149);
  const exact = scaled(a) * scaled(b) + (scaled(c) << 149n);
  if (exact === 0n) return a * b + c;
  const magnitude = exact < 0n ? -exact : exact;
  const bits = magnitude.toString(2).length;
  // Keep 24 bits, but no bit below 2^-149 (2^149 in units of 2^-298).
  const drop = BigInt(Math.max(bits - 24, 149));
  const floor = magnitude >> drop;
  const rest = magnitude - (floor << drop);
  const half = 1n << (drop - 1n);
  const roundUp = rest > half || (rest === half && (floor & 1n) === 1n);
  const rounded = Number(floor + (roundUp ? 1n : 0n)) * 2 ** (Number(drop) - 298);
  return Math.fround(exact < 0n ? -rounded : rounded);
}

describe('the fused multiply-add', () => {
  const moderate = fc.float({ noNaN: true, noDefaultInfinity: true, min: -(2 ** 40), max: 2 ** 40 });

  it('equals exact arithmetic rounded once', () => {
    fc.assert(
      fc.property(moderate, moderate, moderate, (a, b, c) => {
        // toBe would tell 0 from -0, whose sign exact arithmetic does not have.
        expect(fusedMultiplyAdd(a, b, c) === exactMultiplyAdd(a, b, c)).toBe(true);
      }),
      { seed: 1, numRuns: 2000 },
    );
  });

  it('is right where rounding to float64 first would be wrong', () => {
    // The product is 1 + 2^-12 + 2^-24 + tiny: a tie in float32 after the tiny part is lost.
    const a = 1 + 2 ** -12;
    const tiny = 2 ** -80;
    const naive = Math.fround(a * a + tiny);
    expect(fusedMultiplyAdd(a, a, tiny)).toBe(exactMultiplyAdd(a, a, tiny));
    expect(fusedMultiplyAdd(a, a, tiny)).not.toBe(naive);
  });

  it('passes NaN and infinities on', () => {
    expect(fusedMultiplyAdd(Number.NaN, 1, 1)).toBeNaN();
    expect(fusedMultiplyAdd(Infinity, 1, 1)).toBe(Infinity);
    expect(fusedMultiplyAdd(Infinity, 1, -Infinity)).toBeNaN();
    expect(fusedMultiplyAdd(3e38, 3e38, -1)).toBe(Infinity);
  });
});

describe('the interpreter', () => {
  it('refuses traits that leave the rounding to a host', () => {
    expect(() => new InterpreterTarget(WASM_TRAITS.relaxed, 1)).toThrow(InvalidArgumentError);
  });

  it('stops at an access outside the memory', () => {
    const target = new InterpreterTarget(WASM_TRAITS.strict, 1);
    const [vector] = target.vectors('value', 1);
    target.load(vector!, { base: target.pointerArgument(0), offset: 0 });
    const kernel = target.finish()(new ArrayBuffer(32));
    expect(() => kernel(16)).not.toThrow();
    expect(() => kernel(20)).toThrow(RangeError);
  });

  it('starts registers as NaN', () => {
    const target = new InterpreterTarget(WASM_TRAITS.strict, 1);
    const [vector] = target.vectors('value', 1);
    target.store(vector!, { base: target.pointerArgument(0), offset: 0 });
    const buffer = new ArrayBuffer(16);
    target.finish()(buffer)(0);
    expect([...new Float32Array(buffer)]).toEqual([Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
  });
});
