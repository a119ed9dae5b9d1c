import { SafetensorsFile } from '@qedge/memory';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { exportSafetensors } from '../../src/export/export-safetensors.ts';
import { packNibbles, unpackNibbles } from '../../src/export/packed-nibbles.ts';
import { readCodedTensors } from '../../src/export/read-coded-tensors.ts';
import { compressForTest, convolutionModel, denseModel } from './models.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('exportSafetensors', () => {
  it('gives codes, scales and inputs back bit for bit, packed or not, for odd lengths too', () => {
    for (const model of [denseModel([13, 9, 7, 3]), convolutionModel()]) {
      for (const [bits, symmetric, codes] of [
        [8, true, 'int8'],
        [4, true, 'packed'],
        [3, false, 'packed'],
        [8, false, 'packed'],
      ] as const) {
        const compressed = compressForTest(model, { bits, symmetric, perChannel: bits !== 3 });
        const { bytes, report } = exportSafetensors(compressed, { codes });
        const read = readCodedTensors(SafetensorsFile.fromBytes(bytes));
        expect(read.codes).toEqual(compressed.codes);
        expect(read.inputs).toEqual(compressed.inputs);
        expect(report.compared.outputs).toBeNull();
        expect(report.compared.codes).toBe(
          [...compressed.codes.values()].reduce((n, each) => n + each.codes.length, 0),
        );
      }
      model.dispose();
    }
  });

  it('keeps masked zeros zero', () => {
    const model = denseModel();
    const compressed = compressForTest(model, { bits: 4, zeros: 0.9 });
    const { codes } = readCodedTensors(
      SafetensorsFile.fromBytes(exportSafetensors(compressed, { codes: 'packed' }).bytes),
    );
    for (const [name, { codes: expected }] of compressed.codes) {
      const zeros = codes.get(name)!.codes.filter((code) => code === 0).length;
      expect(zeros).toBe(expected.filter((code) => code === 0).length);
      expect(zeros / expected.length).toBeGreaterThan(0.8);
    }
    model.dispose();
  });

  it('refuses metadata that contradict the tensors', async () => {
    const { encodeSafetensors } = await import('@qedge/memory');
    const data = new Int8Array(6);
    const coding = { bits: 4, symmetric: true, perOutput: false, packed: false, shape: [2, 3] };
    const bad: unknown[] = [
      { w: { ...coding, shape: [2, 4] } },
      { w: { ...coding, bits: 40 } },
      { v: coding },
      { w: 3 },
      { w: { ...coding, packed: true } },
      { w: coding },
      [],
      null,
    ];
    for (const value of bad) {
      const bytes = encodeSafetensors({
        tensors: [{ name: 'w', dtype: 'int8', shape: [2, 3], data }],
        metadata: { 'qedge.coding': JSON.stringify(value) },
      });
      expect(() => readCodedTensors(SafetensorsFile.fromBytes(bytes))).toThrow(
        expect.objectContaining({ code: 'FILE_FORMAT' }),
      );
    }
  });
});

describe('packNibbles', () => {
  it('keeps every signed code of 4 bits', () => {
    const codes = Int8Array.from({ length: 17 }, (_, i) => (i % 16) - 8);
    expect(packNibbles(codes)).toHaveLength(9);
    expect(unpackNibbles(packNibbles(codes), 17)).toEqual(codes);
    expect(unpackNibbles(packNibbles(new Int8Array(0)), 0)).toEqual(new Int8Array(0));
  });
});
