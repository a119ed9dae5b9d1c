import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const source = new URL('../src/', import.meta.url);

/** Source files reachable from an entry through relative imports, with what else they import. */
function reach(entry: string): { files: Set<string>; outside: Set<string> } {
  const files = new Set<string>();
  const outside = new Set<string>();
  const visit = (file: string) => {
    if (files.has(file)) return;
    files.add(file);
    for (const [, target] of readFileSync(new URL(file, source), 'utf8').matchAll(/\bfrom '([^']+)'/g)) {
      if (target!.startsWith('./')) visit(target!.slice(2));
      else outside.add(target!);
    }
  };
  visit(entry);
  return { files, outside };
}

describe('the entries', () => {
  it('keep everything that needs Node out of the one that runs anywhere', () => {
    expect([...reach('index.ts').outside]).toEqual(['@qedge/core']);
  });

  it('reach every source file', () => {
    const reached = new Set([...reach('index.ts').files, ...reach('node.ts').files]);
    expect(readdirSync(source).filter((file) => !reached.has(file))).toEqual([]);
  });
});
