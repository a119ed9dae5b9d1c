import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { access, type FileHandle, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileAccessError } from './file-access.ts';

/**
 * Writes a file so that readers see either the old content or all of the new: a temporary file beside the target, flushed
 * to disk, then renamed over it. Nothing is left behind when it fails; a process that is killed leaves the temporary file.
 *
 * @param data the content, or a function that writes it to the open file piece by piece.
 * @throws FileNotFoundError when the folder is missing, FileAccessError when the file cannot be written there, what `data` throws.
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array | ((file: FileHandle) => Promise<void>),
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);
  try {
    const file = await open(temporary, 'wx');
    try {
      if (typeof data === 'function') await data(file);
      else await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    // Without its folder there is no temporary file either, and removing it would hide the first error.
    await rm(temporary, { force: true }).catch(() => undefined);
    throw fileAccessError(error, path, 'written');
  }
}

/**
 * Checks, before long work, that {@link writeFileAtomic} can put a file at `path`: its folder exists and may be written, and no
 * folder stands in its place. Touches nothing.
 *
 * @throws FileNotFoundError, FileAccessError.
 */
export async function assertWritableFile(path: string): Promise<void> {
  try {
    await access(dirname(path), constants.W_OK);
    const folder = await stat(dirname(path));
    if (!folder.isDirectory()) throw Object.assign(new Error('not a folder'), { code: 'ENOTDIR' });
  } catch (error) {
    throw fileAccessError(error, path, 'written');
  }
  const existing = await stat(path).catch(() => null);
  if (existing?.isDirectory()) {
    throw fileAccessError(Object.assign(new Error('a folder'), { code: 'EISDIR' }), path, 'written');
  }
}
