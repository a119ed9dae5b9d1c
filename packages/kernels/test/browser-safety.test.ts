import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'qedge-browser-safety-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The code of entries alone, bundled as for a browser with core, codegen and memory inside: a reachable Node module is an error. */
async function bundle(entries: Record<string, string>): Promise<string> {
  await build({
    config: false,
    entry: Object.fromEntries(
      Object.entries(entries).map(([name, path]) => [
        name,
        fileURLToPath(new URL(`../src/${path}`, import.meta.url)),
      ]),
    ),
    outDir: folder,
    clean: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    noExternal: [/^@qedge\//],
    // Left to itself, tsup takes the prefix away and lets Node modules pass.
    removeNodeProtocol: false,
    silent: true,
    esbuildOptions: (options) => {
      options.conditions = ['@qedge/source'];
      options.logLevel = 'silent';
    },
  });
  return readdirSync(folder)
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n');
}

describe('the entries', () => {
  it('reach no Node module, those of core, codegen and memory included', async () => {
    const entries = {
      index: 'index.ts',
      graph: 'graph.ts',
      onnx: 'onnx.ts',
      ort: 'ort.ts',
      prepared: 'prepared.ts',
      tfjs: 'tfjs.ts',
      webgpu: 'webgpu.ts',
      testing: 'testing/index.ts',
    };
    const code = await bundle(entries);
    expect(code).toContain('planArena');
    expect(code).toContain('encodeModule');
  });

  it('start prepared programs without the code that generates them', async () => {
    const code = await bundle({ prepared: 'prepared.ts' });
    expect(code).toContain('openPreparedProgram');
    for (const generator of ['encodeModule', 'emitKernel', 'planExecution', 'validateGraph']) {
      expect(code).not.toContain(generator);
    }
  });

  it('are told apart from the one that needs Node', async () => {
    await expect(bundle({ node: 'node.ts' })).rejects.toThrow(/"node:child_process"/);
  });
});
