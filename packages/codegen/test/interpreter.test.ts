import { InvalidArgumentError } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InterpreterTarget, setArgument, type Vector, WASM_TRAITS } from '../src/index.ts';
import { fusedMultiplyAdd } from '../src/target/fused-multiply-add.ts';
import { bfloat16Bits, bfloat16Value, float16Bits, float16Value } from '../src/target/narrow-numbers.ts';

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

/** Little-endian memory at an address that is not 0, and a program run on it with the block at its start. */
function run(
  emit: (target: InterpreterTarget) => void,
  byteLength = 256,
  traits = WASM_TRAITS.strict,
): DataView {
  const target = new InterpreterTarget(traits);
  emit(target);
  const buffer = new ArrayBuffer(byteLength + 8);
  const view = new DataView(buffer, 8, byteLength);
  for (let i = 0; i < byteLength; i++) view.setUint8(i, i);
  setArgument(view, 0, 0, ADDRESS + 64);
  setArgument(view, 0, 1, 3);
  target.finish()({ buffer, byteOffset: 8, byteLength, address: ADDRESS })(ADDRESS);
  return view;
}
const ADDRESS = 2 ** 40 + 64;

describe('the interpreter', () => {
  it('refuses traits that leave the rounding to a host', () => {
    expect(() => new InterpreterTarget(WASM_TRAITS.relaxed)).toThrow(InvalidArgumentError);
  });

  it.each([
    ['starts in', 256 - 64 - 16, true],
    ['ends after', 256 - 64 - 15, false],
    ['starts after', 1000, false],
  ])('stops at an access that %s the memory', (_where, offset, allowed) => {
    const load = () =>
      run((target) => {
        const pointer = target.pointer('data');
        target.argument(pointer, 0);
        target.load(target.vectors('value', 1)[0]!, { base: pointer, offset });
      });
    if (allowed) expect(load).not.toThrow();
    else expect(load).toThrow(RangeError);
  });

  it('stops where a base lies before the memory, even if the offset leads back', () => {
    expect(() =>
      run((target) => {
        const pointer = target.pointer('data');
        target.copyPointer(pointer, target.block);
        target.advance(pointer, -4);
        target.load(target.vectors('value', 1)[0]!, { base: pointer, offset: 8 });
      }),
    ).toThrow(RangeError);
  });

  it('stops where a pointer was never written', () => {
    expect(() =>
      run((target) => {
        target.load(target.vectors('value', 1)[0]!, { base: target.pointer('data'), offset: 0 });
      }),
    ).toThrow(RangeError);
  });

  it('starts vectors as NaN', () => {
    const view = run((target) =>
      target.store(target.vectors('value', 1)[0]!, { base: target.block, offset: 32 }),
    );
    for (let lane = 0; lane < 4; lane++) expect(view.getFloat32(32 + 4 * lane, true)).toBeNaN();
  });

  it('shows what relies on vectors or pointers across a routine', () => {
    const vectors = run((target) => {
      const [kept, result] = target.vectors('values', 2) as [Vector, Vector];
      const routine = target.routine([], () => target.zero(result));
      target.zero(kept);
      target.call(routine);
      target.store(kept, { base: target.block, offset: 32 });
    });
    expect(vectors.getFloat32(32, true)).toBeNaN();
    const relies = (keep: boolean) =>
      run((target) => {
        const [vector] = target.vectors('value', 1) as [Vector];
        const [own, other] = [target.pointer('own'), target.pointer('other')];
        const routine = target.routine([own], () => target.advance(own, 4));
        target.argument(own, 0);
        target.argument(other, 0);
        target.call(routine);
        target.load(vector, { base: keep ? other : own, offset: 0 });
      });
    expect(() => relies(true)).not.toThrow();
    expect(() => relies(false)).toThrow(RangeError);
  });

  it('hides from a routine what it was not given', () => {
    const reads = (given: boolean) =>
      run((target) => {
        const [vector] = target.vectors('value', 1) as [Vector];
        const pointer = target.pointer('data');
        target.argument(pointer, 0);
        const routine = target.routine(given ? [pointer] : [], () => {
          target.load(vector, { base: pointer, offset: 0 });
        });
        target.call(routine);
      });
    expect(() => reads(true)).not.toThrow();
    expect(() => reads(false)).toThrow(RangeError);
  });

  it.each([Number.NaN, Infinity, 2 ** 31, -(2 ** 31) - 256])('refuses to convert %s to int32', (value) => {
    expect(() =>
      run((target) => {
        const [vector] = target.vectors('value', 1) as [Vector];
        target.constant(vector, value);
        target.convert('float32-to-int32', vector, vector);
      }),
    ).toThrow(RangeError);
  });

  // The interpreter is what encoders are compared with, so it is compared here with results that were worked out by hand.
  it('computes the published meaning of each integer operation', () => {
    const lanes = (
      emit: (target: InterpreterTarget, a: Vector, b: Vector, c: Vector) => void,
      a: number,
      b: number,
      c = 0,
      multiplyBytes: 7 | 8 = 8,
    ) => {
      const view = run(
        (target) => {
          const [x, y, z] = target.vectors('values', 3) as [Vector, Vector, Vector];
          target.integerConstant(x, a);
          target.integerConstant(y, b);
          target.integerConstant(z, c);
          emit(target, x, y, z);
          target.store(z, { base: target.block, offset: 32 });
        },
        256,
        { ...WASM_TRAITS.strict, dot: 'bytes', multiplyBytes },
      );
      return view.getInt32(32 + 8, true);
    };
    const hex = (text: string) => Number.parseInt(text, 16) | 0;
    // 255 * -128 + 1 * 2 + 2 * -3 + 128 * 127 = -16388, plus 100.
    expect(lanes((t, a, b, c) => t.dot(c, a, b), hex('800201ff'), hex('7ffd0280'), 100)).toBe(-16288);
    // Neighbouring bytes: 255 * 127 twice saturates at 32767; 255 * -128 twice at -32768.
    expect(lanes((t, a, b, c) => t.multiplyBytes(c, a, b), hex('ffffffff'), hex('80807f7f'))).toBe(
      hex('80007fff'),
    );
    // Where the unsigned bytes may have 7 bits, an eighth is refused.
    expect(lanes((t, a, b, c) => t.multiplyBytes(c, a, b), hex('7f7f017f'), hex('80807f7f'), 0, 7)).toBe(
      hex('81003f80'),
    );
    expect(() => lanes((t, a, b, c) => t.multiplyBytes(c, a, b), 128, 1, 0, 7)).toThrow(RangeError);
    // -32768 * -32768 twice is 2^31, which wraps.
    expect(lanes((t, a, b, c) => t.multiplyWords(c, a, b), hex('80008000'), hex('80008000'))).toBe(
      -(2 ** 31),
    );
    expect(lanes((t, a, b, c) => t.multiplyWords(c, a, b), hex('0003ffff'), hex('00070005'))).toBe(16);
    expect(lanes((t, a, b, c) => t.addWords(c, a, b), hex('7fffffff'), hex('00010001'))).toBe(
      hex('80000000'),
    );
    expect(lanes((t, a, b, c) => t.integer('andNot', c, a, b), hex('0ff000ff'), hex('00ffff00'))).toBe(
      hex('000fff00'),
    );
    expect(lanes((t, a, _b, c) => t.shift('right-signed', 16, c, a, 4), hex('8000f123'), 0)).toBe(
      hex('f800ff12'),
    );
    expect(lanes((t, a, _b, c) => t.shift('right-unsigned', 16, c, a, 4), hex('8000f123'), 0)).toBe(
      hex('08000f12'),
    );
    expect(lanes((t, a, _b, c) => t.shift('left', 16, c, a, 4), hex('8001f123'), 0)).toBe(hex('00101230'));
  });

  it('keeps the first operand of min and max where one is NaN, and the first of two zeros', () => {
    const result = (operation: 'min' | 'max', a: number, b: number) => {
      const view = run((target) => {
        const [x, y] = target.vectors('values', 2) as [Vector, Vector];
        target.constant(x, a);
        target.constant(y, b);
        target.float(operation, x, x, y);
        target.store(x, { base: target.block, offset: 32 });
      });
      return view.getFloat32(32, true);
    };
    for (const operation of ['min', 'max'] as const) {
      expect(result(operation, 1, Number.NaN)).toBe(1);
      expect(result(operation, Number.NaN, 1)).toBeNaN();
      expect(result(operation, 0, -0)).toBe(0);
      expect(result(operation, -0, 0)).toBe(-0);
    }
  });
});

