import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Report } from '@qedge-apps/cpu';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { built, type Outcome, runQedge } from './run-qedge.ts';

const chromiumPath = process.env.QEDGE_CHROMIUM ?? '/usr/bin/chromium';
const CHROMIUM_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const CHEMICAL_ACCURACY_HARTREE = 1.6e-3;

/** What every report must hold, however little was trained. */
function expectSoundReport(report: Report, folder: string): void {
  const { model, memory, inference, quantum, power, monitor, bench } = report;
  expect(statSync(join(folder, model.compressedFile)).size).toBe(model.bytesCompressed);
  expect(statSync(join(folder, 'models/digits-float32.qez')).size).toBe(model.bytesFloat32);
  expect(model.compressionRatio).toBeGreaterThanOrEqual(15);
  // Untouched tensors are not read: the file is opened without decoding any.
  expect(memory.residency.every((tensor) => !tensor.loadedBeforeFirstUse)).toBe(true);
  // 8 bytes per inference would be one boxed number; compilers may still allocate a little for themselves.
  expect(memory.steadyState.heapGrowthBytes).toBeLessThan(10 * memory.steadyState.inferences);
  const checks = new Map(inference.checks.map((check) => [check.precision, check]));
  expect(checks.get('float32')!.largestLogitDifference).toBeLessThanOrEqual(1e-4);
  for (const precision of ['int8', 'int4']) expect(checks.get(precision)!.largestLogitDifference).toBe(0);
  for (const check of checks.values()) expect([check.digits, check.sameAnswer]).toEqual([2000, 2000]);
  expect(quantum.points).toHaveLength(11);
  for (const point of quantum.points) {
    expect(Math.abs(point.exactHartree - point.referenceHartree)).toBeLessThanOrEqual(1e-8);
    expect(Math.abs(point.energyHartree - point.exactHartree)).toBeLessThanOrEqual(1e-6);
    for (const error of Object.values(point.errorByOptimizer))
      expect(Math.abs(error)).toBeLessThanOrEqual(CHEMICAL_ACCURACY_HARTREE);
  }
  expect(quantum.compiled.verified).toBe(true);
  expect(Object.keys(quantum.compiled.after.gateCounts).sort()).toEqual(['cx', 'rz', 'sx', 'x']);
  const chosen = power.decisions.map((decision) => decision.precision);
  expect(new Set(chosen)).toEqual(new Set(['float32', 'int8', 'int4']));
  expect(chosen.at(0)).toBe('float32');
  expect(chosen.at(-1)).toBe('float32');
  expect(power.strategies.map((strategy) => strategy.name)).toContain('adaptive');
  const names = monitor.spans.map((span) => span.name);
  const watched = monitor.series.map((series) => series.name);
  expect(watched).toEqual(expect.arrayContaining(['process_cpu_fraction', 'device_power_watts']));
  for (const step of ['model', 'inference', 'power', 'quantum', 'bench']) expect(names).toContain(step);
  expect(monitor.spans.every((span) => span.status === 'ok' && span.endMs >= span.startMs)).toBe(true);
  expect(bench.subjects.filter((subject) => subject.implementation === bench.peer)).toHaveLength(2);
}

