import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { build } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomDigitsModel } from './random-digits-model.ts';
import { serveFolder } from './static-server.ts';

const executablePath = process.env.QEDGE_CHROMIUM ?? '/usr/bin/chromium';
const app = fileURLToPath(new URL('..', import.meta.url));
const trainedModel = join(app, 'public', 'model', 'digits.qez');
const isTrained = existsSync(trainedModel);
if (!existsSync(executablePath)) {
  console.warn(`SKIPPED: no Chromium at ${executablePath}; set QEDGE_CHROMIUM to test the page in a browser`);
}

type Point = readonly [x: number, y: number];
/** Strokes in parts of the pad's side. */
const VERTICAL_LINE: readonly Point[] = [
  [0.5, 0.15],
  [0.5, 0.85],
];
const RING: readonly Point[] = Array.from({ length: 33 }, (_, step) => {
  const angle = (step / 32) * 2 * Math.PI;
  return [0.5 + 0.22 * Math.sin(angle), 0.5 - 0.34 * Math.cos(angle)];
});

describe.skipIf(!existsSync(executablePath))('the page in Chromium', () => {
  const folder = mkdtempSync(join(tmpdir(), 'qedge-edge-'));
  const dist = join(folder, 'dist');
  const problems: string[] = [];
  let context: BrowserContext;
  let page: Page;
  let server: Server;
  let url: string;

  beforeAll(async () => {
    const publicDir = join(folder, 'public');
    cpSync(join(app, 'public'), publicDir, { recursive: true });
    if (!isTrained) {
      mkdirSync(join(publicDir, 'model'), { recursive: true });
      writeFileSync(join(publicDir, 'model', 'digits.qez'), randomDigitsModel());
    }
    const configFile = join(app, 'vite.config.ts');
    // Under a test runner it says `test`, which would make this a development build.
    const environment = process.env.NODE_ENV;
    process.env.NODE_ENV = 'production';
    await build({
      root: app,
      configFile,
      publicDir,
      logLevel: 'error',
      build: { outDir: dist, emptyOutDir: true },
    });
    process.env.NODE_ENV = environment;
    ({ server, url } = await serveFolder(dist, '/some/where/'));
    context = await chromium.launchPersistentContext(join(folder, 'profile'), {
      executablePath,
      headless: true,
      viewport: { width: 1100, height: 900 },
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
    page = await context.newPage();
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
    });
    page.on('pageerror', (error) => problems.push(String(error)));
    await page.goto(url);
    await page.locator('html[data-ready=true]').waitFor();
  });

  afterAll(async () => {
    await context?.close();
    server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const percentages = async () =>
    (await page.locator('#probabilities .percent').allTextContents()).map((text) => Number.parseFloat(text));
  const draw = async (stroke: readonly Point[]) => {
    const box = (await page.locator('#pad').boundingBox())!;
    const at = ([x, y]: Point): [number, number] => [box.x + x * box.width, box.y + y * box.height];
    await page.mouse.move(...at(stroke[0]!));
    await page.mouse.down();
    for (const point of stroke.slice(1)) await page.mouse.move(...at(point), { steps: 2 });
    await page.mouse.up();
    await page.locator('#probabilities .best').waitFor();
    // Recognition follows with the next frames.
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 100)));
  };
  const clear = async () => {
    await page.locator('#clear').click();
    await page.locator('#probabilities .best').waitFor({ state: 'detached' });
  };

  it('loads from a sub-path without a console error and says how it runs', async () => {
    expect(problems).toEqual([]);
    expect(await page.locator('#problem').isVisible()).toBe(false);
    expect(await page.locator('#device').textContent()).toMatch(/^cpu \(/);
    expect(await page.locator('#model-file').textContent()).toMatch(/^[\d,]+ bytes \(/);
    expect(await page.locator('#precision-reason').textContent()).toMatch(/attery/);
  });

  it('recognises while drawing: other drawings, other probabilities', async () => {
    await draw(VERTICAL_LINE);
    const line = await percentages();
    expect(line).toHaveLength(10);
    // Ten numbers rounded to 0.1.
    expect(Math.abs(line.reduce((sum, value) => sum + value, 0) - 100)).toBeLessThan(1);
    const lineDigit = await page.locator('#digit').textContent();
    await clear();
    expect(await page.locator('#digit').textContent()).toBe('–');
    await draw(RING);
    const ring = await percentages();
    expect(ring).not.toEqual(line);
    expect(await page.locator('#latency').textContent()).toMatch(/^[\d.]+ (µs|ms) \(mean of \d+ runs?\)$/);
    if (isTrained) expect([lineDigit, await page.locator('#digit').textContent()]).toEqual(['1', '0']);
  });

  it('computes at the precision that is chosen, and agrees roughly between precisions', async () => {
    const results: number[][] = [];
    for (const precision of ['float32', 'int8', 'int4']) {
      await page.locator(`#precision input[value=${precision}]`).check({ force: true });
      await page.waitForFunction(
        (wanted) => document.getElementById('running-precision')?.textContent === wanted,
        precision,
      );
      results.push(await percentages());
    }
    // The weights are 4-bit codes at every precision; only the 8-bit activations differ. A tenth is far above their rounding.
    for (const values of results.slice(1)) {
      for (const [digit, value] of values.entries())
        expect(Math.abs(value - results[0]![digit]!)).toBeLessThan(10);
    }
    await page.locator('#precision input[value=automatic]').check({ force: true });
  });

  it('can be used from the keyboard', async () => {
    await clear();
    await draw(VERTICAL_LINE);
    await page.evaluate(() => (document.activeElement as HTMLElement | null)?.blur());
    const reached: string[] = [];
    for (let presses = 0; presses < 4; presses++) {
      await page.keyboard.press('Tab');
      reached.push(
        await page.evaluate(() => document.activeElement?.id || document.activeElement?.tagName || ''),
      );
      if (reached.at(-1) === 'clear') break;
    }
    expect(reached.at(-1)).toBe('clear');
    await page.keyboard.press('Enter');
    await page.locator('#probabilities .best').waitFor({ state: 'detached' });
    await page.keyboard.press('Tab');
    await page.keyboard.press('ArrowRight');
    expect(
      await page.evaluate(() => document.querySelector<HTMLInputElement>('#precision :checked')?.value),
    ).toBe('float32');
    await page.keyboard.press('ArrowLeft');
    await draw(RING);
    await page.keyboard.press('Escape');
    await page.locator('#probabilities .best').waitFor({ state: 'detached' });
  });

  it('draws with a finger', async () => {
    await page.evaluate(
      (points) => {
        const pad = document.getElementById('pad') as HTMLCanvasElement;
        const box = pad.getBoundingClientRect();
        // Capture needs a pointer that really is down; a made-up one is not.
        pad.setPointerCapture = () => {};
        pad.hasPointerCapture = () => true;
        for (const [index, [x, y]] of points.entries()) {
          const clientX = box.left + x! * box.width;
          const clientY = box.top + y! * box.height;
          const type = index === 0 ? 'pointerdown' : 'pointermove';
          pad.dispatchEvent(new PointerEvent(type, { pointerType: 'touch', pointerId: 7, clientX, clientY }));
        }
      },
      VERTICAL_LINE.map(([x, y]) => [x, y]),
    );
    await page.locator('#probabilities .best').waitFor();
    expect((await percentages()).some((value) => value > 0)).toBe(true);
  });

  it('compiles a circuit in a worker of its own, draws it and checks it', async () => {
    const compiler = await context.newPage();
    compiler.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
    });
    await compiler.goto(`${url}circuits.html`);
    await compiler.locator('html[data-ready=true]').waitFor();
    const count = async (name: string) =>
      compiler.locator('#counts div', { hasText: name }).locator('dd').textContent();
    for (const level of ['0', '3']) {
      await compiler.locator('#level').selectOption(level);
      await compiler.locator('#compile').click();
      await compiler.locator('#cancel').waitFor({ state: 'visible' });
      await compiler.locator('#cancel').waitFor({ state: 'hidden', timeout: 60_000 });
      expect(await count('Checked')).toMatch(/^equal/);
    }
    // Two Toffoli gates and three cx are 15 cx one by one; on a heavy hexagon swaps come on top.
    expect(Number(/→ (\d+)/.exec((await count('Two-qubit gates'))!)![1])).toBeLessThan(20);
    expect(await compiler.locator('#compiled').inputValue()).toMatch(/^OPENQASM 3/);
    const drawing = compiler.locator('#drawing');
    await drawing.waitFor({ state: 'visible' });
    expect(await drawing.evaluate((image: HTMLImageElement) => image.naturalWidth)).toBeGreaterThan(100);
    await compiler.locator('#source').fill('OPENQASM 3.0; qubit[2] q; cx q[0] q[1];');
    await compiler.keyboard.press('Control+Enter');
    await compiler.locator('#problem').waitFor({ state: 'visible' });
    expect(await compiler.locator('#problem').textContent()).toMatch(/line 1/);
    expect(problems).toEqual([]);
    await compiler.close();
  });

  it('has a manifest and icons that make it installable', async () => {
    const manifest = await (await page.request.get(`${url}manifest.webmanifest`)).json();
    expect(manifest).toMatchObject({ start_url: './', scope: './', display: 'standalone' });
    for (const { src, sizes, type } of manifest.icons) {
      const response = await page.request.get(url + src);
      expect(response.ok()).toBe(true);
      if (type !== 'image/png') continue;
      const bytes = await response.body();
      expect(bytes.subarray(1, 4).toString()).toBe('PNG');
      expect(`${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`).toBe(sizes);
    }
  });

  it('fits a telephone in the dark without scrolling sideways', async () => {
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.setViewportSize({ width: 360, height: 740 });
    const overflow = await page.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    expect(overflow).toBeLessThanOrEqual(0);
    const screenshots = process.env.QEDGE_SCREENSHOTS;
    if (screenshots) {
      await page.screenshot({ path: join(screenshots, 'edge-dark-phone.png'), fullPage: true });
    }
    await page.setViewportSize({ width: 1100, height: 900 });
    await page.emulateMedia({ colorScheme: 'light' });
    if (screenshots) await page.screenshot({ path: join(screenshots, 'edge-light.png'), fullPage: true });
  });

  it.each<[string, (model: string) => void, RegExp]>([
    ['truncated', (model) => truncateSync(model, 1000), /truncated: \d+ bytes are missing/],
    ['missing', (model) => rmSync(model), /expected model\/digits\.qez, got HTTP status 404/],
    ['something else', (model) => writeFileSync(model, '<!doctype html>'), /wrong magic number/],
  ])('says what is wrong when the model is %s', async (_, damage, message) => {
    const broken = mkdtempSync(join(folder, 'broken-'));
    cpSync(dist, broken, { recursive: true });
    damage(join(broken, 'model', 'digits.qez'));
    const elsewhere = await serveFolder(broken, '/');
    const other = await context.newPage();
    try {
      await other.goto(elsewhere.url);
      await other.locator('#problem').waitFor();
      expect(await other.locator('#problem').textContent()).toMatch(message);
    } finally {
      await other.close();
      elsewhere.server.closeAllConnections();
      elsewhere.server.close();
    }
  });

  it('works after a reload when the server is gone', async () => {
    await page.locator('#connection[data-state=ready]').waitFor();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await context.setOffline(true);
    await page.reload();
    await page.locator('html[data-ready=true]').waitFor();
    await page.locator('#connection[data-state=ready]').waitFor();
    expect(await page.locator('#connection').textContent()).toBe('working offline');
    await draw(RING);
    expect(await page.locator('#digit').textContent()).toMatch(/^\d$/);
    await page.goto(`${url}circuits.html`);
    await page.locator('#compile').click();
    await page.locator('#counts dd').first().waitFor();
    expect(problems).toEqual([]);
  });
});