describe('the conversions of 16-bit floats', () => {
  // IEEE 754-2019, 3.6 (binary16) and the values that its definition gives.
  it('know the numbers of binary16', () => {
    const known: readonly (readonly [number, number])[] = [
      [0x0000, 0],
      [0x8000, -0],
      [0x3c00, 1],
      [0xc000, -2],
      [0x3555, 0.333251953125],
      [0x7bff, 65504],
      [0x0400, 2 ** -14],
      [0x0001, 2 ** -24],
      [0x03ff, 2 ** -14 - 2 ** -24],
      [0x7c00, Infinity],
      [0xfc00, -Infinity],
    ];
    for (const [bits, value] of known) {
      expect(float16Value(bits)).toBe(value);
      expect(float16Bits(value)).toBe(bits);
    }
    expect(float16Value(0x7e00)).toBeNaN();
    expect(float16Bits(Number.NaN) & 0x7e00).toBe(0x7e00);
    expect(float16Bits(65519.99)).toBe(0x7bff);
    expect(float16Bits(65520)).toBe(0x7c00);
    expect(float16Bits(2 ** -25)).toBe(0);
    expect(float16Bits(2 ** -25 * 1.0001)).toBe(1);
  });

  it('round to the nearest number, ties to even, in both formats', () => {
    const nearest = (value: number, widen: (bits: number) => number, largest: number) => {
      let best = 0;
      for (let bits = 0; bits <= largest; bits++) {
        const [distance, least] = [Math.abs(widen(bits) - value), Math.abs(widen(best) - value)];
        if (distance < least || (distance === least && bits % 2 === 0)) best = bits;
      }
      return best;
    };
    const near = fc.float({ noNaN: true, min: 0, max: 65504 });
    fc.assert(
      fc.property(near, (value) => {
        expect(float16Bits(value)).toBe(nearest(value, float16Value, 0x7bff));
        expect(bfloat16Bits(value)).toBe(nearest(value, bfloat16Value, 0x7f7f));
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it('give back every number that they read', () => {
    const all = Array.from({ length: 65536 }, (_, bits) => bits);
    const changed = (widen: (bits: number) => number, bitsOf: (value: number) => number) =>
      all.filter((bits) => !Number.isNaN(widen(bits)) && bitsOf(widen(bits)) !== bits);
    expect(changed(float16Value, float16Bits)).toEqual([]);
    expect(changed(bfloat16Value, bfloat16Bits)).toEqual([]);
  });
});
