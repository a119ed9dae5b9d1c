import { InvalidArgumentError } from '@qedge/core';
import { afterAll, describe, expect, it } from 'vitest';
import { createKernelEngine, type IntegerGemmOptions, type WindowOptions } from '../src/index.ts';

const engine = await createKernelEngine({ isa: 'wasm-strict' });
afterAll(() => engine.dispose());
const space = engine.workspace(1 << 16);

/** What a program without types may pass. */
function untyped<Value>(value: unknown): Value {
  return value as Value;
}

function gemmWith(a: unknown) {
  return () => space.gemm({ m: 2, n: 2, k: 2, a: untyped(a), b: space.float32(4), c: space.float32(4) });
}

function integerGemmWith(options: Record<string, unknown>) {
  const operands = { m: 2, n: 2, k: 4, a: space.uint8(8), b: new Int8Array(8), c: space.int32(4) };
  return () => space.integerGemm(untyped<IntegerGemmOptions>({ ...operands, ...options }));
}

function poolingWith(window: Record<string, unknown>) {
  const image = { height: 4, width: 4, channels: 1, input: space.float32(16) };
  const options = untyped<WindowOptions>({ window: 2, ...window });
  return () => space.pooling({ operation: 'max', ...image, ...options, output: space.float32(9) });
}

describe('arguments that no type checker saw', () => {
  it.each([
    [undefined, 'Undefined'],
    [null, 'Null'],
    [[1, 2, 3, 4], 'Array'],
    [new Float64Array(4), 'Float64Array'],
    [{ rowStride: 2 }, 'Object'],
  ])('names the operand of a product that is %s', (a, found) => {
    expect(gemmWith(a)).toThrow(InvalidArgumentError);
    expect(gemmWith(a)).toThrow(`a has the wrong type: expected Float32Array, got ${found}`);
  });

  it('refuses widths of integer weights other than 8 and 4', () => {
    expect(integerGemmWith({ bBits: 3 })).toThrow('bBits is out of range: expected 8 or 4, got 3');
  });

  it('refuses a quantisation that it does not know', () => {
    const a = space.float32(8);
    const c = space.float32(4);
    expect(integerGemmWith({ a, c, aQuantization: 'per-row' })).toThrow(
      'aQuantization names nothing that is known',
    );
  });

  it('names both types that integer sums may have', () => {
    expect(integerGemmWith({ c: space.uint8(4) })).toThrow(
      'expected Int32Array or Float32Array, got Uint8Array',
    );
  });

  it('refuses paddings and windows that it does not know', () => {
    expect(poolingWith({ padding: 'SAME' })).toThrow('The padding is not known');
    expect(poolingWith({ window: undefined })).toThrow('got undefined');
  });

  it('tells a text from a number', () => {
    const rows = untyped<number>('2');
    const bind = () => space.softmax({ rows, width: 2, input: space.float32(4) });
    expect(bind).toThrow('got string 2');
  });
});
