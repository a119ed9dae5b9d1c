import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { documentFiles, extractExamples, findBrokenLinks } from '../src/markdown.ts';
import { runExample } from '../src/run-example.ts';

const FENCE = '```';

describe('extractExamples', () => {
  it('takes js fences only, with their lines', () => {
    const text = [
      '# T',
      `${FENCE}sh`,
      'ls',
      FENCE,
      '',
      `${FENCE}js`,
      'a();',
      '',
      'b();',
      FENCE,
      `${FENCE}ts`,
      'c',
      FENCE,
    ];
    expect(extractExamples('x.md', text.join('\n'))).toEqual([
      { file: 'x.md', line: 6, code: 'a();\n\nb();\n' },
    ]);
  });
});

describe('a small repository', () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'qedge-docs-'));
    for (const folder of ['docs/guide', 'docs/api', 'packages/a/node_modules/x', 'apps/cli'])
      await mkdir(join(root, folder), { recursive: true });
    await writeFile(
      join(root, 'README.md'),
      [
        '# Top `code` & more',
        '[a](docs/guide/a.md) [b](docs/missing.md) [c](#top-code--more) [d](#nowhere)',
        '[web](https://example.org/x.md) `[code](no.md)` [e](docs/guide/a.md#part-1) [f](docs/guide/a.md#part-9)',
        '[up](../outside.md)',
        FENCE,
        '[fenced](no.md)',
        FENCE,
        '[reference]: docs/none.md',
      ].join('\n'),
    );
    await writeFile(join(root, 'docs/guide/a.md'), '# A\n\n## Part 1\n\n[home](../../README.md)\n');
    await writeFile(join(root, 'docs/api/b.md'), '[x](gone.md)');
    await writeFile(join(root, 'packages/a/README.md'), '# a');
    await writeFile(join(root, 'packages/a/node_modules/x/README.md'), '# x');
  });
  afterAll(() => rm(root, { recursive: true }));

  it('lists documents, not generated or installed ones', () => {
    expect(documentFiles(root).toSorted()).toEqual(['README.md', 'docs/guide/a.md', 'packages/a/README.md']);
  });

  it('shows its broken links with their lines', () => {
    expect(findBrokenLinks(root, 'docs/guide/a.md')).toEqual([]);
    expect(findBrokenLinks(root, 'README.md').map(({ line, target }) => [line, target])).toEqual([
      [2, 'docs/missing.md'],
      [2, '#nowhere'],
      [3, 'docs/guide/a.md#part-9'],
      [4, '../outside.md'],
      [8, 'docs/none.md'],
    ]);
  });

  it('runs examples and tells how they end', async () => {
    const run = (code: string, timeoutMs = 20_000) =>
      runExample(root, { file: 'docs/x.md', line: 1, code }, timeoutMs);
    expect(await run('console.log(1 + 1)')).toMatchObject({ exitCode: 0, stdout: '2\n' });
    const failed = await run('throw new Error("broken example")');
    expect(failed.exitCode).toBe(1);
    expect(failed.stderr).toContain('broken example');
    expect(await run('setInterval(() => {}, 1000)', 300)).toMatchObject({ exitCode: -1 });
  });
});
