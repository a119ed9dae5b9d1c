import {
  CapabilityUnavailableError,
  FileAccessError,
  FileFormatError,
  FileNotFoundError,
  InvalidArgumentError,
} from '@qedge/core';
import { type ByteSource, bytesInMemory } from '@qedge/memory';

/** A file whose parts are read where they are wanted. */
export interface ProgramFileBytes extends ByteSource {
  /** Fills `target` with the bytes at `offset`. @throws FileFormatError where the file has fewer. */
  readInto(offset: number, target: Uint8Array): void;
}

/**
 * Bytes in memory, or a path in Node. No module of Node is imported, so that browsers can load this one.
 *
 * @throws FileNotFoundError, FileAccessError, CapabilityUnavailableError for a path where there are no files.
 */
export function openProgramFile(file: string | Uint8Array): ProgramFileBytes {
  if (typeof file === 'string') return new FileOnDisk(file);
  if (!(file instanceof Uint8Array)) {
    throw new InvalidArgumentError('A prepared file is of the wrong kind', {
      expected: 'its path, or its bytes as a Uint8Array',
      actual: typeof file,
    });
  }
  return {
    ...bytesInMemory(file),
    readInto: (offset, target) => target.set(file.subarray(offset, offset + target.byteLength)),
  };
}

/** The functions of `node:fs` that are used here. */
interface FileSystem {
  openSync(path: string, flags: string): number;
  fstatSync(descriptor: number): { readonly size: number; isFile(): boolean };
  readSync(descriptor: number, target: Uint8Array, at: number, byteLength: number, position: number): number;
  closeSync(descriptor: number): void;
}

function fileSystem(path: string): FileSystem {
  const { process } = globalThis as {
    readonly process?: { getBuiltinModule?(name: string): unknown };
  };
  const found = process?.getBuiltinModule?.('node:fs');
  if (found) return found as FileSystem;
  throw new CapabilityUnavailableError('This host has no files', {
    expected: 'the bytes of the file',
    actual: path,
    remedy: 'Fetch it, and give its bytes.',
  });
}

/** Reads parts of a file when they are asked for. */
class FileOnDisk implements ProgramFileBytes {
  readonly name: string;
  readonly byteLength: number;
  readonly loading = 'copied';
  readonly fallbacks = [];
  readonly lifetime = 'caller';
  readonly #system: FileSystem;
  #descriptor: number | null;

  constructor(path: string) {
    this.name = path;
    this.#system = fileSystem(path);
    try {
      this.#descriptor = this.#system.openSync(path, 'r');
    } catch (cause) {
      throw openingError(path, cause);
    }
    const status = this.#system.fstatSync(this.#descriptor);
    this.byteLength = status.size;
    if (status.isFile()) return;
    this.dispose();
    throw new FileAccessError(`${path} is no file`, { remedy: 'Check the path' });
  }

  borrow<Result>(offset: number, byteLength: number, use: (bytes: Uint8Array) => Result): Result {
    const bytes = new Uint8Array(byteLength);
    this.readInto(offset, bytes);
    return use(bytes);
  }

  readInto(offset: number, target: Uint8Array): void {
    for (let done = 0; done < target.byteLength; ) {
      const left = target.byteLength - done;
      const read = this.#system.readSync(this.#descriptor!, target, done, left, offset + done);
      if (read === 0) throw new FileFormatError(`${this.name} was truncated while it was read`);
      done += read;
    }
  }

  dispose(): void {
    if (this.#descriptor === null) return;
    this.#system.closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}

function openingError(path: string, cause: unknown): Error {
  const code = (cause as { readonly code?: unknown } | null)?.code;
  if (code === 'ENOENT')
    return new FileNotFoundError(`There is no file ${path}`, { remedy: 'Check the path', cause });
  return new FileAccessError(`${path} cannot be read`, { actual: String(code ?? cause), cause });
}
