import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { documentFiles, findBrokenLinks } from '../src/markdown.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

describe('the links of the documentation', () => {
  it.each(documentFiles(root))('in %s lead somewhere inside the repository', (file) => {
    expect(findBrokenLinks(root, file).map(({ line, target }) => `${file}:${line} -> ${target}`)).toEqual([]);
  });
});
