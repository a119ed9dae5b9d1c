import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Capability } from '@qedge/core';
import { loadKoffi } from '@qedge/core/node';
import { describe, expect, it } from 'vitest';
import { probeCapabilities } from '../src/node.ts';
import { callInChild } from '../src/probe/call-in-child.ts';
import { probeCpuFeatures, probeKernelTarget } from '../src/probe/kernel-targets.ts';
import { listCudaDevices } from '../src/probe/native-probes.ts';
import { packageFolder } from './packages-on-disk.ts';

const NAMES = [
  'node',
  'cpu-features',
  'executable-memory',
  'koffi',
  'avx512',
  'avx2',
  'wasm-256',
  'wasm',
  'wasm-strict',
  'threads',
  'webgpu',
  'cuda',
  'tfjs-cpu',
  'tfjs-wasm',
  'tfjs-node',
  'tfjs-node-gpu',
  'onnxruntime-node',
];
const byName = (capabilities: readonly Capability[]) =>
  Object.fromEntries(capabilities.map((capability) => [capability.name, capability]));

function expectWellFormed(capabilities: readonly Capability[]): void {
  expect(capabilities.map(({ name }) => name)).toEqual(NAMES);
  for (const { available, reason, remedy } of capabilities) {
    expect(reason).toMatch(/^\S[^\n]*$/);
    if (available) expect(remedy).toBeNull();
    else if (remedy !== null) expect(remedy).not.toBe('');
  }
}

