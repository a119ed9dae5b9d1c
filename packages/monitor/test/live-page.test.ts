import { existsSync } from 'node:fs';
import { MetricRegistry, QuantumProfiler, Tracer } from '@qedge/monitor';
import { createProfilers, type MonitorServer, type Profilers, serveMonitor } from '@qedge/monitor/node';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const executablePath = process.env.QEDGE_CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

describe.skipIf(!existsSync(executablePath))(`the live page in a real browser (${executablePath})`, () => {
  let browser: Browser;
  let server: MonitorServer;
  let profilers: Profilers;
  const registry = new MetricRegistry();
  const tracer = new Tracer();
  const stop = new AbortController();

  beforeAll(async () => {
    profilers = createProfilers({ registry, intervalMs: 50 });
    profilers.start();
    server = await serveMonitor({ registry, tracer, intervalMs: 50, signal: stop.signal });
    work(registry, tracer);
    browser = await chromium.launch({ executablePath, args: FLAGS });
  });

  afterAll(async () => {
    await browser?.close();
    profilers?.dispose();
    await server?.close();
  });

  async function open(colorScheme: 'light' | 'dark') {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1280, height: 1000 } });
    const complaints: string[] = [];
    const requests: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('request', (request) => requests.push(request.url()));
    await page.goto(server.url);
    await page.waitForSelector('.connection.live');
    await page.waitForSelector('[data-panel="Memory"] canvas');
    return { page, complaints, requests };
  }

  test('charts, figures, spans and anomalies appear without a complaint in the console', async () => {
    const { page, complaints } = await open('light');
    for (const panel of [
      'Processor use',
      'Memory',
      'Event-loop delay',
      'Latency',
      'Precision',
      'Quantum fidelity',
    ])
      await page.waitForSelector(`[data-panel="${panel}"] canvas`);
    expect(await paintedPixels(page, 'Memory')).toBeGreaterThan(200);
    expect(await page.locator('.figure').count()).toBeGreaterThanOrEqual(5);
    await page.waitForSelector('#anomaly-list li:has-text("Fidelity fell to 0.6")');
    const labels = await page.locator('.span-label').allTextContents();
    expect(labels.some((label) => label.startsWith('compress'))).toBe(true);
    expect(await page.locator('.span-bar.error').count()).toBe(1);
    if (process.env.QEDGE_SCREENSHOT)
      await page.screenshot({ path: `${process.env.QEDGE_SCREENSHOT}-light.png`, fullPage: true });
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('new values and new spans arrive without a reload', async () => {
    const { page, complaints } = await open('dark');
    tracer.span('arrived later', () => {});
    registry.gauge('device_power_watts', { provenance: 'modelled' }).set(12.5);
    await page.waitForSelector('[data-panel="Power"] canvas');
    await page.waitForSelector('.span-label:has-text("arrived later")');
    expect(await page.locator('.figure', { hasText: 'power, modelled' }).textContent()).toContain('12.5 W');
    if (process.env.QEDGE_SCREENSHOT)
      await page.screenshot({ path: `${process.env.QEDGE_SCREENSHOT}-dark.png`, fullPage: true });
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('a span that ended between a tick and the opening of the page is shown once', async () => {
    const own = { registry: new MetricRegistry(), tracer: new Tracer() };
    const slow = await serveMonitor({ ...own, intervalMs: 2000 });
    own.tracer.span('between', () => {});
    const page = await browser.newPage();
    await page.goto(slow.url);
    await page.waitForSelector('.span-label');
    own.registry.gauge('battery_charge_fraction').set(0.5);
    await page.waitForSelector('.figure:has-text("battery")');
    expect(await page.locator('.span-label').count()).toBe(1);
    await page.close();
    await slow.close();
  });

  test('the page asks nobody but the monitor', async () => {
    const { page, requests } = await open('light');
    expect(requests.filter((url) => !url.startsWith(server.url) && !url.startsWith('data:'))).toEqual([]);
    await page.close();
  });

  test('a hostile label is shown as text and never becomes markup', async () => {
    registry.gauge('inference_precision_bits', { layer: '<img src=x onerror=alert(1)>' }).set(8);
    tracer.span('<script>alert(1)</script>', () => {});
    const { page, complaints } = await open('light');
    await page.locator('summary').click();
    await page.waitForSelector('#metrics tbody tr');
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(complaints).toEqual([]);
    await page.close();
  });

  test('the page says so when the monitor ends', async () => {
    const { page } = await open('light');
    stop.abort();
    await page.waitForSelector('#connection:has-text("ended")');
    await page.close();
  });
});

/** Something to look at. */
function work(registry: MetricRegistry, tracer: Tracer): void {
  const latency = registry.histogram('inference_latency_ms', { precision: 'int8' });
  for (let i = 0; i < 1000; i++) latency.record(0.4 + (i % 37) / 100);
  registry.gauge('inference_precision_bits').set(8);
  const quantum = new QuantumProfiler(registry);
  quantum.recordRun('h2', { fidelity: 0.6, depth: 12, twoQubitGateCount: 3, estimatedTimeMs: 0.01 });
  tracer.span('compress', (span) => {
    span.span('prune', () => spin(12));
    span.span('quantise', () => spin(20), { bits: 8 });
  });
  tracer.span('infer', () => spin(6));
  try {
    tracer.span('export', () => {
      throw new Error('disk full');
    });
  } catch {
    // The span is what is looked at.
  }
}

function spin(durationMs: number): void {
  const until = performance.now() + durationMs;
  while (performance.now() < until);
}

/** Pixels of a panel's chart that are not transparent. The script runs in the page. */
function paintedPixels(page: Page, panel: string): Promise<number> {
  return page.evaluate<number>(`(() => {
    const canvas = document.querySelector('[data-panel="${panel}"] canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let painted = 0;
    for (let i = 3; i < data.length; i += 4) if (data[i] > 0) painted++;
    return painted;
  })()`);
}
