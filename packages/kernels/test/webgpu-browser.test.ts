import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deviceConformanceCases } from '../src/testing/index.ts';
import { BROWSER_MISSING, BrowserPages } from './browser-pages.ts';

if (BROWSER_MISSING) console.warn(`SKIPPED: the WebGPU device in a browser. ${BROWSER_MISSING}`);

// What the page runs: the whole conformance suite on `navigator.gpu`, on one device unless a case disposes it.
const PAGE_PROGRAM = `
import { deviceConformanceCases } from '@qedge/kernels/testing';
import { createWebGpuDevice } from '@qedge/kernels/webgpu';
globalThis.conformance = async () => {
  const found = [];
  const shared = await createWebGpuDevice();
  for (const { name, precision, run } of deviceConformanceCases()) {
    if (precision !== null && !shared.precisions.includes(precision)) continue;
    const device = name.includes('device was disposed') ? await createWebGpuDevice() : shared;
    found.push({ name, error: await run(device).then(() => null, String) });
    if (device !== shared) device.dispose();
  }
  shared.dispose();
  return { device: shared.name, fallbacks: shared.fallbacks, found };
};
globalThis.ready = true;
`;

describe.skipIf(BROWSER_MISSING !== '')('the WebGPU device in a browser', () => {
  let pages: BrowserPages;

  beforeAll(async () => {
    const browserArguments = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];
    pages = await BrowserPages.start(PAGE_PROGRAM, { browserArguments });
  });
  afterAll(() => pages?.close());

  it('keeps every promise of a device on navigator.gpu', async () => {
    const { page, complaints } = await pages.open(false);
    const report = (await page.evaluate('conformance()')) as {
      device: string;
      found: { name: string; error: string | null }[];
    };
    expect(report.device).toMatch(/^webgpu \(\S+/);
    expect(report.found.filter(({ error }) => error !== null)).toEqual([]);
    const cases = deviceConformanceCases().filter(
      ({ precision }) => precision === null || precision === 'float32',
    );
    expect(report.found.map(({ name }) => name)).toEqual(cases.map(({ name }) => name));
    expect(complaints).toEqual([]);
    console.info(`ran on ${report.device}`);
  });
});
