import { createRequire } from 'node:module';
import { describe, expect, it } from 'vitest';
import { type Koffi, loadKoffi } from '../src/node.ts';

const loaded = loadKoffi();
if (!loaded.available) console.warn(`SKIPPED: koffi. ${loaded.reason}`);

/** Compiles while koffi has what the interface declares; it describes types to `decode` in more ways than one interface can. */
export function asDeclared(koffi: Omit<typeof import('koffi'), 'decode'>): Omit<Koffi, 'decode'> {
  return koffi;
}

describe.skipIf(!loaded.available)('koffi, where it is installed', () => {
  it('calls C functions', () => {
    if (!loaded.available) return;
    expect(loaded.koffi.load(null).func<(value: number) => number>('int abs(int)')(-3)).toBe(3);
    expect(loaded.version).toBe(loaded.koffi.version);
  });

  it('is the same module for whoever requires its path', () => {
    if (!loaded.available) return;
    expect(createRequire(import.meta.url)(loaded.path)).toBe(loaded.koffi);
  });
});
