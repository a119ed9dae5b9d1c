import { Random } from '@qedge/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { exportGguf } from '../../src/export/export-gguf.ts';
import { decodeBlocks, encodeBlocks, Q4_0, Q8_0 } from '../../src/export/gguf/block-types.ts';
import { readGguf } from '../../src/export/gguf/read-gguf.ts';
import { compressForTest, convolutionModel, denseModel } from './models.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('exportGguf', () => {
  it('stores codes of rows of 32 in blocks, bit for bit', () => {
    const model = denseModel([64, 32, 32, 3]);
    for (const [bits, type] of [
      [8, 'Q8_0'],
      [5, 'Q8_0'],
      [4, 'Q4_0'],
      [2, 'Q4_0'],
    ] as const) {
      const compressed = compressForTest(model, { bits });
      const { bytes, report } = exportGguf(compressed);
      const { tensors, metadata } = readGguf(bytes);
      expect(metadata.get('general.architecture')).toBe('qedge');
      expect(tensors.filter((tensor) => tensor.type!.name === type)).toHaveLength(3);
      expect(report.compared.codes).toBe(64 * 32 + 32 * 32 + 32 * 3);
      const [name, { codes }] = [...compressed.codes][0]!;
      const tensor = tensors.find((each) => each.name === name)!;
      expect(tensor.dimensions).toEqual([64, 32]);
      const decoded = decodeBlocks(tensor.type!, tensor.bytes).codes;
      for (const [row, output] of [
        [0, 0],
        [63, 31],
        [17, 5],
      ] as const) {
        expect(decoded[output * 64 + row]).toBe(codes[row * 32 + output]);
      }
      // Scales have 11 bits in half precision: every weight is off by 2^-11 of itself at most.
      for (const { signalToNoiseDecibels } of report.compared.changed) {
        expect(signalToNoiseDecibels).toBeGreaterThan(20 * Math.log10(2 ** 11));
      }
    }
    model.dispose();
  });

  it('says what it stores as floats, and keeps all numbers then', () => {
    for (const model of [denseModel(), convolutionModel()]) {
      const compressed = compressForTest(model, { bits: 8 });
      const whole = exportGguf(compressed).report.compared;
      const rows32 = 96;
      for (const { name, largestError, reason } of whole.changed) {
        const { shape } = compressed.topology.layers
          .flatMap(({ weights }) => weights)
          .find((each) => each.name === name)!;
        if (shape[0] === rows32) continue;
        expect([largestError, reason]).toEqual([
          0,
          'F32, because its rows do not fill blocks of 32 codes around 0',
        ]);
      }
      const half = exportGguf(compressed, { floats: 'float16' }).report;
      expect(half.compared.changed.every(({ signalToNoiseDecibels }) => signalToNoiseDecibels > 60)).toBe(
        true,
      );
      expect(half.byteLength).toBeLessThan(exportGguf(compressed).report.byteLength);
      model.dispose();
    }
  });

  it('answers damaged files with typed errors', () => {
    const model = denseModel([32, 32, 3]);
    const { bytes } = exportGguf(compressForTest(model, { bits: 4 }));
    const random = new Random(9);
    for (let i = 0; i < (process.env.QEDGE_FULL === '1' ? 100_000 : 2000); i++) {
      const damaged = bytes.slice(0, random.uniform() < 0.3 ? random.integer(bytes.length) : bytes.length);
      for (let flips = random.integer(4); flips >= 0 && damaged.length > 0; flips--) {
        damaged[random.integer(Math.min(damaged.length, 300))] = random.integer(256);
      }
      try {
        readGguf(damaged);
      } catch (error) {
        expect((error as { code: string }).code).toBe('FILE_FORMAT');
      }
    }
    model.dispose();
  });
});

describe('blocks', () => {
  it('lie as llama.cpp has them', () => {
    const codes = Int8Array.from({ length: 32 }, (_, i) => (i % 16) - 8);
    const packed = encodeBlocks(Q4_0, codes, Uint16Array.of(0x3c00));
    // The half float 1, then 16 bytes whose low half is the code 8 above number i and whose high half is that of number i + 16.
    expect([...packed.slice(0, 4)]).toEqual([0x00, 0x3c, 0x00, 0x11]);
    expect(packed).toHaveLength(18);
    expect(decodeBlocks(Q4_0, packed)).toEqual({ codes, scales: Float32Array.of(1) });
    const bytes = encodeBlocks(Q8_0, codes, Uint16Array.of(0xb800));
    expect([...bytes.slice(0, 4)]).toEqual([0x00, 0xb8, 0xf8, 0xf9]);
    expect(decodeBlocks(Q8_0, bytes)).toEqual({ codes, scales: Float32Array.of(-0.5) });
  });
});
