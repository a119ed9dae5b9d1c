import {
  BudgetExceededError,
  DoubleReleaseError,
  type DType,
  dtypeByteLength,
  elementCount,
  InvalidArgumentError,
  type OwnedTensor,
  UseAfterReleaseError,
} from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TensorPool } from '../src/index.ts';

describe('TensorPool', () => {
  it('lends tensors of every dtype with the length of their shape', () => {
    using pool = new TensorPool();
    const lengths: [DType, number][] = [
      ['float64', 15],
      ['float32', 15],
      ['float16', 15],
      ['bfloat16', 15],
      ['int32', 15],
      ['int16', 15],
      ['int8', 15],
      ['uint8', 15],
      ['int4', 8],
      ['uint4', 8],
    ];
    for (const [dtype, length] of lengths) {
      using tensor = pool.acquire(dtype, [3, 5]);
      expect(tensor.data.length).toBe(length);
      expect(tensor).toMatchObject({ dtype, shape: [3, 5], disposed: false });
    }
    using scalar = pool.acquire('float32', []);
    expect(scalar.data.length).toBe(1);
    using empty = pool.acquire('float32', [0, 4]);
    expect(empty.data.length).toBe(0);
  });

  it('hands the last released buffer out again, as it was left, unless it is to be cleared', () => {
    using pool = new TensorPool();
    const first = pool.acquire('float32', [100]);
    const { data } = first;
    data.fill(7);
    first.dispose();
    const second = pool.acquire('float32', [100]);
    expect(second.data).toBe(data);
    expect(second.data[99]).toBe(7);
    second.dispose();
    using third = pool.acquire('float32', [100], { clear: true });
    expect(third.data.every((value) => value === 0)).toBe(true);
    expect(pool.statistics()).toMatchObject({ acquisitions: 3, reuses: 2, allocations: 1 });
  });

  it('never lends the same bytes twice, counts every byte once and gets all of them back', () => {
    const actions = fc.array(
      fc.record({
        release: fc.boolean(),
        pick: fc.nat(),
        dtype: fc.constantFrom<DType>('float32', 'int8', 'float64', 'int4'),
        shape: fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 3 }),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(actions, fc.boolean(), (list, debug) => {
        const pool = new TensorPool({ debug });
        const held: OwnedTensor[] = [];
        for (const { release, pick, dtype, shape } of list) {
          if (release && held.length > 0) held.splice(pick % held.length, 1)[0]!.dispose();
          else held.push(pool.acquire(dtype, shape));
          const buffers = new Set(held.map((tensor) => tensor.data.buffer));
          expect(buffers.size).toBe(held.length);
          const needed = held.reduce(
            (sum, tensor) => sum + dtypeByteLength(tensor.dtype, elementCount(tensor.shape)),
            0,
          );
          const { bytesInUse, buffersInUse, peakBytesInUse } = pool.statistics();
          expect(buffersInUse).toBe(held.length);
          // At most 25 % more, or the smallest class of 64 bytes.
          expect(bytesInUse).toBeGreaterThanOrEqual(needed);
          expect(bytesInUse).toBeLessThanOrEqual(needed * 1.25 + 64 * held.length);
          expect(peakBytesInUse).toBeGreaterThanOrEqual(bytesInUse);
          expect(pool.leakReport().buffers).toBe(held.length);
        }
        for (const tensor of held) tensor.dispose();
        expect(pool.statistics()).toMatchObject({ bytesInUse: 0, buffersInUse: 0 });
        expect(pool.leakReport()).toEqual({ buffers: 0, bytes: 0, tensors: debug ? [] : null });
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it('notices a second release and a use after release', () => {
    using pool = new TensorPool();
    const tensor = pool.acquire('float32', [4]);
    tensor.dispose();
    expect(tensor.disposed).toBe(true);
    expect(() => tensor.dispose()).toThrow(DoubleReleaseError);
    expect(() => tensor.data).toThrow(UseAfterReleaseError);
    // Not even when somebody else has the buffer by now.
    using other = pool.acquire('float32', [4]);
    expect(() => tensor.dispose()).toThrow(DoubleReleaseError);
    expect(other.disposed).toBe(false);
    expect(pool.statistics().buffersInUse).toBe(1);
  });

  it('names where leaked tensors were acquired, and spoils released bytes, in debug mode', () => {
    using pool = new TensorPool({ debug: true });
    const kept = pool.acquire('float32', [4]);
    function forgetful() {
      return pool.acquire('int8', [2, 3], { label: 'mask' });
    }
    forgetful();
    const { data } = kept;
    kept.dispose();
    expect([...data]).toEqual([Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
    const report = pool.leakReport();
    expect(report).toMatchObject({
      buffers: 1,
      tensors: [{ dtype: 'int8', shape: [2, 3], byteLength: 6, label: 'mask' }],
    });
    expect(report.tensors![0]!.acquiredAt.split('\n')[0]).toMatch(/forgetful.*tensor-pool\.test\.ts/);
  });

  it('keeps its limits, and drops idle buffers before it gives up', () => {
    using pool = new TensorPool({ maxBytes: 1024, maxBuffers: 3 });
    pool.acquire('uint8', [512]).dispose();
    pool.acquire('uint8', [256]).dispose();
    using large = pool.acquire('uint8', [896]);
    expect(large.data.length).toBe(896);
    expect(pool.statistics()).toMatchObject({ buffersIdle: 0, bytesIdle: 0, bytesInUse: 896 });
    expect(() => pool.acquire('uint8', [256])).toThrow(BudgetExceededError);
    expect(() => pool.acquire('uint8', [256])).toThrow(/1152 bytes in 2 buffers/);
    using small = pool.acquire('uint8', [64]);
    using another = pool.acquire('uint8', [64]);
    expect(() => pool.acquire('uint8', [1])).toThrow(BudgetExceededError);
    expect([small, another].every((tensor) => !tensor.disposed)).toBe(true);
    expect(pool.statistics()).toMatchObject({ buffersInUse: 3, bytesInUse: 1024 });
  });

  it('allocates nothing for what was preallocated', () => {
    using pool = new TensorPool();
    const specs = [
      { dtype: 'float32', shape: [100] },
      { dtype: 'float32', shape: [100] },
      { dtype: 'int8', shape: [3, 7] },
    ] as const;
    pool.preallocate(specs);
    const { allocations } = pool.statistics();
    expect(allocations).toBe(3);
    const held = specs.map(({ dtype, shape }) => pool.acquire(dtype, shape));
    expect(pool.statistics().allocations).toBe(allocations);
    for (const tensor of held) tensor.dispose();
    using tight = new TensorPool({ maxBytes: 500 });
    expect(() => tight.preallocate(specs)).toThrow(BudgetExceededError);
    expect(tight.statistics().buffersInUse).toBe(0);
  });

  it('takes buffers of up to a quarter more than is needed, at every size', () => {
    using pool = new TensorPool();
    for (let exponent = 0; exponent <= 24; exponent++) {
      for (const difference of [-1, 0, 1]) {
        const byteLength = Math.max(0, Math.round(2 ** exponent * 1.25) + difference);
        using tensor = pool.acquire('uint8', [byteLength]);
        const { bytesInUse } = pool.statistics();
        expect(tensor.data.length).toBe(byteLength);
        expect(bytesInUse).toBeGreaterThanOrEqual(byteLength);
        expect(bytesInUse).toBeLessThanOrEqual(Math.max(64, 1.25 * byteLength));
        expect(bytesInUse % 16).toBe(0);
      }
    }
  });

  it.each([false, true])('does not lend a buffer again that was transferred (debug: %s)', (debug) => {
    using pool = new TensorPool({ debug });
    const sent = pool.acquire('float32', [40]);
    structuredClone(sent.data, { transfer: [sent.data.buffer as ArrayBuffer] });
    sent.dispose();
    expect(pool.statistics()).toMatchObject({ buffersIdle: 0, buffersInUse: 0, bytesInUse: 0 });
    using next = pool.acquire('float32', [40]);
    expect(next.data).toHaveLength(40);
  });

  it('refuses work after dispose, but takes tensors back', () => {
    const pool = new TensorPool();
    const tensor = pool.acquire('float32', [4]);
    pool.acquire('float32', [9]).dispose();
    pool.dispose();
    expect(pool.statistics()).toMatchObject({ buffersIdle: 0, bytesIdle: 0 });
    expect(() => pool.acquire('float32', [4])).toThrow(UseAfterReleaseError);
    tensor.data[0] = 1;
    tensor.dispose();
    expect(pool.statistics()).toMatchObject({ buffersIdle: 0, buffersInUse: 0, bytesInUse: 0 });
  });

  it('refuses impossible arguments', () => {
    using pool = new TensorPool();
    expect(() => pool.acquire('float32', [-1])).toThrow(InvalidArgumentError);
    expect(() => pool.acquire('float32', [1.5])).toThrow(InvalidArgumentError);
    expect(() => pool.acquire('complex' as DType, [1])).toThrow(InvalidArgumentError);
    expect(() => pool.acquire('float32', [2 ** 48])).toThrow(BudgetExceededError);
    expect(pool.statistics()).toMatchObject({ acquisitions: 0, allocations: 0, bytesInUse: 0 });
    for (const limit of [0, -1, Number.NaN]) {
      expect(() => new TensorPool({ maxBytes: limit })).toThrow(InvalidArgumentError);
      expect(() => new TensorPool({ maxBuffers: limit })).toThrow(InvalidArgumentError);
    }
  });
});
