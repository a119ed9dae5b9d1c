import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelGraph } from '@qedge/core';
import { randomModel, weightSourceOf } from '@qedge/kernels/testing';
import { describe, expect, it } from 'vitest';
import { describeReport, type GpuReport, runGpuApp } from '../src/index.ts';

const small = randomModel({ sizes: [20, 8, 4], seed: 3, softmax: true });

function expectSound(report: GpuReport): void {
  expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  for (const device of report.devices) {
    for (const batch of device.batches) {
      expect(batch, device.name).toMatchObject({ agrees: true, repeats: 5 });
      expect(batch.latencyMsBest).toBeGreaterThan(0);
      expect(batch.latencyMsMedian).toBeGreaterThanOrEqual(batch.latencyMsBest);
      expect(batch.samplesPerSecond).toBeCloseTo((1000 * batch.batch) / batch.latencyMsMedian, 6);
    }
  }
}

describe('runGpuApp', () => {
  it('runs the model on every device that is there, and each agrees with the reference', async () => {
    const phases: string[] = [];
    const onProgress = ({ phase }: { phase: string }) => phases.push(phase);
    const report = await runGpuApp({ allowSoftware: true, repeats: 5, onProgress });
    expectSound(report);
    expect(report.model).toEqual({ name: 'random 784-256-128-10', inputShape: [784], outputShape: [10] });
    const kinds = report.devices.map(({ kind }) => kind);
    const found = (name: string) =>
      report.capabilities.find((capability) => capability.name === name)!.available;
    expect(kinds).toEqual([
      'cpu',
      ...(found('webgpu') ? ['webgpu'] : []),
      ...(found('tfjs-cpu') ? ['tfjs'] : []),
    ]);
    expect(report.devices[0]!.batches.map(({ batch }) => batch)).toEqual([1, 64]);
    expect(phases[0]).toBe('looking for devices');
    expect(phases.at(-1)).toBe('done');
    expect(report.cudaDetected).toBe(found('cuda'));
    const text = describeReport(report);
    for (const { name } of report.devices) expect(text).toContain(name);
    for (const { reason } of report.missing) expect(text).toContain(reason);
  });

  it('does not fail where nothing is installed: the CPU runs, the rest is explained', async () => {
    const from = mkdtempSync(join(tmpdir(), 'qedge-nothing-'));
    // A launcher may have put a package manager's store there, where everything resolves from everywhere.
    const nodePath = process.env.NODE_PATH;
    delete process.env.NODE_PATH;
    try {
      const report = await runGpuApp({ from, repeats: 5, batches: [2], model: small });
      expectSound(report);
      expect(report.devices.map(({ kind }) => kind)).toEqual(['cpu']);
      const missing = Object.fromEntries(report.missing.map((entry) => [entry.name, entry]));
      expect(missing.webgpu).toMatchObject({ remedy: 'npm install webgpu' });
      expect(missing.cuda).toMatchObject({ remedy: 'npm install koffi' });
      expect(missing['tfjs-node-gpu']!.remedy).toContain('npm install @tensorflow/tfjs-node-gpu');
    } finally {
      if (nodePath !== undefined) process.env.NODE_PATH = nodePath;
      rmSync(from, { recursive: true });
    }
  });

  it('refuses impossible options and broken models before it looks for anything', async () => {
    for (const options of [{ batches: [] }, { batches: [0] }, { repeats: 1.5 }]) {
      await expect(runGpuApp(options)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    const weights = weightSourceOf(small.tensors.slice(1));
    await expect(runGpuApp({ model: { graph: small.graph, weights } })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    const graph = { ...small.graph, layers: [{ kind: 'magic', name: 'm' }] } as unknown as ModelGraph;
    await expect(runGpuApp({ model: { graph, weights: small.weights } })).rejects.toMatchObject({
      code: 'UNSUPPORTED',
    });
  });

  it('stops when its signal is aborted', async () => {
    await expect(runGpuApp({ model: small, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
  });
});