describe.skipIf(!built)('qedge run (needs the build)', () => {
  let folder = '';
  let first: Outcome;
  const output = () => join(folder, 'report');
  const readReport = (): Report => JSON.parse(readFileSync(join(output(), 'report.json'), 'utf8'));

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'qedge-run-'));
    first = await runQedge(['run', '--quick', '--json'], folder);
  }, 240_000);

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('--quick does everything and prints the report it wrote', () => {
    expect(first.exitCode, first.stderr).toBe(0);
    expect(readdirSync(output()).sort()).toEqual([
      'history.jsonl',
      'index.html',
      'models',
      'report.json',
      'report.md',
      'report.schema.json',
    ]);
    const report = readReport();
    expect(JSON.parse(first.stdout)).toEqual(report);
    expectSoundReport(report, output());
    expect(report.model.accuracyFloat32).toBeGreaterThan(0.9);
    expect(report.bench.comparison.previousRuns).toBe(0);
  });

  it('writes a report that follows its published JSON Schema', () => {
    const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
    (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
    const validate = ajv.compile(JSON.parse(readFileSync(join(output(), 'report.schema.json'), 'utf8')));
    expect(validate(readReport()), JSON.stringify(validate.errors)).toBe(true);
    const broken = { ...readReport(), model: { ...readReport().model, accuracyFloat32: 97 } };
    expect(validate(broken)).toBe(false);
  });

  it('infer gets the same accuracy out of the file as the report states', async () => {
    const { stdout, stderr } = await runQedge(
      ['infer', 'report/models/digits.qez', '--input', 'digits', '--json'],
      folder,
    );
    const result = JSON.parse(stdout || stderr);
    expect(result).toMatchObject({ precision: 'int4', samples: 2000 });
    expect(result.accuracy.estimate).toBe(readReport().model.accuracyCompressed);
  });

  it('a second run compares itself with the first, and a seed decides the accuracies', async () => {
    const before = readReport();
    const second = await runQedge(['run', '--quick', '--json'], folder);
    expect(second.exitCode, second.stderr).toBe(0);
    const report = readReport();
    expect(report.bench.comparison.previousRuns).toBe(1);
    const changes = new Map(report.bench.comparison.changes.map((change) => [change.metric, change]));
    expect(changes.get('accuracy.int4')).toMatchObject({
      previous: before.model.accuracyCompressed,
      verdict: 'unchanged',
    });
    expect(report.model.accuracyDenseControl).toBe(before.model.accuracyDenseControl);
  }, 240_000);

  it('Ctrl-C ends it quickly, keeps the old report and leaves nothing half-written', async () => {
    const before = readReport();
    let servedSnapshot: { metrics?: unknown } | null = null;
    const outcome = await runQedge(['run', '--serve'], folder, (child) => {
      child.stderr?.on('data', (text: string) => {
        const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(text)?.[0];
        if (!url) return;
        setTimeout(async () => {
          servedSnapshot = await fetch(`${url}api/snapshot`).then((response) => response.json());
          child.kill('SIGINT');
        }, 3000);
      });
    });
    expect(outcome.exitCode).toBe(130);
    expect(outcome.stderr).toMatch(/CANCELLED/);
    expect(servedSnapshot).toMatchObject({
      version: 1,
      metrics: expect.arrayContaining([expect.anything()]),
    });
    expect(readReport()).toEqual(before);
    expect(readdirSync(output()).filter((name) => name.startsWith('.'))).toEqual([]);
  }, 60_000);

  it('Ctrl-C in a first run leaves no folder behind', async () => {
    const outcome = await runQedge(['run', '--serve', '-o', 'made/for/this'], folder, (child) => {
      child.stderr?.once('data', () => child.kill('SIGINT'));
    });
    expect(outcome.exitCode).toBe(130);
    expect(readdirSync(folder)).not.toContain('made');
  }, 60_000);

  it.skipIf(!existsSync(chromiumPath))(
    'the page shows its plots in Chromium, without scripts, requests or console errors',
    async () => {
      const browser = await chromium.launch({ executablePath: chromiumPath, args: CHROMIUM_FLAGS });
      try {
        const page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
        const [errors, requests]: [string[], string[]] = [[], []];
        page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
        page.on('pageerror', (error) => errors.push(error.message));
        page.on('request', (request) => request.url().startsWith('http') && requests.push(request.url()));
        await page.goto(pathToFileURL(join(output(), 'index.html')).href);
        for (const plot of [
          'accuracy-size',
          'training',
          'latency-batch-1',
          'latency-batch-32',
          'precision-trace',
          'h2-curve',
          'vqe-convergence',
          'spans',
        ]) {
          const box = await page.locator(`svg[data-plot="${plot}"]`).boundingBox();
          expect(box!.width, plot).toBeGreaterThan(300);
          expect(box!.height, plot).toBeGreaterThan(100);
          expect(
            await page.locator(`svg[data-plot="${plot}"]`).locator('circle, path, rect, line').count(),
            plot,
          ).toBeGreaterThan(5);
        }
        expect(await page.locator('svg[data-plot="h2-curve"] circle').count()).toBe(11);
        expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(
          true,
        );
        await page.setViewportSize({ width: 380, height: 800 });
        expect(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth)).toBe(
          true,
        );
        expect([errors, requests]).toEqual([[], []]);
      } finally {
        await browser.close();
      }
    },
  );

  it.skipIf(!process.env.QEDGE_FULL)(
    'the full job reaches its accuracies (QEDGE_FULL=1)',
    async () => {
      const full = join(folder, 'full');
      const { exitCode, stdout, stderr } = await runQedge(['run', '--json', '--output', full], folder);
      expect(exitCode, stderr).toBe(0);
      const report: Report = JSON.parse(stdout);
      expectSoundReport(report, full);
      const { accuracyFloat32, accuracyDenseControl, accuracyCompressed, accuracyInt8 } = report.model;
      expect(accuracyFloat32).toBeGreaterThanOrEqual(0.96);
      expect(accuracyCompressed).toBeGreaterThanOrEqual(accuracyDenseControl - 0.005);
      expect(accuracyInt8).toBeGreaterThanOrEqual(accuracyDenseControl - 0.005);
    },
    600_000,
  );
});
