import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTfjsWeights } from '@qedge/memory/node';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { exportTfjs } from '../../src/export/export-tfjs.ts';
import { saveExport } from '../../src/export/save-export.ts';
import { compressForTest, convolutionModel, denseModel } from './models.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('exportTfjs', () => {
  it('keeps codes with one scale exactly, in one byte each, and leaves no tensor', async () => {
    for (const model of [denseModel(), convolutionModel()]) {
      for (const symmetric of [true, false]) {
        const compressed = compressForTest(model, { bits: 8, perChannel: false, symmetric, inputs: false });
        const before = tf.memory().numTensors;
        const { companions, report } = await exportTfjs(tf, compressed);
        expect(tf.memory().numTensors).toBe(before);
        const coded = [...compressed.codes.values()].reduce((n, { codes }) => n + codes.length, 0);
        expect(report.compared).toMatchObject({ codes: coded, changed: [] });
        expect(companions.get('weights.bin')!.length).toBe(coded + 4 * report.compared.numbers);
      }
      model.dispose();
    }
  });

  it('says how far codes of its own are from those with a scale per channel', async () => {
    const model = denseModel();
    const compressed = compressForTest(model, { bits: 8 });
    const narrow = (await exportTfjs(tf, compressed)).report.compared;
    const wide = (await exportTfjs(tf, compressed, { kernels: 'uint16' })).report.compared;
    const half = (await exportTfjs(tf, compressed, { kernels: 'float16' })).report.compared;
    const whole = (await exportTfjs(tf, compressed, { kernels: 'float32' })).report.compared;
    expect(narrow.changed).toHaveLength(3);
    for (const [i, { signalToNoiseDecibels, largestError }] of narrow.changed.entries()) {
      expect(signalToNoiseDecibels).toBeGreaterThan(35);
      // 65,535 instead of 255 steps: 48 decibels.
      expect(wide.changed[i]!.signalToNoiseDecibels - signalToNoiseDecibels).toBeGreaterThan(40);
      expect(wide.changed[i]!.largestError).toBeLessThan(largestError / 100);
      expect(half.changed[i]!.largestError).toBeLessThan(largestError);
    }
    expect(whole.changed).toEqual([]);
    model.dispose();
  });

  it('keeps masked zeros zero whatever the scale', async () => {
    const model = denseModel();
    const compressed = compressForTest(model, { bits: 4, zeros: 0.9 });
    for (const kernels of ['uint8', 'uint16', 'float16'] as const) {
      const folder = await mkdtemp(join(tmpdir(), 'qedge-export-'));
      const written = await saveExport(
        join(folder, 'model.json'),
        await exportTfjs(tf, compressed, { kernels }),
      );
      expect(written.map((path) => path.slice(folder.length + 1))).toEqual(['weights.bin', 'model.json']);
      expect((await readdir(folder)).sort()).toEqual(['model.json', 'weights.bin']);
      using weights = openTfjsWeights(join(folder, 'model.json'));
      for (const layer of compressed.topology.layers.slice(1)) {
        const [kernel] = layer.weights;
        const name = weights
          .names()
          .find((each) => weights.spec(each).shape.join() === kernel!.shape.join())!;
        const loaded = weights.load(name).data;
        expect(loaded.every((value, i) => kernel!.data[i] !== 0 || value === 0)).toBe(true);
      }
      await rm(folder, { recursive: true });
    }
    model.dispose();
  });
});
