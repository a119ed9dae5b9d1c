import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installPacked, whyNotPackable } from './packed-project.ts';

const reason = whyNotPackable();
if (reason) console.warn(`SKIPPED: the types of packed packages; ${reason}`);

/** Entries that show nothing of an optional package. */
const ENTRIES = [
  '@qedge/core',
  '@qedge/core/node',
  '@qedge/codegen',
  '@qedge/codegen/node',
  '@qedge/memory',
  '@qedge/memory/node',
  '@qedge/kernels',
  '@qedge/kernels/node',
  '@qedge/kernels/graph',
  '@qedge/kernels/onnx',
  '@qedge/kernels/ort',
  '@qedge/kernels/testing',
];

const COMPILER_OPTIONS = {
  module: 'NodeNext',
  target: 'ES2022',
  lib: ['ES2023', 'ESNext.Disposable', 'DOM'],
  strict: true,
  noEmit: true,
  skipLibCheck: false,
  types: ['node'],
  typeRoots: [resolve(import.meta.dirname, '../node_modules/@types')],
};

const USE = `
export const path: string | null = core.loadKoffi().available ? 'there' : null;
export const names: readonly string[] = [...memory.openModelFile('model.qez').names()];
export async function multiply(): Promise<string> {
  const { tf, backend } = await kernels.loadTensorflow({ prefer: ['wasm'] });
  using acceleration = await kernels.accelerate(tf, { threads: 2 });
  return backend + acceleration.isa;
}
// @ts-expect-error a namespace of something else
export const refused = kernels.accelerate({ version: '1' });
`;

describe.skipIf(reason !== null)(
  'declarations of packed packages, all of them checked, no optional package there',
  () => {
    let project = '';

    beforeAll(() => {
      project = installPacked(['@qedge/kernels']);
      for (const absent of ['koffi', '@tensorflow', 'onnxruntime-node']) {
        expect(existsSync(join(project, 'node_modules', absent))).toBe(false);
      }
    }, 240_000);

    afterAll(() => rmSync(project, { recursive: true, force: true }));

    const compile = (sources: Readonly<Record<string, string>>) => {
      for (const [file, source] of Object.entries(sources)) writeFileSync(join(project, file), source);
      writeFileSync(
        join(project, 'tsconfig.json'),
        JSON.stringify({ compilerOptions: COMPILER_OPTIONS, files: Object.keys(sources) }),
      );
      const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
      const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', project], { encoding: 'utf8' });
      return { status, stdout };
    };

    it('compile in ES modules and in CommonJS', { timeout: 60_000 }, () => {
      const modules = [
        ...ENTRIES.map((entry, i) => [`entry${i}`, entry]),
        ['core', '@qedge/core/node'],
        ['memory', '@qedge/memory/node'],
        ['kernels', '@qedge/kernels/node'],
      ];
      const imports = modules.map(([name, entry]) => `import * as ${name} from '${entry}';\n`).join('');
      const requires = modules.map(([name, entry]) => `import ${name} = require('${entry}');\n`).join('');
      const entries = `export const entries = [${ENTRIES.map((_, i) => `entry${i}`)}];\n`;
      const sources = { 'program.mts': imports + entries + USE, 'program.cts': requires + entries + USE };
      expect(compile(sources)).toEqual({ status: 0, stdout: '' });
    });

    it('are really checked: a declaration that is wrong is an error', { timeout: 60_000 }, () => {
      const { status, stdout } = compile({
        'wrong.d.cts': "export declare const module: typeof import('koffi');\n",
        'program.cts': "import wrong = require('./wrong.cjs');\nexport const { module: it } = wrong;\n",
      });
      expect(status).not.toBe(0);
      expect(stdout).toContain('koffi');
    });
  },
);
