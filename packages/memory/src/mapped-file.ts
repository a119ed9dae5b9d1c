import { constants } from 'node:buffer';
import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import {
  type Fallback,
  FileFormatError,
  FileNotFoundError,
  InvalidArgumentError,
  UseAfterReleaseError,
} from '@qedge/core';
import { assertRange, type ByteSource } from './byte-source.ts';
import { FileVersion } from './file-version.ts';
import { MappedPages } from './mapped-pages.ts';
import {
  type FileRange,
  type LinearMemory,
  type MemoryOverlayResult,
  overlayFile,
} from './memory-overlay.ts';
import {
  type AdviceResult,
  advisePages,
  countResidentPages,
  isPageAdvice,
  type PageAdvice,
  type ResidencyResult,
} from './page-advice.ts';
import { type FileMapping, mapDescriptor } from './posix-mapping.ts';

/** An open file, shared by the handles that refer to it. */
interface SharedFile {
  readonly version: FileVersion;
  readonly fallbacks: readonly Fallback[];
  /** Where the bytes are: in a mapping, or behind a descriptor. */
  readonly access: { readonly mapping: FileMapping } | { readonly descriptor: number };
  handles: number;
}

/** The most that one `read` call may be asked for on every platform. */
const READ_CHUNK_BYTES = 2 ** 30;
/** The longest typed array of this engine: 4 GiB in Node 20. */
const LONGEST_VIEW_BYTES = constants.MAX_LENGTH;

/**
 * Opens a file of any length for reading: mapped on Linux and macOS when koffi loads, otherwise read on demand, with the reason in
 * `fallbacks`.
 *
 * @throws FileNotFoundError when it does not exist, InvalidArgumentError when it is a directory, another kind of special file, or
 *   may not be read.
 */
