import { FileAccessError, FileNotFoundError } from './errors.ts';

const REASONS: Readonly<Record<string, { readonly actual: string; readonly remedy: string }>> = {
  EISDIR: { actual: 'a folder stands there', remedy: 'Name a file in it' },
  ENOTDIR: { actual: 'part of the path is a file', remedy: 'Check the path' },
  EEXIST: { actual: 'something else stands there', remedy: 'Choose another path' },
  EACCES: { actual: 'permission denied', remedy: 'Choose a path that you may use' },
  EPERM: { actual: 'permission denied', remedy: 'Choose a path that you may use' },
  EROFS: { actual: 'the file system is read-only', remedy: 'Choose a path elsewhere' },
  ENOSPC: { actual: 'the disk is full', remedy: 'Make room and try again' },
  ENAMETOOLONG: { actual: 'the name is too long', remedy: 'Choose a shorter one' },
};

/**
 * The typed form of a file system's error: what could not be done with which path, and what to do. Errors that the file system
 * did not raise are returned as they are.
 *
 * @param error what was caught.
 * @param path as the user gave it.
 * @param done `read` or `written`.
 */
export function fileAccessError(error: unknown, path: string, done: 'read' | 'written'): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code === 'ENOENT') {
    const what = done === 'read' ? `There is no file ${path}` : `The folder of ${path} does not exist`;
    return new FileNotFoundError(what, { remedy: 'Check the path', cause: error });
  }
  const reason = code === undefined ? undefined : REASONS[code];
  if (!reason) return error;
  return new FileAccessError(`${path} cannot be ${done}`, { ...reason, facts: { path, code }, cause: error });
}
