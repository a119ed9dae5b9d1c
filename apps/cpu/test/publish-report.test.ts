import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { publishReport } from '../src/report/write-report.ts';

const FILES = ['models/digits.qez', 'report.schema.json', 'report.md', 'report.json', 'index.html'];

describe('publishReport', () => {
  let folder = '';
  const fill = (name: string, content: string, files = FILES) => {
    for (const file of files) {
      mkdirSync(join(folder, name, file, '..'), { recursive: true });
      writeFileSync(join(folder, name, file), content);
    }
    return join(folder, name);
  };
  const contents = () => FILES.map((file) => readFileSync(join(folder, 'output', file), 'utf8'));

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'qedge-publish-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('replaces an earlier report and leaves other files alone', async () => {
    const output = fill('output', 'old', [...FILES, 'history.jsonl', 'models/stale.qez']);
    await publishReport(fill('staging', 'new'), output);
    expect(contents()).toEqual(FILES.map(() => 'new'));
    expect(readdirSync(output)).toContain('history.jsonl');
    expect(readdirSync(join(output, 'models'))).toEqual(['digits.qez']);
  });

  it('makes a first report', async () => {
    mkdirSync(join(folder, 'output'));
    await publishReport(fill('staging', 'new'), join(folder, 'output'));
    expect(contents()).toEqual(FILES.map(() => 'new'));
  });

  it.each(FILES.map((file) => file.split('/')[0]!))(
    'puts the earlier report back when %s cannot be moved',
    async (missing) => {
      const output = fill('output', 'old');
      const staging = fill('staging', 'new');
      rmSync(join(staging, missing), { recursive: true });
      await expect(publishReport(staging, output)).rejects.toMatchObject({ code: 'ENOENT' });
      expect(contents()).toEqual(FILES.map(() => 'old'));
      expect(readdirSync(output).sort()).toEqual(
        [...new Set(FILES.map((file) => file.split('/')[0]!))].sort(),
      );
    },
  );
});