export function mapFile(path: string): MappedFile {
  const descriptor = openRegularFile(path);
  try {
    const version = new FileVersion(path, fstatSync(descriptor, { bigint: true }));
    const { mapping, why } = mapDescriptor(descriptor, version.byteLength);
    if (mapping) closeSync(descriptor);
    return new MappedFile({
      version,
      fallbacks: why === null ? [] : [{ from: 'mmap', to: 'reading on demand', why }],
      access: mapping ? { mapping } : { descriptor },
      handles: 0,
    });
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/**
 * A file whose bytes are mapped into memory, or read on demand where that is impossible. Handles are counted: each `share()` must
 * be disposed too, and the file is let go with the last one. A mapping is unmapped only when no {@link MappedFile.pages} are lent
 * any more and no view of it can be read.
 *
 * Every access first compares the file's size, modification time and inode with those at opening, because a mapping of a truncated
 * file would end the process. A file that is truncated while an access runs is not caught: replace files by renaming, as
 * `saveModelFile` does.
 *
 * @example
 * using file = mapFile('weights.bin');
 * const first = file.borrow(0, 4096, (bytes) => bytes[0]);
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
    return this.#file.version.path;
  }

  get byteLength(): number {
    return this.#file.version.byteLength;
  }

  get loading(): 'mapped' | 'copied' {
    return 'mapping' in this.#file.access ? 'mapped' : 'copied';
  }

  get fallbacks(): readonly Fallback[] {
    return this.#file.fallbacks;
  }

  get lifetime(): 'caller' | 'call' {
    return this.loading === 'mapped' ? 'call' : 'caller';
  }

  /**
   * Lends bytes of the file to `use`, for the call. When mapped they are the file's own pages: writing to them ends the process. A
   * view that is kept is empty afterwards from Node 22 on; in Node 20 it keeps the mapping.
   *
   * @throws FileFormatError when the file was truncated, changed, replaced or removed since it was opened, UseAfterReleaseError
   *   after `dispose`, InvalidArgumentError for a range outside of the file or longer than a typed array can be.
   */
  borrow<Result>(offset: number, byteLength: number, use: (bytes: Uint8Array) => Result): Result {
    const { access, version } = this.#file;
    this.#requireOpen('read');
    assertRange(this.name, this.byteLength, offset, byteLength);
    if (byteLength > LONGEST_VIEW_BYTES) {
      throw new InvalidArgumentError(`A range of ${version.path} is too long for one view`, {
        expected: `at most ${LONGEST_VIEW_BYTES} bytes`,
        actual: byteLength,
        remedy: 'Borrow parts of it one after the other',
      });
    }
    version.verify();
    if ('mapping' in access) return access.mapping.borrow(offset, byteLength, use);
    return use(readAt(access.descriptor, version.path, offset, byteLength));
  }

  /** A copy of bytes of the file, owned by the caller. @throws what {@link borrow} throws. */
  read(offset: number, byteLength: number): Uint8Array {
    return this.borrow(offset, byteLength, (bytes) => (this.lifetime === 'call' ? bytes.slice() : bytes));
  }

  /**
   * Lends the whole file at an address, for machine code; null where the file is not mapped ({@link fallbacks} say why).
   *
   * @throws UseAfterReleaseError after `dispose`, FileFormatError when the file changed.
   */
  pages(): MappedPages | null {
    const { access, version } = this.#file;
    this.#requireOpen('lent');
    version.verify();
    return 'mapping' in access ? new MappedPages(version, access.mapping) : null;
  }

  /**
   * Puts bytes of the file in the place of pages of a WebAssembly memory, without copying them. Bytes that no page can hold
   * alone are refused with the reason (offsets that begin no page, a length of no whole pages before the end of the file, a
   * system without mapping): copy them then, with {@link borrow}. Offsets that are multiples of 64 KiB begin a page everywhere.
   *
   * @param memory what runs on it must not be running. What its pages held is lost.
   * @param byteOffset where in the memory.
   * @throws InvalidArgumentError for a range outside of the file or the memory, UseAfterReleaseError after `dispose`,
   *   FileFormatError when the file changed.
   */
  mapInto(memory: LinearMemory, byteOffset: number, range: FileRange): MemoryOverlayResult {
    this.#requireOpen('mapped');
    return overlayFile(this.#file.version, memory, byteOffset, range);
  }

  /**
   * Tells the system how bytes will be used: `will-need` starts reading them, `dont-need` takes them out of this process's resident
   * memory (the next touch brings them back).
   *
   * @throws InvalidArgumentError for a range outside of the file or an unknown hint, UseAfterReleaseError after `dispose`.
   */
  advise(offset: number, byteLength: number, advice: PageAdvice): AdviceResult {
    this.#requireOpen('advised');
    assertRange(this.name, this.byteLength, offset, byteLength);
    if (!isPageAdvice(advice)) {
      throw new InvalidArgumentError('A hint is unknown', {
        expected: 'normal, random, sequential, will-need or dont-need',
        actual: String(advice),
      });
    }
    const { access, fallbacks } = this.#file;
    if ('mapping' in access) return advisePages(access.mapping, offset, byteLength, advice);
    return { taken: false, reason: fallbacks[0]!.why };
  }

  /**
   * Counts the bytes of a range that are in physical memory.
   *
   * @throws InvalidArgumentError for a range outside of the file, UseAfterReleaseError after `dispose`, FileFormatError when the
   *   file changed.
   */
  residency(offset: number, byteLength: number): ResidencyResult {
    this.#requireOpen('asked');
    assertRange(this.name, this.byteLength, offset, byteLength);
    const { access, fallbacks, version } = this.#file;
    version.verify();
    if ('mapping' in access) {
      return countResidentPages(access.mapping, version.absolutePath, offset, byteLength);
    }
    return { available: false, reason: fallbacks[0]!.why };
  }

  /** Another handle on the same open file, to be disposed by its holder. @throws UseAfterReleaseError after `dispose`. */
  share(): MappedFile {
    this.#requireOpen('shared');
    return new MappedFile(this.#file);
  }

  /** Gives this handle back. Further calls do nothing. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    const { access } = this.#file;
    this.#file.handles--;
    if (this.#file.handles > 0) return;
    if ('mapping' in access) access.mapping.retire();
    else closeSync(access.descriptor);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #requireOpen(done: string): void {
    if (this.#disposed) throw new UseAfterReleaseError(`${this.name} was ${done} after it was closed`);
  }
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
