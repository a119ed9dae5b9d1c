import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'tsup';

/** How a child process ended. */
export interface ChildEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly complaints: string;
}

/** A folder like an application's, with source files bundled into it and koffi installed, for programs that run as processes of their own. */
export class BundledProject {
  readonly folder = mkdtempSync(join(tmpdir(), 'qedge-codegen-project-'));

  /** Bundles `entries`, paths in this package by the name of their bundle, as `<name>.mjs`. With `koffi: false`, koffi is not installed. */
  async build(
    entries: Readonly<Record<string, string>>,
    options: { readonly koffi?: boolean } = {},
  ): Promise<void> {
    mkdirSync(join(this.folder, 'node_modules'));
    const koffi = options.koffi === false ? null : koffiFolder();
    if (koffi) symlinkSync(koffi, join(this.folder, 'node_modules', 'koffi'));
    await build({
      config: false,
      entry: Object.fromEntries(
        Object.entries(entries).map(([name, path]) => [
          name,
          fileURLToPath(new URL(`../${path}`, import.meta.url)),
        ]),
      ),
      outDir: this.folder,
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
  }

  /** Runs a module's text in the folder with a Node executable. */
  run(
    program: string,
    options: {
      readonly node?: string;
      readonly flags?: readonly string[];
      readonly env?: NodeJS.ProcessEnv;
    } = {},
  ): Promise<ChildEnd> {
    const { node = process.execPath, flags = [], env = {} } = options;
    return new Promise((resolve) => {
      const child = execFile(
        node,
        [...flags, '--input-type=module', '--eval', program],
        { cwd: this.folder, env: { ...process.env, NODE_PATH: '', ...env }, timeout: 120_000 },
        (_, output, complaints) =>
          resolve({ exitCode: child.exitCode, signal: child.signalCode, output, complaints }),
      );
    });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

function koffiFolder(): string | null {
  try {
    const core = createRequire(fileURLToPath(import.meta.resolve('@qedge/core/package.json')));
    return dirname(core.resolve('koffi'));
  } catch {
    return null;
  }
}

/** Node executables to test with: this one, and the one that QEDGE_NODE24 names or the repository's cache holds. */
export function nodeExecutables(): string[] {
  const cached = fileURLToPath(new URL('../../../.cache/node24/node_modules/node/bin/node', import.meta.url));
  const other = process.env.QEDGE_NODE24 ?? cached;
  // Run by the other one, both are the same.
  return existsSync(other) && realpathSync(other) !== realpathSync(process.execPath)
    ? [process.execPath, other]
    : [process.execPath];
}
