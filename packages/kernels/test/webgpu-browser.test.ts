import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { build } from 'tsup';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deviceConformanceCases } from '../src/testing/index.ts';

const CHROMIUM = process.env.QEDGE_CHROMIUM ?? '/usr/bin/chromium';
const missing = existsSync(CHROMIUM) ? '' : `there is no ${CHROMIUM}: apt-get install chromium`;
if (missing) console.warn(`SKIPPED: the WebGPU device in a browser. ${missing}`);

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
`;

describe.skipIf(missing !== '')('the WebGPU device in a browser', () => {
  const folder = mkdtempSync(join(tmpdir(), 'qedge-webgpu-page-'));
  let server: Server;
  let browser: Browser;

  beforeAll(async () => {
    const entry = join(folder, 'page.ts');
    writeFileSync(entry, PAGE_PROGRAM);
    const source = (name: string) => join(import.meta.dirname, '../src', name);
    await build({
      entry: [entry],
      outDir: folder,
      format: ['esm'],
      platform: 'browser',
      target: 'es2022',
      noExternal: [/^@qedge\//],
      esbuildOptions: (options) => {
        options.conditions = ['@qedge/source'];
        options.alias = {
          '@qedge/kernels/testing': source('testing/index.ts'),
          '@qedge/kernels/webgpu': source('webgpu.ts'),
        };
      },
      outExtension: () => ({ js: '.js' }),
      config: false,
      silent: true,
    });
    // navigator.gpu exists in secure contexts only: a page from localhost is one.
    const page = '<!doctype html><title>webgpu</title><script type="module" src="/page.js"></script>';
    server = createServer((request, response) => {
      const script = request.url === '/page.js';
      response.setHeader('content-type', script ? 'text/javascript' : 'text/html');
      response.end(script ? readFileSync(join(folder, 'page.js')) : page);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
    });
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
    rmSync(folder, { recursive: true });
  });

  it('keeps every promise of a device on navigator.gpu', async () => {
    const page = await browser.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/`);
    await page.waitForFunction('globalThis.conformance');
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
    expect(complaints.filter((text) => !text.includes('favicon'))).toEqual([]);
    console.info(`ran on ${report.device}`);
  });
});
