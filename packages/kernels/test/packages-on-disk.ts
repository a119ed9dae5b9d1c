import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Module } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// A launcher may have put a package manager's store on NODE_PATH, where everything resolves from everywhere: take it off,
// for this process (which has read it already) and for its children.
delete process.env.NODE_PATH;
(Module as unknown as { _initPaths(): void })._initPaths();

/** A temporary folder with a `node_modules` of its own. */
export interface PackageFolder extends Disposable {
  readonly path: string;
}

/**
 * Makes a folder where exactly the packages given resolve.
 *
 * @param packages name to the text of its CommonJS main file.
 */
export function packageFolder(packages: Readonly<Record<string, string>> = {}): PackageFolder {
  const path = mkdtempSync(join(tmpdir(), 'qedge-packages-'));
  for (const [name, text] of Object.entries(packages)) {
    const folder = join(path, 'node_modules', name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ name, version: '0.0.1', main: 'index.cjs' }),
    );
    writeFileSync(join(folder, 'index.cjs'), text);
  }
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}
