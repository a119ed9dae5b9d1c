import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assertWritableFile, writeFileAtomic } from '../src/node.ts';

describe('writeFileAtomic', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'qedge-core-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('writes text and bytes, and replaces what was there', async () => {
    const path = join(folder, 'model.qez');
    await writeFileAtomic(path, 'old content that is longer');
    expect(await readFile(path, 'utf8')).toBe('old content that is longer');
    await writeFileAtomic(path, new Uint8Array([0, 255, 7]));
    expect([...(await readFile(path))]).toEqual([0, 255, 7]);
    expect(await readdir(folder)).toEqual(['model.qez']);
  });

  it('leaves nothing behind when the target cannot be replaced', async () => {
    const path = join(folder, 'taken');
    await mkdir(path);
    await writeFile(join(path, 'inside'), 'x');
    await expect(writeFileAtomic(path, 'data')).rejects.toThrow();
    expect(await readdir(folder)).toEqual(['taken']);
    expect(await readdir(path)).toEqual(['inside']);
  });

  it('leaves the old content when the new cannot be written', async () => {
    const path = join(folder, 'kept');
    await writeFileAtomic(path, 'old');
    await expect(writeFileAtomic(path, { not: 'data' } as unknown as string)).rejects.toThrow();
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['kept']);
  });

  it('says in typed errors what stands in the way, before and while writing', async () => {
    await writeFile(join(folder, 'file'), 'x');
    await mkdir(join(folder, 'folder'));
    for (const attempt of [assertWritableFile, (path: string) => writeFileAtomic(path, 'data')]) {
      await expect(attempt(join(folder, 'missing', 'x'))).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
      await expect(attempt(join(folder, 'file', 'x'))).rejects.toMatchObject({
        code: 'FILE_ACCESS',
        message: expect.stringMatching(/cannot be written: got part of the path is a file/),
      });
      await expect(attempt(join(folder, 'folder'))).rejects.toMatchObject({ code: 'FILE_ACCESS' });
    }
    await assertWritableFile(join(folder, 'file'));
    await assertWritableFile(join(folder, 'new'));
    expect((await readdir(folder)).sort()).toEqual(['file', 'folder']);
  });

  it('never shows a reader a mixture, even while several writers replace the file', async () => {
    const path = join(folder, 'busy');
    const contents = ['a', 'b', 'c'].map((letter) => letter.repeat(200_000));
    await writeFileAtomic(path, contents[0]!);
    let writing = true;
    const writers = Promise.all(
      contents.map(async (content) => {
        for (let i = 0; i < 5; i++) await writeFileAtomic(path, content);
      }),
    ).finally(() => {
      writing = false;
    });
    let reads = 0;
    while (writing) {
      expect(contents).toContain(await readFile(path, 'utf8'));
      reads++;
    }
    await writers;
    expect(reads).toBeGreaterThan(0);
    expect(await readdir(folder)).toEqual(['busy']);
  });
});
