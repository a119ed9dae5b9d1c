import { symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'tsup';

/**
 * Bundles a module with the sources of the packages that it uses, so that benchmarks need no build and may time what the
 * packages do not export.
 *
 * @param entry relative to this folder.
 * @param options `platform`: `browser` or `node`.
 * @returns the path of the bundle in `folder`.
 */
export async function bundle(entry, folder, { platform }) {
  const name = basename(entry, '.mjs');
  await build({
    config: false,
    entry: { [name]: join(import.meta.dirname, entry) },
    outDir: folder,
    outExtension: () => ({ js: '.mjs' }),
    format: 'esm',
    platform,
    target: 'es2022',
    splitting: false,
    noExternal: platform === 'browser' ? [/.*/] : [/^@qedge\//],
    silent: true,
    esbuildOptions: (options) => {
      options.conditions = ['@qedge/source'];
    },
  });
  return join(folder, `${name}.mjs`);
}

/** Lets bundles for Node in `folder` load koffi, which has binary parts, from where `@qedge/core` has it. */
export function linkKoffi(folder) {
  symlinkSync(join(import.meta.dirname, '../../core/node_modules'), join(folder, 'node_modules'), 'dir');
}
