import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Roofline } from '../src/kernel-benchmark/measure-roofline.ts';
import type { ComparisonResult } from '../src/kernel-benchmark/run-benchmark.ts';
import { built, repositoryRoot, runQedge } from './run-qedge.ts';

const quick = ['--rounds', '6', '--block-ms', '1', '--json'];
const peersFrom = ['--peers-from', join(repositoryRoot, 'tooling/peers')];

interface Answer {
  readonly compares: string;
  readonly missing: readonly { readonly name: string; readonly reason: string; readonly remedy: string }[];
  readonly results: readonly ComparisonResult[];
}

describe.skipIf(!built)('qedge bench kernels (needs the build)', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'qedge-bench-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const bench = async (...args: string[]) => {
    const { stdout, exitCode, stderr } = await runQedge(['bench', ...args], folder);
    expect(exitCode, stderr).toBe(0);
    return JSON.parse(stdout);
  };

  it('compares every kind of work with libraries that agree on the results', {
    timeout: 300_000,
  }, async () => {
    // A disagreement is an error; so this run also checks our kernels against other people's.
    const groups = 'small,perceptron,int8,int4,convolution';
    const { results, compares }: Answer = await bench('kernels', '--groups', groups, ...peersFrom, ...quick);
    expect(compares).toMatch(/ratio/);
    for (const group of groups.split(',')) {
      expect(
        results.some((result) => result.group === group && result.peer === 'onnxruntime-node'),
        group,
      ).toBe(true);
    }
    for (const result of results) {
      const { ratio, interval, goal, met, samples, oursMicroseconds, theirsMicroseconds } = result;
      expect(ratio).toBeGreaterThan(0);
      expect(interval.low).toBeLessThanOrEqual(interval.high);
      expect(met).toBe(goal === null ? null : ratio >= goal);
      if (samples === null) continue;
      expect(samples.ours).toHaveLength(6);
      expect(oursMicroseconds).toBe(Math.min(...samples.ours));
      expect(ratio).toBeCloseTo(theirsMicroseconds! / oursMicroseconds!, 6);
    }
    const means = results.filter((result) => result.name.startsWith('geometric mean'));
    expect(means.map(({ threads }) => threads)).toEqual([1, 2]);
  });

  it('compares with WebAssembly libraries in this process', { timeout: 300_000 }, async () => {
    const peers = 'onnxruntime-web,tfjs-wasm,litert.js,jax-js';
    const { results, missing }: Answer = await bench(
      'kernels',
      ...['--groups', 'wasm', '--peers', peers],
      ...peersFrom,
      ...quick,
    );
    expect(missing).toEqual([]);
    for (const peer of [...peers.split(','), 'fma peak']) {
      const of = results.filter((result) => result.peer === peer);
      expect(of.length, peer).toBeGreaterThan(0);
      for (const { target, peerVersion } of of) {
        expect(target).toMatch(/^wasm/);
        expect(peerVersion).not.toBe('');
      }
    }
  });

  it('names the libraries that are not installed, with the command that installs them', async () => {
    const { missing, results }: Answer = await bench(
      'kernels',
      ...['--groups', 'small', '--peers', 'onnxruntime-node'],
      ...['--peers-from', folder],
      ...quick,
    );
    expect(results).toEqual([]);
    expect(missing).toHaveLength(1);
    expect(missing[0]!.remedy).toBe('npm install onnxruntime-node');
  });

  it('refuses groups, libraries and rounds that cannot be', async () => {
    for (const args of [
      ['--groups', 'large'],
      ['--peers', 'mkl'],
      ['--rounds', '5'],
    ]) {
      const { exitCode, stderr } = await runQedge(['bench', 'kernels', ...args], folder);
      expect(exitCode).toBe(2);
      expect(stderr).not.toBe('');
    }
  });

  it('measures and draws the roofline of a core', async () => {
    const picture = join(folder, 'roofline.svg');
    const roofline: Roofline = await bench('roofline', '--svg', picture, '--duration-ms', '5', '--json');
    expect(roofline.peaks.length).toBeGreaterThan(0);
    expect(roofline.levels.map(({ name }) => name)).toEqual(['L1', 'L2', 'L3', 'memory']);
    for (const { gigabytesPerSecond } of roofline.levels) expect(gigabytesPerSecond).toBeGreaterThan(0.1);
    const svg = readFileSync(picture, 'utf8');
    expect(svg).toMatch(/^<svg /);
    for (const { name } of [...roofline.levels, ...roofline.points]) expect(svg).toContain(name);
  });
});
