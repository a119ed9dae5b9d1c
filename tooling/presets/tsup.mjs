import { readFileSync } from 'node:fs';

/**
 * The build of a publishable package: ESM + CJS + declarations, one entry per `exports` subpath.
 * Entries are read from the `@qedge/source` condition, so `package.json` is the only list.
 *
 * @param {import('tsup').Options} [overrides]
 * @returns {import('tsup').Options}
 */
export function library(overrides = {}) {
  const { exports } = JSON.parse(readFileSync('package.json', 'utf8'));
  const entry = Object.fromEntries(
    Object.values(exports)
      .filter((target) => typeof target === 'object' && target['@qedge/source'])
      .map((target) => [
        target.import.default.replace('./dist/', '').replace('.js', ''),
        target['@qedge/source'].replace('./', ''),
      ]),
  );
  return {
    entry,
    format: ['esm', 'cjs'],
    target: 'es2022',
    platform: 'neutral',
    external: [/^node:/],
    dts: true,
    sourcemap: true,
    clean: true,
    treeshake: true,
    splitting: true,
    ...overrides,
  };
}
