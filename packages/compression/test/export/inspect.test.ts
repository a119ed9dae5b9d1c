import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QedgeError, Random } from '@qedge/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { exportContainer } from '../../src/export/export-container.ts';
import { exportGguf } from '../../src/export/export-gguf.ts';
import { exportOnnx } from '../../src/export/export-onnx.ts';
import type { ModelExport } from '../../src/export/export-report.ts';
import { exportSafetensors } from '../../src/export/export-safetensors.ts';
import { exportTfjs } from '../../src/export/export-tfjs.ts';
import { inspectModel } from '../../src/export/inspect/inspect-model.ts';
import type { CompressedModel } from '../../src/model/compressed-model.ts';
import { inspectModelFile, saveExport } from '../../src/node.ts';
import { compressForTest, convolutionModel, denseModel } from './models.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

async function exportsOf(compressed: CompressedModel): Promise<readonly (readonly [ModelExport, number])[]> {
  return [
    [exportContainer(compressed), 4],
    [exportContainer(compressed, { coding: 'fast' }), 4],
    [exportSafetensors(compressed), 4],
    [exportSafetensors(compressed, { codes: 'packed' }), 4],
    [exportOnnx(compressed), 8],
    [exportOnnx(compressed, { form: 'matmul-n-bits' }), 4],
    [await exportTfjs(tf, compressed), 8],
    [exportGguf(compressed), 4],
  ];
}

describe('inspectModel', () => {
  it('finds kernels, their widths and zeros in every format', async () => {
    const model = denseModel([32, 32, 32, 3]);
    for (const symmetric of [true, false]) {
      const compressed = compressForTest(model, {
        bits: 4,
        zeros: 0.8,
        perChannel: false,
        symmetric,
        inputs: false,
      });
      const kernels = [...compressed.codes.values()];
      const zeros = kernels.map(
        ({ codes, quantization }) => codes.filter((code) => code === quantization.zeroPoints[0]).length,
      );
      for (const [exported, bits] of await exportsOf(compressed)) {
        const inspected = inspectModel(exported.bytes, { companions: exported.companions });
        const { format, byteLength, tensors } = inspected;
        expect([format, byteLength]).toEqual([exported.report.format, exported.report.byteLength]);
        const found = tensors.filter(({ elements }) => elements >= 96);
        expect(found.map((tensor) => [tensor.elements, tensor.zeros]).sort(), format).toEqual(
          kernels.map(({ codes }, i) => [codes.length, zeros[i]]).sort(),
        );
        // Asymmetric codes may need more than 4 bits around their zero point, which GGUF has no room for.
        if (format !== 'gguf' || symmetric)
          expect(found.map((tensor) => tensor.bits)).toEqual([bits, bits, bits]);
        expect(inspected.otherBytes).toBeGreaterThan(0);
        expect(inspected.otherBytes + tensors.reduce((sum, each) => sum + each.byteLength, 0)).toBe(
          byteLength,
        );
      }
    }
    model.dispose();
  });

  it('reads files from disk, shards included', async () => {
    const model = convolutionModel();
    const compressed = compressForTest(model, { bits: 8, zeros: 0.8 });
    const folder = await mkdtemp(join(tmpdir(), 'qedge-inspect-'));
    for (const exported of [
      exportContainer(compressed),
      await exportTfjs(tf, compressed),
      exportOnnx(compressed),
    ]) {
      await saveExport(join(folder, 'model'), exported);
      const inspected = await inspectModelFile(join(folder, 'model'));
      expect(inspected).toEqual(inspectModel(exported.bytes, { companions: exported.companions }));
      expect(inspected.sparsity).toBeGreaterThan(0.5);
      expect(JSON.parse(JSON.stringify(inspected))).toEqual(inspected);
    }
    await expect(inspectModelFile(join(folder, 'none'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await writeFile(join(folder, 'empty'), '');
    await expect(inspectModelFile(join(folder, 'empty'))).rejects.toMatchObject({ code: 'FILE_FORMAT' });
    await rm(folder, { recursive: true });
    model.dispose();
  });

  it('answers damaged files with typed errors', async () => {
    const model = denseModel([32, 32, 3]);
    const files = await exportsOf(compressForTest(model, { bits: 4 }));
    const random = new Random(4);
    const rounds = process.env.QEDGE_FULL === '1' ? 4000 : 30;
    for (const [{ bytes, companions }] of files) {
      for (let i = 0; i < rounds; i++) {
        const damaged = bytes.slice(0, random.uniform() < 0.3 ? random.integer(bytes.length) : bytes.length);
        for (let flips = random.integer(4); flips >= 0 && damaged.length > 0; flips--) {
          damaged[random.integer(damaged.length)] = random.integer(256);
        }
        try {
          inspectModel(damaged, { companions });
        } catch (error) {
          expect(error).toBeInstanceOf(QedgeError);
          expect((error as QedgeError).code).not.toBe('INVALID_ARGUMENT');
        }
      }
    }
    model.dispose();
  });
});
