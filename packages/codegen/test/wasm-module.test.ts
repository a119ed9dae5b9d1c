import './relaxed-simd.ts';
import { InvalidArgumentError } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeModule, type Target, type Vector, type WasmKernel, WasmTarget } from '../src/index.ts';
import { signedLeb128, unsignedLeb128 } from '../src/wasm/module.ts';
import { createWasmMemory, requireWebAssembly } from '../src/wasm/web-assembly.ts';

describe('LEB128', () => {
  // WebAssembly core specification, section 5.2.2; DWARF 4, figures 22 and 23.
  it('matches published examples', () => {
    expect(unsignedLeb128(2)).toEqual([2]);
    expect(unsignedLeb128(127)).toEqual([127]);
    expect(unsignedLeb128(128)).toEqual([0x80, 1]);
    expect(unsignedLeb128(12857)).toEqual([0xb9, 0x64]);
    expect(signedLeb128(-2)).toEqual([0x7e]);
    expect(signedLeb128(127)).toEqual([0xff, 0]);
    expect(signedLeb128(-127)).toEqual([0x81, 0x7f]);
    expect(signedLeb128(128)).toEqual([0x80, 1]);
    expect(signedLeb128(-129)).toEqual([0xff, 0x7e]);
  });

  it('can be read back', () => {
    const decode = (bytes: number[], signed: boolean) => {
      let value = 0n;
      bytes.forEach((byte, i) => {
        value |= BigInt(byte & 127) << BigInt(7 * i);
      });
      return Number(signed ? BigInt.asIntN(7 * bytes.length, value) : value);
    };
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (value) => {
        expect(decode(unsignedLeb128(value), false)).toBe(value);
        expect(decode(signedLeb128(value | 0), true)).toBe(value | 0);
      }),
      { seed: 1 },
    );
  });

  it('refuses what does not fit 32 bits', () => {
    for (const value of [-1, 2 ** 32, 0.5, Number.NaN]) {
      expect(() => unsignedLeb128(value)).toThrow(InvalidArgumentError);
    }
    for (const value of [2 ** 31, -(2 ** 31) - 1, 0.5]) {
      expect(() => signedLeb128(value)).toThrow(InvalidArgumentError);
    }
  });
});

/** Stores `mark` through a routine, at the address in field 0 of the block. */
function marking(firstFunction: number, mark: number): WasmKernel {
  const target: Target<WasmKernel> = new WasmTarget('strict', firstFunction);
  const [vector] = target.vectors('mark', 1) as [Vector];
  const pointer = target.pointer('destination');
  const routine = target.routine([pointer], () => {
    target.integerConstant(vector, mark);
    target.store(vector, { base: pointer, offset: 0 }, 1);
  });
  target.argument(pointer, 0);
  target.call(routine);
  return target.finish();
}

describe('a module', () => {
  const kernels = [
    { name: 'first', kernel: marking(0, 11) },
    { name: 'second', kernel: marking(2, 22) },
  ];

  it.each([false, true])('exports kernels that call their own routines (shared memory: %s)', (shared) => {
    const { Instance, Module } = requireWebAssembly();
    const memory = createWasmMemory(1, shared);
    const words = new Int32Array(memory.buffer);
    const { exports } = new Instance(new Module(encodeModule(kernels, { shared })), { arena: { memory } });
    expect(Object.keys(exports)).toEqual(['first', 'second']);
    words[0] = 256;
    for (const [name, mark] of [
      ['first', 11],
      ['second', 22],
    ] as const) {
      (exports[name] as (block: number) => void)(0);
      expect(words[64]).toBe(mark);
    }
  });

  it('is valid in every dialect', () => {
    for (const dialect of ['strict', 'relaxed', 'relaxed-pairs'] as const) {
      const target: Target<WasmKernel> = new WasmTarget(dialect);
      const [a, b] = target.vectors('values', 2) as [Vector, Vector];
      target.zero(a);
      target.zero(b);
      target.fma(a, b, b);
      target.fnma(a, b, b);
      target.store(a, { base: target.block, offset: 2 ** 31 - 1 });
      const bytes = encodeModule([{ name: 'f', kernel: target.finish() }], { shared: false });
      expect(requireWebAssembly().validate(bytes)).toBe(true);
    }
  });

  it('has equal bytes for equal kernels', () => {
    const bytes = (mark: number) =>
      encodeModule([{ name: 'first', kernel: marking(0, mark) }], { shared: false });
    expect(bytes(1)).toEqual(bytes(1));
    expect(bytes(1)).not.toEqual(bytes(2));
  });

  it('refuses two exports of one name, names outside ASCII, and a kernel for another place', () => {
    const encode = (names: readonly string[], first: number) =>
      encodeModule(
        names.map((name, i) => ({ name, kernel: marking(i * first, 1) })),
        { shared: false },
      );
    expect(() => encode(['f', 'g'], 2)).not.toThrow();
    expect(() => encode(['f', 'f'], 2)).toThrow(InvalidArgumentError);
    expect(() => encode(['ä'], 2)).toThrow(InvalidArgumentError);
    expect(() => encode(['f', 'g'], 1)).toThrow(InvalidArgumentError);
  });
});

describe('a WebAssembly target', () => {
  it('must not be used after its end', () => {
    const target = new WasmTarget('strict');
    target.finish();
    expect(() => target.finish()).toThrow(InvalidArgumentError);
  });
});
