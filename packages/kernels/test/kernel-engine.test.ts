import {
  BudgetExceededError,
  InvalidArgumentError,
  ShapeMismatchError,
  UseAfterReleaseError,
} from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { columnMajor, createKernelEngine as createPortableEngine, windowOutputSize } from '../src/index.ts';
import { createKernelEngine } from '../src/node.ts';
import { presentIsas } from './present-ways.ts';

const isa = 'wasm-strict';
const open = async (byteLength = 1 << 16) => (await createKernelEngine({ isa })).workspace(byteLength);
const SHAPE = { m: 2, n: 3, k: 4 };

async function operands() {
  const space = await open();
  return { space, a: space.float32(8), b: space.float32(12), c: space.float32(6) };
}

describe('a workspace', () => {
  it('hands out zeroed arrays on cache lines, one after the other, until it is full', async () => {
    const space = await open(1024);
    const total = space.remainingBytes;
    expect(space.byteLength).toBeGreaterThanOrEqual(1024);
    const arrays = [space.float32(3), space.int8(70), space.uint8(1), space.uint16(5), space.int32(2)];
    expect(arrays.map(({ length }) => length)).toEqual([3, 70, 1, 5, 2]);
    for (const array of arrays) {
      expect((array.byteOffset - arrays[0]!.byteOffset) % 64).toBe(0);
      expect([...array].every((value) => value === 0)).toBe(true);
      expect(array.buffer).toBe(arrays[0]!.buffer);
    }
    expect(total - space.remainingBytes).toBe(64 * 6);
    expect(space.float32(0).length).toBe(0);
    expect(() => space.float32(space.remainingBytes / 4 + 1)).toThrow(BudgetExceededError);
    expect(() => space.float32(-1)).toThrow(InvalidArgumentError);
    expect(() => space.float32(1.5)).toThrow(InvalidArgumentError);
  });

  it('refuses operands of another type, another workspace or an ordinary array, and names them', async () => {
    const { space, a, b, c } = await operands();
    const elsewhere = (await operands()).a;
    expect(() => space.gemm({ ...SHAPE, a: elsewhere, b, c })).toThrow(/^a does not lie in this workspace/);
    expect(() => space.gemm({ ...SHAPE, a, b: new Float32Array(12), c })).toThrow(
      /^b does not lie in this workspace/,
    );
    const bytes = space.int32(8) as unknown as Float32Array;
    expect(() => space.gemm({ ...SHAPE, a: bytes, b, c })).toThrow(
      /^a has the wrong type: expected Float32Array, got Int32Array/,
    );
    const outside = new Float32Array(a.buffer, 0, 8);
    expect(() => space.gemm({ ...SHAPE, a: outside, b, c })).toThrow(InvalidArgumentError);
  });

  it('refuses views of what it did not make arrays of, such as argument blocks and packed weights', async () => {
    const { space, a, b, c } = await operands();
    space.packMatrix({ k: 4, n: 3, b });
    space.gemm({ ...SHAPE, a, b, c });
    const last = space.float32(16);
    const view = (from: number, length: number) => {
      return new Float32Array(a.buffer, a.byteOffset + from, length);
    };
    const blocks = c.byteOffset - a.byteOffset + 64;
    const beyond = last.byteOffset - a.byteOffset;
    for (const [from, length] of [
      [blocks, 6],
      [blocks - 64, 17],
      [beyond - 4, 6],
      [beyond + 60, 2],
      [beyond + 64, 6],
      [0, 24],
    ] as const) {
      expect(() => space.activation({ activation: 'relu', input: view(from, length) })).toThrow(
        /^input does not lie in this workspace/,
      );
    }
    for (const array of [a, b, c, last]) space.activation({ activation: 'relu', input: array }).run();
    space.activation({ activation: 'relu', input: view(beyond + 4, 15) }).run();
  });

  it('refuses lengths that do not fit, and says which ones do', async () => {
    const { space, a, b, c } = await operands();
    expect(() => space.gemm({ ...SHAPE, m: 3, a, b, c })).toThrow(ShapeMismatchError);
    expect(() => space.gemm({ ...SHAPE, m: 3, a, b, c })).toThrow(/12 elements for \[3, 4\], got 8 elements/);
    expect(() => space.gemm({ ...SHAPE, a, b, c, bias: space.float32(2) })).toThrow(
      /^bias has the wrong length/,
    );
    expect(() => space.gemm({ ...SHAPE, a: { data: a, rowStride: 5 }, b, c })).toThrow(/at least 9 elements/);
    expect(() => space.gemm({ ...SHAPE, a, b: columnMajor(b, 5), c })).toThrow(/at least 14 elements/);
  });

  it('refuses a result that shares bytes with an operand or with itself', async () => {
    const { space, a, b, c } = await operands();
    expect(() => space.gemm({ m: 2, n: 4, k: 4, a, b: space.float32(16), c: a })).toThrow(/^c overlaps a/);
    const half = b.subarray(3, 9);
    expect(() => space.gemm({ ...SHAPE, a, b, c: half })).toThrow(/^c overlaps b/);
    const bias = c.subarray(0, 3);
    expect(() => space.gemm({ ...SHAPE, a, b, c, bias })).toThrow(/^c overlaps bias/);
    expect(() => space.gemm({ ...SHAPE, a, b, c: { data: c, rowStride: 1 } })).toThrow(
      /^Elements of c would share a place/,
    );
    expect(() =>
      space.activation({ activation: 'relu', input: a.subarray(0, 4), output: a.subarray(2, 6) }),
    ).toThrow(InvalidArgumentError);
  });

  it('refuses numbers that are none', async () => {
    const { space, a, b, c } = await operands();
    for (const wrong of [
      { m: -1 },
      { n: 1.5 },
      { k: Number.NaN },
      { batch: -1 },
      { alpha: Number.NaN },
      { beta: Number.POSITIVE_INFINITY },
    ]) {
      expect(() => space.gemm({ ...SHAPE, a, b, c, ...wrong }), JSON.stringify(wrong)).toThrow(
        InvalidArgumentError,
      );
    }
    expect(() => space.gemm({ ...SHAPE, a: { data: a, rowStride: -4 }, b, c })).toThrow(InvalidArgumentError);
    expect(() => space.gemm({ ...SHAPE, a, b, c, activation: 'step' as 'relu' })).toThrow(
      InvalidArgumentError,
    );
    expect(() => space.softmax({ rows: 1, width: 0, input: a })).toThrow(InvalidArgumentError);
    expect(() => windowOutputSize({ height: 2, width: 2 }, { window: 3 })).toThrow(InvalidArgumentError);
    expect(() => windowOutputSize({ height: 2, width: 2 }, { window: null as never })).toThrow(
      InvalidArgumentError,
    );
    expect(windowOutputSize({ height: 2, width: 2 }, { window: 3, padding: 'same' })).toEqual({
      height: 2,
      width: 2,
    });
  });

  it('refuses an output that is too short for a huge padding before it plans the kernel', async () => {
    const { space, a, b } = await operands();
    const padding = { top: 0, left: 0, bottom: 2 ** 30, right: 0 };
    const images = { height: 2, width: 2, channels: 2, window: 1, padding, input: a, output: b };
    expect(() => space.depthwise({ ...images, weights: new Float32Array(2) })).toThrow(ShapeMismatchError);
    expect(() => space.convolution({ ...images, outputChannels: 1, weights: new Float32Array(2) })).toThrow(
      ShapeMismatchError,
    );
    expect(() => space.pooling({ ...images, operation: 'max' })).toThrow(ShapeMismatchError);
  });

  it('refuses formats that it does not know, and its memory stays in order', async () => {
    const { space, a, b } = await operands();
    const unknown = 'float64' as 'float32';
    const remaining = space.remainingBytes;
    const images = { height: 2, width: 2, channels: 2, window: 1, input: a, output: b.subarray(0, 4) };
    const convolution = { ...images, outputChannels: 1, weights: new Float32Array(2) };
    expect(() => space.convolution({ ...convolution, weightFormat: unknown })).toThrow(
      /^weightFormat is not known/,
    );
    expect(() => space.packMatrix({ k: 4, n: 3, b, format: unknown })).toThrow(/^format is not known/);
    expect(space.remainingBytes).toBe(remaining);
  });

  it('refuses packed matrices of another shape, another workspace, or to be transposed', async () => {
    const { space, a, b, c } = await operands();
    const packed = space.packMatrix({ k: 4, n: 3, b: new Float32Array(12) });
    expect(() => space.gemm({ m: 2, n: 2, k: 4, a, b: packed, c: space.float32(4) })).toThrow(
      ShapeMismatchError,
    );
    expect(() => space.gemm({ ...SHAPE, a, b: packed, c, transposeB: true })).toThrow(InvalidArgumentError);
    const other = (await open()).packMatrix({ k: 4, n: 3, b });
    expect(() => space.gemm({ ...SHAPE, a, b: other, c })).toThrow(/^b does not lie in this workspace/);
    expect(() => space.packMatrix({ k: 0, n: 3, b: new Float32Array(0) })).toThrow(InvalidArgumentError);
  });

  it('refuses impossible conversions', async () => {
    const space = await open();
    const [input, output] = [space.float32(4), space.int8(4)];
    const convert = { from: 'float32', to: 'int8', input, output } as const;
    expect(() => space.convert({ ...convert, from: 'float64' as 'float32' })).toThrow(/"from" is not known/);
    expect(() => space.convert({ ...convert, to: 'uint8' })).toThrow(/^output has the wrong type/);
    expect(() => space.convert({ ...convert, output: space.int8(3) })).toThrow(ShapeMismatchError);
    for (const wrong of [{ scale: 0 }, { scale: Number.NaN }, { zeroPoint: 128 }, { zeroPoint: 0.5 }]) {
      expect(() => space.convert({ ...convert, ...wrong })).toThrow(InvalidArgumentError);
    }
    const half = input.subarray(1, 3);
    expect(() =>
      space.combine({ operation: 'add', a: input.subarray(0, 2), b: half, output: half.subarray(0, 2) }),
    ).toThrow(/^output overlaps a/);
  });

  it('refuses impossible products of codes', async () => {
    const space = await open();
    const [a, sums, c] = [space.uint8(8), space.int32(6), space.float32(6)];
    const b = new Int8Array(12);
    const floats = space.float32(8);
    expect(() => space.integerGemm({ ...SHAPE, a: floats, b, c })).toThrow(/aQuantization/);
    expect(() => space.integerGemm({ ...SHAPE, a, b, c: sums, bias: new Float32Array(3) })).toThrow(
      /Exact sums/,
    );
    expect(() => space.integerGemm({ ...SHAPE, a, b: new Int8Array(11), c })).toThrow(ShapeMismatchError);
    expect(() => space.integerGemm({ ...SHAPE, a, b: b.fill(9), bBits: 4, c })).toThrow(/more than 4 bits/);
    expect(() => space.integerGemm({ ...SHAPE, a, b, c, bScales: new Float32Array(2) })).toThrow(
      ShapeMismatchError,
    );
    for (const aQuantization of [
      { scale: 0, zeroPoint: 0 },
      { scale: 1, zeroPoint: 256 },
      { scale: 1, zeroPoint: -1 },
    ]) {
      expect(() => space.integerGemm({ ...SHAPE, a, aQuantization, b, c })).toThrow(InvalidArgumentError);
    }
    expect(() =>
      space.integerGemm({ ...SHAPE, a: floats, aQuantization: 'symmetric-per-row', b, c: sums }),
    ).toThrow(InvalidArgumentError);
    expect(() =>
      space.integerGemm({ m: 1, n: 1, k: 0, a: space.uint8(0), b: new Int8Array(0), c: space.int32(1) }),
    ).toThrow(InvalidArgumentError);
  });
});

