import { InvalidArgumentError, type StoredTensor } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { computeQuantizationParameters, createCompressionLedger, quantizeTensor } from '../../src/index.ts';

function float(name: string, shape: number[], data: number[]): StoredTensor {
  return { name, dtype: 'float32', shape, data: Float32Array.from(data) };
}

describe('createCompressionLedger', () => {
  it('counts parameters, zeros and bytes', () => {
    const quantization = {
      bits: 4,
      symmetric: true,
      scales: Float32Array.of(0.5, 0.25),
      zeroPoints: new Int32Array(2),
      axis: 1,
    };
    const codes = new Int8Array(200);
    codes[7] = 3;
    const kernel: StoredTensor = {
      name: 'a/kernel',
      dtype: 'int8',
      shape: [100, 2],
      data: codes,
      quantization,
    };
    const ledger = createCompressionLedger([kernel, float('a/bias', [2], [0, 1])]);
    expect(ledger.rows[0]).toEqual({
      name: 'a/kernel',
      shape: [100, 2],
      parameters: 200,
      nonzero: 1,
      sparsity: 0.995,
      bits: 4,
      rawBytes: 800,
      // 25 bytes of bitmap, 1 of codes, 8 of scales; 100 + 8 without the bitmap.
      packedBytes: 34,
      sqnrDb: null,
    });
    expect(ledger.rows[1]).toMatchObject({
      parameters: 2,
      nonzero: 1,
      bits: 32,
      rawBytes: 8,
      packedBytes: 5,
    });
    expect(ledger.total).toEqual({
      parameters: 202,
      nonzero: 2,
      sparsity: 1 - 2 / 202,
      rawBytes: 808,
      packedBytes: 39,
    });
  });

  it('packs dense tensors without a bitmap', () => {
    const [row] = createCompressionLedger([float('w', [3], [1, 2, 3])]).rows;
    expect(row.packedBytes).toBe(12);
  });

  it('measures the noise of quantisation in decibels', () => {
    const reference = float('w', [2], [3, 4]);
    const [row] = createCompressionLedger([float('w', [2], [3, 4.5])], [reference]).rows;
    expect(row.sqnrDb).toBeCloseTo(10 * Math.log10(25 / 0.25), 10);
  });

  it('is near the textbook 6.02 dB per bit plus 4.77 dB less the crest factor for a uniform signal', () => {
    const values = Float32Array.from({ length: 20001 }, (_, i) => i / 10000 - 1);
    for (const bits of [4, 6, 8]) {
      const options = { bits, symmetric: true, axis: null, method: 'min-max' } as const;
      const quantization = computeQuantizationParameters(values, [20001], options);
      const codes = quantizeTensor(values, [20001], quantization);
      const [row] = createCompressionLedger(
        [{ name: 'w', dtype: 'int8', shape: [20001], data: codes, quantization }],
        [{ name: 'w', dtype: 'float32', shape: [20001], data: values }],
      ).rows;
      // Signal 1/3, noise scale^2 / 12 with scale 1 / (2^(bits-1) - 1).
      const expected = 10 * Math.log10(4 * (2 ** (bits - 1) - 1) ** 2);
      expect(Math.abs(row.sqnrDb! - expected)).toBeLessThan(0.05);
    }
  });

  it('has no noise ratio when nothing differs or the reference is zero', () => {
    const same = float('w', [1], [1]);
    expect(createCompressionLedger([same], [same]).rows[0].sqnrDb).toBeNull();
    expect(createCompressionLedger([same], [float('w', [1], [0])]).rows[0].sqnrDb).toBeNull();
  });

  it('takes no tensors and empty tensors', () => {
    expect(createCompressionLedger([]).total.sparsity).toBe(0);
    expect(createCompressionLedger([float('w', [0, 4], [])]).rows[0]).toMatchObject({
      parameters: 0,
      sparsity: 0,
    });
  });

  it('is plain data', () => {
    const ledger = createCompressionLedger([float('w', [2], [0, 1])]);
    expect(JSON.parse(JSON.stringify(ledger))).toEqual(ledger);
  });

  it('refuses a dtype that it cannot read', () => {
    const wrong: StoredTensor = { name: 'w', dtype: 'int8', shape: [1], data: Int8Array.of(1) };
    expect(() => createCompressionLedger([wrong])).toThrow(InvalidArgumentError);
  });
});
