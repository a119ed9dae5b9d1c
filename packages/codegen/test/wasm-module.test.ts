import './relaxed-simd.ts';
import { CapabilityUnavailableError, InvalidArgumentError } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  compileModule,
  createMemory,
  encodeKernels,
  encodeModule,
  type GemmDescription,
  instantiateKernels,
  type KernelDescription,
  kernelKey,
  MAX_INTEGER_DEPTH,
  moduleKey,
  packCodes,
  panelLayout,
  validateKernelDescription,
} from '../src/index.ts';
import { webAssemblyHost } from '../src/wasm/host.ts';
import { signedLeb128, unsignedLeb128 } from '../src/wasm/module.ts';

const gemm: GemmDescription = {
  kind: 'gemm',
  elements: 'float32',
  rows: 4,
  depth: 17,
  columns: 10,
  epilogue: { bias: true, relu: false },
};

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

describe('a generated module', () => {
  const descriptions: KernelDescription[] = [
    gemm,
    { ...gemm, rows: 1, elements: 'int4' },
    { ...gemm, elements: 'int8', epilogue: { bias: false, relu: true } },
    { kind: 'quantize', depth: 17 },
  ];

  it.each(['strict', 'relaxed'] as const)(
    'is valid and exports every kernel under its key (%s)',
    (dialect) => {
      const bytes = encodeKernels(descriptions, dialect);
      expect(webAssemblyHost()!.validate(bytes)).toBe(true);
      const kernels = instantiateKernels(compileModule(bytes), createMemory(1));
      expect([...kernels.keys()].sort()).toEqual(descriptions.map(kernelKey).sort());
    },
  );

  it('has the same bytes whatever the order, and no kernel twice', () => {
    const forward = encodeKernels(descriptions, 'strict');
    expect(encodeKernels([...descriptions].reverse(), 'strict')).toEqual(forward);
    expect(encodeKernels([...descriptions, gemm], 'strict')).toEqual(forward);
  });

  it('differs between the dialects only where numbers are multiplied and added', () => {
    const integers = descriptions.filter((entry) => entry.kind === 'gemm' && entry.elements === 'int8');
    expect(encodeKernels([gemm], 'strict')).not.toEqual(encodeKernels([gemm], 'relaxed'));
    expect(integers).toHaveLength(1);
  });

  it('refuses two exports of one name', () => {
    const empty = { parameterCount: 0, localTypes: [], code: [0x0b] };
    expect(() =>
      encodeModule([
        { name: 'f', function: empty },
        { name: 'f', function: empty },
      ]),
    ).toThrow(InvalidArgumentError);
  });

  it('is refused with an explanation when its bytes are damaged', () => {
    const bytes = encodeKernels([gemm], 'strict');
    bytes[bytes.length - 1] = 0x00;
    expect(() => compileModule(bytes)).toThrow(CapabilityUnavailableError);
  });
});

describe('a memory', () => {
  it('has whole pages, and refuses lengths that are none', () => {
    expect(createMemory(0).buffer.byteLength).toBe(65536);
    expect(createMemory(65537).buffer.byteLength).toBe(131072);
    for (const bad of [-1, 0.5, Number.NaN, Infinity]) {
      expect(() => createMemory(bad)).toThrow(InvalidArgumentError);
    }
    expect(() => createMemory(2 ** 40)).toThrow(CapabilityUnavailableError);
  });
});

