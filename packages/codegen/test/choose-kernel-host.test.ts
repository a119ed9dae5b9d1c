import { InvalidArgumentError } from '@qedge/core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createKernelHost } from '../src/node.ts';
import { BundledProject, nodeExecutables } from './bundled-project.ts';
import { hostFeatures, missingMachineCode } from './host-features.ts';

const missing = missingMachineCode();
if (missing) console.warn(`SKIPPED: the choice of machine code. ${missing}`);

afterEach(() => vi.unstubAllEnvs());

describe('the choice of a kernel host', () => {
  it.skipIf(missing !== '')('takes the fastest machine code, and says what the processor lacks', () => {
    vi.stubEnv('QEDGE_ISA', '');
    const { host, fallbacks } = createKernelHost({ strict: true });
    const { avx512f } = hostFeatures();
    expect(host.isa).toBe(avx512f ? 'avx512' : 'avx2');
    expect(host.strict).toBe(true);
    expect(fallbacks.map(({ from }) => from)).toEqual(avx512f ? [] : ['avx512']);
  });

  it('takes WebAssembly where QEDGE_NATIVE=0, and says why', () => {
    vi.stubEnv('QEDGE_ISA', '');
    vi.stubEnv('QEDGE_NATIVE', '0');
    const { host, fallbacks } = createKernelHost();
    expect(host.isa).toMatch(/^wasm/);
    expect(fallbacks.slice(0, 2)).toMatchObject([
      { from: 'avx512', to: host.isa, why: expect.stringMatching(/QEDGE_NATIVE=0/) },
      { from: 'avx2', to: host.isa, why: expect.stringMatching(/QEDGE_NATIVE=0/) },
    ]);
    expect(() => createKernelHost({ isa: 'avx2' })).toThrow(/QEDGE_NATIVE=0/);
  });

  it.skipIf(missing !== '')('takes what QEDGE_ISA names, unless an option does', () => {
    vi.stubEnv('QEDGE_ISA', 'avx2');
    expect(createKernelHost().host.isa).toBe('avx2');
    expect(createKernelHost({ isa: 'wasm-strict' }).host.isa).toBe('wasm-strict');
    vi.stubEnv('QEDGE_ISA', 'wasm-strict');
    expect(createKernelHost().host.isa).toBe('wasm-strict');
    expect(createKernelHost({ isa: 'avx2', strict: true }).host).toMatchObject({ isa: 'avx2', strict: true });
    vi.stubEnv('QEDGE_ISA', 'interpreter');
    expect(createKernelHost({ strict: true }).host.isa).toBe('interpreter');
  });

  it.each([
    ['arm64', 'linux'],
    ['x64', 'win32'],
    ['arm64', 'darwin'],
  ])('says that there is no machine code for %s on %s yet', async (arch, platform) => {
    vi.resetModules();
    vi.doMock('node:os', async (original) => ({
      ...(await original<typeof import('node:os')>()),
      arch: () => arch,
      platform: () => platform,
    }));
    try {
      vi.stubEnv('QEDGE_ISA', '');
      const { createKernelHost: create } = await import('../src/node.ts');
      const { host, fallbacks } = create();
      expect(host.isa).toMatch(/^wasm/);
      expect(fallbacks[0]).toMatchObject({
        from: 'avx512',
        why: expect.stringContaining(`${arch} on ${platform}`),
      });
      expect(fallbacks[1]).toMatchObject({
        from: 'avx2',
        why: expect.stringContaining(`${arch} on ${platform}`),
      });
    } finally {
      vi.doUnmock('node:os');
      vi.resetModules();
    }
  });

  it('refuses values of the environment that it does not know', () => {
    vi.stubEnv('QEDGE_ISA', 'neon');
    expect(() => createKernelHost()).toThrow(InvalidArgumentError);
    vi.stubEnv('QEDGE_ISA', '');
    vi.stubEnv('QEDGE_NATIVE', 'no');
    expect(() => createKernelHost()).toThrow(/expected 0 or 1, got no/);
  });
});

describe.skipIf(missing !== '').each(nodeExecutables())('in a process of its own (%s)', (node) => {
  const project = new BundledProject();
  beforeAll(() => project.build({ node: 'src/node.ts' }, { koffi: false }));
  afterAll(() => project.remove());

  it('WebAssembly runs where koffi is not installed, with the reason and what to install', async () => {
    const { output, complaints } = await project.run(
      `import { createKernelHost } from './node.mjs';
       const { host, fallbacks } = createKernelHost();
       console.log(JSON.stringify({ isa: host.isa, fallbacks }));`,
      { node, env: { QEDGE_ISA: '', QEDGE_NATIVE: '' } },
    );
    expect(output, complaints).not.toBe('');
    const { isa, fallbacks } = JSON.parse(output);
    expect(isa).toMatch(/^wasm/);
    expect(fallbacks.slice(0, 2)).toEqual([
      { from: 'avx512', to: isa, why: expect.stringMatching(/koffi is not installed.*npm install koffi/) },
      { from: 'avx2', to: isa, why: expect.stringMatching(/koffi is not installed.*npm install koffi/) },
    ]);
  });
});
