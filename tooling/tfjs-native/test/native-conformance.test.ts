import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { probeCapabilities } from '@qedge/kernels/node';
import { deviceConformanceCases } from '@qedge/kernels/testing';
import { build } from 'tsup';
import { beforeAll, describe, expect, it } from 'vitest';
import type { DriverReport } from '../src/conformance-driver.ts';

const ROOT = join(import.meta.dirname, '..');
const DRIVER = join(ROOT, '.build/driver/conformance-driver.js');

const FLAVOURS = [
  { library: 'tfjs-node', folder: join(ROOT, '.build/cpu'), command: 'node tooling/tfjs-native/build.mjs' },
  {
    library: 'tfjs-node-gpu',
    folder: join(ROOT, '.build/gpu'),
    command: 'node tooling/tfjs-native/build.mjs --gpu',
  },
];
const NODES = [
  { version: `Node ${process.versions.node}`, binary: process.execPath },
  { version: 'Node 24', binary: process.env.QEDGE_NODE24 ?? '' },
];
const isBuilt = (folder: string) => existsSync(join(folder, 'native/lib/napi-v8/tfjs_binding.node'));

describe.skipIf(!FLAVOURS.some(({ folder }) => isBuilt(folder)))('the native TensorFlow.js packages', () => {
  beforeAll(async () => {
    // One plain JavaScript file, so that any Node can run it.
    await build({
      entry: [join(ROOT, 'src/conformance-driver.ts')],
      outDir: join(ROOT, '.build/driver'),
      format: ['esm'],
      target: 'node20',
      noExternal: [/^@qedge\//],
      external: ['koffi'],
      esbuildOptions: (options) => {
        options.conditions = ['@qedge/source'];
      },
      config: false,
      silent: true,
      clean: true,
    });
  });

  for (const { library, folder, command } of FLAVOURS) {
    for (const { version, binary } of NODES) {
      const missing = !isBuilt(folder)
        ? `it was not built: ${command}`
        : binary
          ? ''
          : 'QEDGE_NODE24 names no Node 24 binary';
      if (missing) console.warn(`SKIPPED: the conformance of ${library} on ${version}. ${missing}`);

      it.skipIf(missing !== '')(
        `${library} on ${version} loads and keeps every promise of a device`,
        async () => {
          const report = await runDriver(binary, library, folder);
          expect(report).toMatchObject({
            library,
            backend: 'tensorflow',
            tensorflowVersion: '2.9.1',
            isGpuPackage: library === 'tfjs-node-gpu',
            tensorsLeft: 0,
          });
          expect(report.cases.filter(({ error }) => error !== null)).toEqual([]);
          const cases = deviceConformanceCases().filter(({ precision }) =>
            [null, 'float32'].includes(precision),
          );
          expect(report.cases.map(({ name }) => name)).toEqual(cases.map(({ name }) => name));
          // Without a GPU the GPU package says that it fell to its CPU; nothing else may have been lost.
          const shortfalls = report.fallbacks.map(({ from }) => from);
          const expected =
            report.isGpuPackage && !report.isUsingGpuDevice ? ['@tensorflow/tfjs-node-gpu on a GPU'] : [];
          expect(shortfalls).toEqual(expected);
        },
      );
    }

    it.skipIf(!isBuilt(folder))(`the probe of ${library} finds it`, async () => {
      const found = (await probeCapabilities({ from: folder })).find(({ name }) => name === library);
      expect(found).toMatchObject({ available: true, remedy: null });
      expect(found!.reason).toContain('backend tensorflow, libtensorflow 2.9.1');
    });
  }
});

if (!FLAVOURS.some(({ folder }) => isBuilt(folder))) {
  console.warn(`SKIPPED: every test of the native packages. None was built: ${FLAVOURS[0]!.command}`);
}

async function runDriver(binary: string, library: string, folder: string): Promise<DriverReport> {
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' };
  const { stdout } = await promisify(execFile)(binary, [DRIVER, library, folder], {
    env,
    maxBuffer: 2 ** 24,
  });
  return JSON.parse(stdout.trim().split('\n').at(-1)!);
}