describe('keys', () => {
  it('are equal for equal descriptions, however they were written', () => {
    const { kind, elements, rows, depth, columns } = gemm;
    const reordered = { epilogue: { relu: false, bias: true }, columns, depth, rows, elements, kind };
    expect(kernelKey(reordered)).toBe(kernelKey(gemm));
    expect(moduleKey([gemm, { kind: 'quantize', depth: 1 }], 'strict')).toBe(
      moduleKey([{ kind: 'quantize', depth: 1 }, reordered, gemm], 'strict'),
    );
  });

  it('differ in every property and in the dialect', () => {
    const variants: KernelDescription[] = [
      gemm,
      { ...gemm, elements: 'int8' },
      { ...gemm, rows: 5 },
      { ...gemm, depth: 171 },
      { ...gemm, columns: 1 },
      { ...gemm, epilogue: { bias: false, relu: false } },
      { ...gemm, epilogue: { bias: true, relu: true } },
      { ...gemm, epilogue: { bias: false, relu: true } },
      { kind: 'quantize', depth: 17 },
      { kind: 'quantize', depth: 18 },
    ];
    expect(new Set(variants.map(kernelKey)).size).toBe(variants.length);
    expect(moduleKey([gemm], 'strict')).not.toBe(moduleKey([gemm], 'relaxed'));
  });
});

describe('a description', () => {
  it('is refused when a size is not a positive integer', () => {
    for (const bad of [0, -1, 1.5, Number.NaN, 2 ** 53]) {
      expect(() => validateKernelDescription({ ...gemm, rows: bad })).toThrow(/rows/);
      expect(() => validateKernelDescription({ ...gemm, depth: bad })).toThrow(/depth/);
      expect(() => validateKernelDescription({ ...gemm, columns: bad })).toThrow(/columns/);
      expect(() => validateKernelDescription({ kind: 'quantize', depth: bad })).toThrow(/depth/);
    }
  });

  it('is refused when it names elements or a kind that do not exist', () => {
    const wide = { ...gemm, elements: 'int16' } as unknown as GemmDescription;
    expect(() => encodeKernels([wide], 'strict')).toThrow(/int16/);
    const strange = { kind: 'convolution', depth: 3 } as unknown as GemmDescription;
    expect(() => validateKernelDescription(strange)).toThrow(/convolution/);
  });

  it('gives the exact sum of the largest products at the greatest depth', () => {
    const layout = panelLayout('int8', MAX_INTEGER_DEPTH, 1, 4);
    const deepest: GemmDescription = {
      ...gemm,
      elements: 'int8',
      rows: 1,
      depth: MAX_INTEGER_DEPTH,
      columns: 1,
      epilogue: { bias: false, relu: false },
    };
    const a = 0;
    const b = Math.ceil(layout.rowByteLength / 64) * 64;
    const scales = b + layout.byteLength;
    const c = scales + layout.paddedColumns * 4;
    const memory = createMemory(c + 64);
    packCodes(
      layout,
      new Int8Array(MAX_INTEGER_DEPTH).fill(-128),
      new Uint8Array(memory.buffer, b, layout.byteLength),
    );
    new Float32Array(memory.buffer, scales, layout.paddedColumns).fill(1);
    const kernel = instantiateKernels(compileModule(encodeKernels([deepest], 'strict')), memory).get(
      kernelKey(deepest),
    )!;
    for (const code of [255, -255]) {
      new Int16Array(memory.buffer, a, layout.paddedDepth).fill(0).fill(code, 0, MAX_INTEGER_DEPTH);
      kernel(a, b, c, 1, scales, 0);
      expect(new Float32Array(memory.buffer, c, 1)[0]).toBe(Math.fround(-128 * code * MAX_INTEGER_DEPTH));
    }
  });

  it('is refused when an integer sum could overflow', () => {
    const deep: GemmDescription = { ...gemm, elements: 'int8', depth: MAX_INTEGER_DEPTH };
    expect(MAX_INTEGER_DEPTH * 255 * 128).toBeLessThan(2 ** 31);
    expect((MAX_INTEGER_DEPTH + 1) * 255 * 128).toBeGreaterThanOrEqual(2 ** 31);
    expect(() => validateKernelDescription(deep)).not.toThrow();
    expect(() => validateKernelDescription({ ...deep, depth: deep.depth + 1 })).toThrow(/overflow/);
    expect(() => validateKernelDescription({ ...gemm, depth: deep.depth + 1 })).not.toThrow();
  });
});