describe.each(presentIsas())('an engine on %s', (present) => {
  it('says what it is, and refuses everything after dispose', async () => {
    const engine = await createKernelEngine({ isa: present });
    expect(engine).toMatchObject({ isa: present, threads: 1, fallbacks: [] });
    const space = engine.workspace(1 << 12);
    const [a, c] = [space.float32(1).fill(3), space.float32(1)];
    const bound = space.gemm({ m: 1, n: 1, k: 1, a, b: a, c });
    bound.run();
    expect(c[0]).toBe(9);
    const other = space.activation({ activation: 'relu', input: c });
    other.dispose();
    expect(() => other.run()).toThrow(UseAfterReleaseError);
    engine.dispose();
    engine.dispose();
    expect(() => bound.run()).toThrow(UseAfterReleaseError);
    expect(() => engine.workspace(64)).toThrow(UseAfterReleaseError);
    expect(() => engine.matmul(Float32Array.of(1), Float32Array.of(1), { m: 1, n: 1, k: 1 })).toThrow(
      UseAfterReleaseError,
    );
  });

  it('multiplies ordinary arrays, many shapes in turn, without mixing them up', async () => {
    using engine = await createKernelEngine({ isa: present });
    for (const turn of [1, 2]) {
      for (let m = 1; m <= 20; m++) {
        const [n, k] = [21 - m, 3];
        const a = Float32Array.from({ length: m * k }, (_, i) => i + turn);
        const b = Float32Array.from({ length: k * n }, (_, i) => i - turn);
        const product = (i: number, j: number) =>
          [0, 1, 2].reduce((sum, l) => sum + a[i * k + l]! * b[l * n + j]!, 0);
        const expected = Float32Array.from({ length: m * n }, (_, at) => product(Math.floor(at / n), at % n));
        expect(engine.matmul(a, b, { m, n, k })).toEqual(expected);
        const columns = Float32Array.from(
          { length: k * m },
          (_, at) => a[(at % m) * k + Math.floor(at / m)]!,
        );
        expect(engine.matmul(columns, b, { m, n, k, transposeA: true })).toEqual(expected);
      }
    }
    expect(engine.matmul(new Float32Array(0), new Float32Array(0), { m: 2, n: 2, k: 0 })).toEqual(
      new Float32Array(4),
    );
    expect(() => engine.matmul(new Float32Array(3), new Float32Array(4), { m: 2, n: 2, k: 2 })).toThrow(
      ShapeMismatchError,
    );
  });
});

