import { readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Finds packages that are not dependencies, in the folders where a person may have installed them. */
export class InstalledPackages {
  readonly #requires: readonly NodeJS.Require[];

  /** @param folders absolute, first choice first. */
  constructor(folders: readonly string[]) {
    this.#requires = folders.map((folder) => createRequire(join(folder, 'index.js')));
  }

  /** The file that `import name` would load. @throws Error when the package is in none of the folders. */
  resolve(name: string): string {
    for (const require of this.#requires) {
      try {
        return require.resolve(name);
      } catch {
        // The next folder may have it.
      }
    }
    throw new Error(`${name} is not installed`);
  }

  /** Loads a CommonJS package. */
  require(name: string): unknown {
    const path = this.resolve(name);
    return createRequire(path)(path);
  }

  /** Loads an ES module package. */
  import(name: string): Promise<unknown> {
    return import(pathToFileURL(this.resolve(name)).href);
  }

  /** The folder of a package, also of one that has data only. @throws Error when it is in none of the folders. */
  folder(name: string): string {
    for (const require of this.#requires) {
      for (const place of require.resolve.paths(name) ?? []) {
        const folder = join(place, name);
        if (this.#manifest(folder)?.name === name) return realpathSync(folder);
      }
    }
    throw new Error(`${name} is not installed`);
  }

  version(name: string): string {
    return this.#manifest(this.folder(name))!.version;
  }

  #manifest(folder: string): { readonly name: string; readonly version: string } | null {
    try {
      return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
    } catch {
      return null;
    }
  }
}
