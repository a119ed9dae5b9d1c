import { type BigIntStats, closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  type Fallback,
  FileFormatError,
  FileNotFoundError,
  InvalidArgumentError,
  UseAfterReleaseError,
} from '@qedge/core';
import type { ByteSource } from './byte-source.ts';
import { mapDescriptor } from './posix-mapping.ts';

/** What must stay the same for the bytes to be those that were opened. */
type FileIdentity = Pick<BigIntStats, 'dev' | 'ino' | 'size' | 'mtimeNs'>;

/** An open file, shared by the handles that refer to it. */
interface SharedFile {
  /** As it was given, for messages. */
  readonly path: string;
  /** What `path` meant when the file was opened: the working directory may change. */
  readonly absolutePath: string;
  readonly identity: FileIdentity;
  readonly byteLength: number;
  readonly fallbacks: readonly Fallback[];
  /** Where the bytes are; null buffer: read through the descriptor. */
  readonly access: { readonly buffer: ArrayBuffer } | { readonly descriptor: number };
  handles: number;
}

/** The most that one `read` call may be asked for on every platform. */
const READ_CHUNK_BYTES = 2 ** 30;

/**
 * Opens a file for reading: mapped on Linux and macOS when koffi loads, otherwise read on demand, with the reason in `fallbacks`.
 *
 * @throws FileNotFoundError when it does not exist, InvalidArgumentError when it is a directory, another kind of special file, or
 *   may not be read.
 */
export function mapFile(path: string): MappedFile {
  const descriptor = openRegularFile(path);
  try {
    const identity = fstatSync(descriptor, { bigint: true });
    const byteLength = Number(identity.size);
    const { buffer, why } = mapDescriptor(descriptor, byteLength);
    if (buffer) closeSync(descriptor);
    return new MappedFile({
      path,
      absolutePath: resolve(path),
      identity,
      byteLength,
      fallbacks: why === null ? [] : [{ from: 'mmap', to: 'reading on demand', why }],
      access: buffer ? { buffer } : { descriptor },
      handles: 0,
    });
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/**
 * A file whose bytes are mapped into memory, or read on demand where that is impossible. Handles are counted: each `share()` must
 * be disposed too, and the file is let go with the last one. A mapping is unmapped only when no view of it is reachable any more.
 *
 * Every access first compares the file's size, modification time and inode with those at opening, because a mapping of a truncated
 * file would end the process. A file that is truncated while an access runs is not caught: replace files by renaming, as
 * `saveModelFile` does.
 */
export class MappedFile implements ByteSource {
  readonly #file: SharedFile;
  #disposed = false;

  /** @internal Use {@link mapFile}. */
  constructor(file: SharedFile) {
    this.#file = file;
    file.handles++;
  }

  get name(): string {
    return this.#file.path;
  }

  get byteLength(): number {
    return this.#file.byteLength;
  }

  get loading(): 'mapped' | 'copied' {
    return 'buffer' in this.#file.access ? 'mapped' : 'copied';
  }

  get fallbacks(): readonly Fallback[] {
    return this.#file.fallbacks;
  }

  get lifetime(): 'caller' | 'call' {
    return this.loading === 'mapped' ? 'call' : 'caller';
  }

  /**
   * Lends bytes of the file to `use`. When mapped they are the file's own pages: writing to them ends the process.
   *
   * @throws FileFormatError when the file was truncated, changed, replaced or removed since it was opened, UseAfterReleaseError
   *   after `dispose`, InvalidArgumentError for a range outside of the file.
   */
  borrow<Result>(offset: number, byteLength: number, use: (bytes: Uint8Array) => Result): Result {
    const { access, path } = this.#file;
    if (this.#disposed) throw new UseAfterReleaseError(`${path} was read after it was closed`);
    this.#checkRange(offset, byteLength);
    this.#checkUnchanged();
    if ('buffer' in access) return use(new Uint8Array(access.buffer, offset, byteLength));
    return use(readAt(access.descriptor, path, offset, byteLength));
  }

  /** A copy of bytes of the file, owned by the caller. @throws what {@link borrow} throws. */
  read(offset: number, byteLength: number): Uint8Array {
    return this.borrow(offset, byteLength, (bytes) => (this.lifetime === 'call' ? bytes.slice() : bytes));
  }

  /** Another handle on the same open file, to be disposed by its holder. @throws UseAfterReleaseError after `dispose`. */
  share(): MappedFile {
    if (this.#disposed) throw new UseAfterReleaseError(`${this.#file.path} was shared after it was closed`);
    return new MappedFile(this.#file);
  }

  /** Gives this handle back. Further calls do nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    const { access } = this.#file;
    this.#file.handles--;
    if (this.#file.handles === 0 && 'descriptor' in access) closeSync(access.descriptor);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #checkRange(offset: number, byteLength: number): void {
    const valid = [offset, byteLength].every((value) => Number.isSafeInteger(value) && value >= 0);
    if (valid && offset + byteLength <= this.byteLength) return;
    throw new InvalidArgumentError(`A range lies outside of ${this.#file.path}`, {
      expected: `within ${this.byteLength} bytes`,
      actual: `${byteLength} bytes at ${offset}`,
    });
  }

  #checkUnchanged(): void {
    const { path, absolutePath, identity } = this.#file;
    const now = statSync(absolutePath, { bigint: true, throwIfNoEntry: false });
    const change = now ? describeChange(identity, now) : 'was removed';
    if (change === null) return;
    throw new FileFormatError(`${path} ${change} since it was opened`, {
      remedy: 'Open it again',
      facts: { path },
    });
  }
}

function describeChange(before: FileIdentity, now: FileIdentity): string | null {
  if (now.ino !== before.ino || now.dev !== before.dev) return 'was replaced';
  if (now.size < before.size) return `was truncated from ${before.size} to ${now.size} bytes`;
  if (now.size !== before.size || now.mtimeNs !== before.mtimeNs) return 'was changed';
  return null;
}

function openRegularFile(path: string): number {
  try {
    // Asked before opening, because opening a pipe would wait for a writer.
    const stats = statSync(path);
    if (!stats.isFile()) {
      throw new InvalidArgumentError(`${path} cannot be mapped`, {
        expected: 'a file',
        actual: stats.isDirectory() ? 'a directory' : 'a special file',
      });
    }
    return openSync(path, 'r');
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new FileNotFoundError(`${path} does not exist`, { facts: { path }, cause });
    }
    if (cause instanceof InvalidArgumentError) throw cause;
    throw new InvalidArgumentError(`${path} cannot be read (${message})`, { facts: { path }, cause });
  }
}

function readAt(descriptor: number, path: string, offset: number, byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  let done = 0;
  while (done < byteLength) {
    const wanted = Math.min(READ_CHUNK_BYTES, byteLength - done);
    const got = readSync(descriptor, bytes, done, wanted, offset + done);
    if (got === 0) throw new FileFormatError(`${path} was truncated while it was read`, { facts: { path } });
    done += got;
  }
  return bytes;
}
