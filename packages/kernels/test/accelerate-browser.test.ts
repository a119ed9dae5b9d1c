import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AccelerationReport, Work } from './accelerate-page.ts';
import { BROWSER_MISSING, BrowserPages } from './browser-pages.ts';

if (BROWSER_MISSING) console.warn(`SKIPPED: accelerated TensorFlow.js in a browser. ${BROWSER_MISSING}`);

/** Relative to 1 + the number; sums of up to 64 products, and four steps of Adam after each other. */
const TOLERANCE = 2 ** -14;

describe.skipIf(BROWSER_MISSING !== '')('accelerated TensorFlow.js in a browser', () => {
  let pages: BrowserPages;
  beforeAll(async () => {
    const folder = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm'));
    const names = ['', '-simd', '-threaded-simd'].map((kind) => `tfjs-backend-wasm${kind}.wasm`);
    const files = Object.fromEntries(names.map((name) => [basename(name), join(folder, name)]));
    const program = readFileSync(join(import.meta.dirname, 'accelerate-page.ts'), 'utf8');
    pages = await BrowserPages.start(program, { files });
  }, 60_000);
  afterAll(() => pages?.close());

  const expectSame = (actual: Work, expected: Work) => {
    for (const which of ['outputs', 'losses'] as const) {
      expect(actual[which]).toHaveLength(expected[which].length);
      for (const [i, value] of expected[which].entries()) {
        const difference = Math.abs(actual[which][i]! - value) / (1 + Math.abs(value));
        expect([which, i, difference < TOLERANCE]).toEqual([which, i, true]);
      }
    }
  };

  it.each([
    ['in one thread', false, 1],
    ['in two threads of an isolated page', true, 2],
  ] as const)(
    'infers and learns as the stock backends do, %s',
    { timeout: 60_000 },
    async (_, isolated, threads) => {
      const { page, complaints } = await pages.open(isolated);
      const report = (await page.evaluate(`compare(${threads})`)) as AccelerationReport;
      await page.close();
      expect(report).toMatchObject({ isolated, threads });
      expect(report.isa).toMatch(/^wasm/);
      expect(report.fallbacks.filter(({ from }) => from.startsWith('generated code'))).toEqual([]);
      const [before, own, after] = report.perceptron;
      for (const { leaked } of [own, after, ...report.convolutional]) expect(leaked).toBe(0);
      expect(before.losses.at(-1)).toBeLessThan(before.losses[0]!);
      expectSame(own, before);
      expect(after).toEqual(before);
      expectSame(report.convolutional[1], report.convolutional[0]);
      const kernels = ['_FusedMatMul', 'BatchMatMul', 'Slice', 'Conv2DBackpropFilter', 'MaxPoolGrad'];
      for (const kernel of [...kernels, 'AdamOptimizer.applyGradients']) {
        expect([kernel, (report.served[kernel] ?? 0) > 0]).toEqual([kernel, true]);
      }
      expect(complaints).toEqual([]);
    },
  );
});