describe('probeCapabilities', () => {
  it('finds what this checkout has, and tries it', async () => {
    const capabilities = await probeCapabilities();
    expectWellFormed(capabilities);
    const found = byName(capabilities);
    expect(found.node).toMatchObject({ available: true });
    expect(found.node!.reason).toContain(process.versions.node);
    expect(found['wasm-strict']).toMatchObject({ available: true });
    expect(found.threads).toMatchObject({ available: true });
    expect(found['tfjs-cpu']).toMatchObject({ available: true, reason: 'TensorFlow.js 4.22.0, backend cpu' });
    expect(found['tfjs-wasm']).toMatchObject({
      available: true,
      reason: 'TensorFlow.js 4.22.0, backend wasm',
    });
    if (found.koffi!.available && process.platform === 'linux') {
      expect(found['executable-memory']!.reason).toMatch(/code ran|errno \d+/);
    }
  });

  it('says for every package that does not resolve which command installs it', async () => {
    using folder = packageFolder();
    const capabilities = await probeCapabilities({ from: folder.path });
    expectWellFormed(capabilities);
    const found = byName(capabilities);
    const remedies = {
      koffi: 'npm install koffi',
      'executable-memory': 'npm install koffi',
      cuda: 'npm install koffi',
      webgpu: 'npm install webgpu',
      'tfjs-cpu': 'npm install @tensorflow/tfjs@4.22.0',
      'tfjs-wasm': 'npm install @tensorflow/tfjs@4.22.0',
      'tfjs-node': 'npm install @tensorflow/tfjs-node@4.22.0',
      'tfjs-node-gpu': 'npm install @tensorflow/tfjs-node-gpu@4.22.0',
      'onnxruntime-node': 'npm install onnxruntime-node',
    };
    for (const [name, remedy] of Object.entries(remedies)) {
      expect(found[name], name).toMatchObject({ available: false, remedy });
      expect(found[name]!.reason).toContain('Cannot find module');
    }
  });

  it('reports packages that throw, lie, crash or hang, and goes on', async () => {
    using folder = packageFolder({
      koffi: `throw new Error('the prebuilt binary is for another libc\\n    at somewhere');`,
      webgpu: `process.abort();`,
      'onnxruntime-node': `while (true);`,
      '@tensorflow/tfjs-node': `process.stdout.write('banner'); process.kill(process.pid, 'SIGSEGV'); while (true);`,
      '@tensorflow/tfjs-node-gpu': `console.error('fatal: no driver'); process.exit(3);`,
      '@tensorflow/tfjs': `module.exports = { setBackend: async () => true, matMul: () => ({ data: async () => [12] }) };`,
    });
    const capabilities = await probeCapabilities({ from: folder.path, timeoutMs: 1500 });
    expectWellFormed(capabilities);
    const found = byName(capabilities);
    expect(found.koffi).toMatchObject({
      available: false,
      reason: 'the prebuilt binary is for another libc',
      remedy: 'npm install koffi --force',
    });
    expect(found.cuda!.reason).toContain('the prebuilt binary is for another libc');
    expect(found.webgpu!.reason).toContain('signal SIGABRT');
    expect(found['onnxruntime-node']!.reason).toContain('stopped after 1500 ms');
    expect(found['tfjs-node']!.reason).toContain('signal SIGSEGV');
    expect(found['tfjs-node-gpu']!.reason).toBe('its process ended by exit code 3: fatal: no driver');
    expect(found['tfjs-cpu']!.reason).toBe('1*3 + 2*4 came out as 12');
    for (const name of ['koffi', 'webgpu', 'onnxruntime-node', 'tfjs-node', 'tfjs-node-gpu', 'tfjs-cpu']) {
      expect(found[name], name).toMatchObject({ available: false });
    }
  });

  it('stops when its signal is aborted and refuses a relative folder', async () => {
    await expect(probeCapabilities({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    const soon = probeCapabilities({ signal: AbortSignal.timeout(200) });
    await expect(soon).rejects.toMatchObject({ code: 'CANCELLED' });
    await expect(probeCapabilities({ from: 'here' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  it('knows that V8 turned relaxed SIMD on in Node 22', async () => {
    const available = Number(process.versions.node.split('.')[0]) >= 22;
    const flagged = process.execArgv.some((flag) => flag.includes('relaxed-simd'));
    expect(probeKernelTarget('wasm').available).toBe(available || flagged);
  });

  it('finds machine code where the processor has the instructions, and says why not elsewhere', () => {
    const flags = existsSync('/proc/cpuinfo') ? readFileSync('/proc/cpuinfo', 'utf8') : '';
    const possible = process.platform === 'linux' && process.arch === 'x64' && loadKoffi().available;
    for (const [isa, flag] of [
      ['avx512', 'avx512vl'],
      ['avx2', 'fma'],
    ] as const) {
      const found = probeKernelTarget(isa);
      expect(found).toMatchObject({ name: isa, available: possible && flags.includes(flag) });
      if (found.available) expect(found.reason).toMatch(/^machine code runs, vectors of (256|512) bits/);
    }
    if (possible) expect(probeCpuFeatures().reason).toMatch(/fma.*L1 \d+ KiB/);
  });

  it('gives the reason where QEDGE_NATIVE forbids machine code', () => {
    const kept = process.env.QEDGE_NATIVE;
    process.env.QEDGE_NATIVE = '0';
    try {
      const found = probeKernelTarget('avx2');
      expect(found).toMatchObject({ available: false, remedy: expect.stringContaining('QEDGE_NATIVE') });
      expect(found.reason).toContain('QEDGE_NATIVE=0');
    } finally {
      if (kept === undefined) delete process.env.QEDGE_NATIVE;
      else process.env.QEDGE_NATIVE = kept;
    }
  });
});

describe('the cuda probe', () => {
  const compiler = spawnSync('gcc', ['--version']).status === 0 && process.platform === 'linux';
  const koffi = loadKoffi();
  const missing = compiler ? (koffi.available ? '' : koffi.reason) : 'there is no gcc to compile a library';
  if (missing) console.warn(`SKIPPED: the cuda probe against a library. ${missing}`);

  it.skipIf(missing !== '')('reads devices and versions through the C interface of the driver', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'qedge-cuda-'));
    const from = dirname(createRequire(import.meta.url).resolve('@qedge/core/package.json'));
    const ask = (name: string, initStatus: number, deviceCount: number) => {
      const [library, source] = [join(folder, `${name}.so`), join(folder, `${name}.c`)];
      writeFileSync(
        source,
        `#include <stdio.h>
         int cuInit(unsigned flags) { return flags == 0 ? ${initStatus} : 1; }
         int cuDeviceGetCount(int *count) { *count = ${deviceCount}; return 0; }
         int cuDriverGetVersion(int *version) { *version = 12040; return 0; }
         int cuDeviceGet(int *device, int index) { *device = index + 7; return 0; }
         int cuDeviceGetName(char *name, int length, int device) { snprintf(name, length, "device %d", device); return 0; }`,
      );
      execFileSync('gcc', ['-shared', '-fPIC', '-o', library, source]);
      return callInChild(listCudaDevices, ['/nonexistent/libcuda.so', library], { from, timeoutMs: 10_000 });
    };
    try {
      const two = 'device 7, device 8, driver for CUDA 12.4';
      expect(await ask('two', 0, 2)).toEqual({ ok: true, value: two });
      const none = 'the CUDA driver is there, but it has no device';
      expect(await ask('none', 0, 0)).toEqual({ ok: false, reason: none });
      expect(await ask('broken', 100, 0)).toEqual({ ok: false, reason: 'cuInit failed with CUDA error 100' });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('callInChild', () => {
  it('hands over an argument and a result', async () => {
    const add = (_: unknown, [a, b]: number[]) => a! + b!;
    expect(await callInChild(add, [2, 3], { timeoutMs: 10_000 })).toEqual({ ok: true, value: 5 });
  });

  it('takes the answer, not what is printed', async () => {
    const loud = async () => {
      process.stdout.write('{"ok":false}\n');
      console.error('noise');
      return 'quiet';
    };
    expect(await callInChild(loud, null, { timeoutMs: 10_000 })).toEqual({ ok: true, value: 'quiet' });
  });
});