describe('an engine with threads', () => {
  it.each(presentIsas().filter((present) => present !== 'interpreter'))(
    'has as many as were asked for, on %s',
    async (present) => {
      using engine = await createKernelEngine({ isa: present, threads: 2 });
      expect(engine).toMatchObject({ threads: 2, fallbacks: [] });
      const [m, n, k] = [200, 100, 300];
      const a = Float32Array.from({ length: m * k }, (_, i) => (i % 7) - 3);
      const b = Float32Array.from({ length: k * n }, (_, i) => (i % 5) - 2);
      using alone = await createKernelEngine({ isa: present });
      expect(engine.matmul(a, b, { m, n, k })).toEqual(alone.matmul(a, b, { m, n, k }));
    },
  );

  it('refuses impossible numbers of them', async () => {
    for (const threads of [0, -1, 1.5, 5000]) {
      await expect(createKernelEngine({ threads })).rejects.toThrow(InvalidArgumentError);
    }
  });
});

describe('the entry without machine code', () => {
  it('has the same engine on WebAssembly', async () => {
    using engine = await createPortableEngine({ isa });
    expect([...engine.matmul(Float32Array.of(1, 2), Float32Array.of(3, 4), { m: 1, n: 1, k: 2 })]).toEqual([
      11,
    ]);
    expect(engine).toMatchObject({ isa, strict: true, threads: 1 });
    await expect(createPortableEngine({ isa: 'avx2' })).rejects.toMatchObject({
      code: 'CAPABILITY_UNAVAILABLE',
    });
  });

  it('says why it has one thread where there are no Web Workers', async () => {
    using engine = await createPortableEngine({ isa, threads: 2 });
    expect(engine.threads).toBe(1);
    expect(engine.fallbacks).toHaveLength(1);
    expect(engine.fallbacks[0]!.why).not.toBe('');
  });
});
