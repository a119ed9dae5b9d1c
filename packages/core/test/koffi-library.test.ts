import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { loadKoffi } from '../src/node.ts';

const loaded = loadKoffi();
if (!loaded.available) console.warn(`SKIPPED: koffi. ${loaded.reason}`);

describe.skipIf(!loaded.available)('koffi, where it is installed', () => {
  it('calls C functions', () => {
    if (!loaded.available) return;
    expect(loaded.koffi.load(null).func('int abs(int)')(-3)).toBe(3);
    expect(loaded.version).toBe(loaded.koffi.version);
  });

  it('is the same module for whoever requires its path', () => {
    if (!loaded.available) return;
    expect(createRequire(import.meta.url)(loaded.path)).toBe(loaded.koffi);
  });
});
