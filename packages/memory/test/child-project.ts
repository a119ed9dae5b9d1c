import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';

/** A folder with the package bundled as `memory.mjs`, and koffi, for programs that run in processes of their own. */
export class ChildProject {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(folder: string): Promise<ChildProject> {
    const koffi = join(folder, 'node_modules', 'koffi');
    mkdirSync(koffi, { recursive: true });
    const core = createRequire(fileURLToPath(import.meta.resolve('@qedge/core/package.json')));
    writeFileSync(
      join(koffi, 'index.js'),
      `module.exports = require(${JSON.stringify(core.resolve('koffi'))});`,
    );
    writeFileSync(join(koffi, 'package.json'), '{"name":"koffi","main":"index.js"}');
    await build({
      config: false,
      entry: { memory: fileURLToPath(new URL('child-entry.ts', import.meta.url)) },
      outDir: folder,
      outExtension: () => ({ js: '.mjs' }),
      format: 'esm',
      target: 'node20',
      platform: 'node',
      external: ['koffi'],
      noExternal: [/^@qedge\//],
      silent: true,
      esbuildOptions: (options) => {
        options.conditions = ['@qedge/source'];
      },
    });
    return new ChildProject(folder);
  }

  /** Runs a program that prints JSON. */
  run(program: string, flags: readonly string[] = []): unknown {
    const output = execFileSync(process.execPath, this.#arguments(program, flags), {
      cwd: this.folder,
      encoding: 'utf8',
    });
    return JSON.parse(output);
  }

  start(program: string): ChildProcess {
    return spawn(process.execPath, this.#arguments(program, []), {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }

  #arguments(program: string, flags: readonly string[]): string[] {
    const imports = `import * as memory from '${join(this.folder, 'memory.mjs')}';`;
    return [...flags, '--input-type=module', '--eval', `${imports}${program}`];
  }
}
