import { ftruncateSync, writeSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { CapabilityUnavailableError, UseAfterReleaseError } from '@qedge/core';
import { type Koffi, loadKoffi } from '@qedge/core/node';
import { CodeSlabs, type Slab } from './code-slabs.ts';

/** Where code was put, or why no memory may be executed here. */
export type CodePlacement =
  | { readonly placed: true; readonly address: number }
  | { readonly placed: false; readonly reason: string; readonly remedy: string };

/** Functions start at cache lines. */
const CODE_ALIGNMENT = 64;
const PAGE_BYTES = 4096;
/** Address space per slab; pages count only once code is written to them. */
const SLAB_BYTES = 2 ** 20;

// The constants of Linux on x86-64.
const PROT_READ_WRITE = 3;
const PROT_READ_EXECUTE = 5;
const MAP_SHARED = 1;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MFD_CLOEXEC = 1;
/** The file itself is never run as a program; kernels since 6.3 may insist on this flag, older ones do not know it. */
const MFD_NOEXEC_SEAL = 8;
const MAP_FAILED = -1;

const REMEDY =
  'Allow executable memory for this process (for example MemoryDenyWriteExecute=no in its systemd unit, or SELinux ' +
  'execmem); until then WebAssembly runs the kernels';

/** The C functions that map memory. Addresses are numbers: user space ends below 2^47. */
interface LibraryCalls {
  readonly mmap: (
    at: number,
    bytes: number,
    protection: number,
    flags: number,
    file: number,
    offset: number,
  ) => number;
  readonly mprotect: (at: number, bytes: number, protection: number) => number;
  readonly munmap: (at: number, bytes: number) => number;
  readonly memcpy: (to: number, from: Uint8Array, bytes: number) => void;
  readonly memfdCreate: (name: string, flags: number) => number;
  /** Not that of Node, which warns in worker threads of files that it has not opened. */
  readonly close: (file: number) => number;
}

/**
 * Memory that holds machine code. Nothing is ever writable and executable at once:
 *
 * 1. `memfd_create`, then `mmap(PROT_READ | PROT_EXEC)`: code is written to the file, and no mapping of it is writable;
 * 2. where that is refused, anonymous memory that is filled first and then made executable by `mprotect`;
 * 3. where both are refused, {@link place} says so.
 *
 * Code stays where it is until {@link release} or the end of the process, because a function or another thread may still use it: a few
 * kilobytes per kernel. `dispose` closes the files, and no more code is taken.
 */
export class ExecutableMemory {
  readonly koffi: Koffi;
  /** Of every kernel: a function of one address. */
  readonly kernelType: ReturnType<Koffi['proto']>;
  readonly #calls: LibraryCalls;
  readonly #slabs: CodeSlabs;
  /** Why the first way does not work; it is tried once. */
  #memfdFailure: string | null = null;
  #disposed = false;

  /**
   * @throws CapabilityUnavailableError on another system or processor, or where koffi does not load.
   */
  constructor() {
    if (platform() !== 'linux' || arch() !== 'x64') {
      throw new CapabilityUnavailableError('Machine code is generated for x86-64 on Linux only', {
        actual: `${arch()} on ${platform()}`,
        remedy: 'WebAssembly runs the same kernels',
      });
    }
    const loaded = loadKoffi();
    if (!loaded.available) {
      throw new CapabilityUnavailableError(`Machine code cannot be called: ${loaded.reason}`, {
        remedy: loaded.remedy,
      });
    }
    this.koffi = loaded.koffi;
    this.kernelType = loaded.koffi.proto('void', ['int64_t']);
    const calls = bindLibraryCalls(loaded.koffi);
    this.#calls = calls;
    this.#slabs = new CodeSlabs((descriptor) => calls.close(descriptor));
  }

  /**
   * Copies position-independent code to executable memory.
   *
   * @throws UseAfterReleaseError after `dispose`.
   */
  place(code: Uint8Array): CodePlacement {
    if (this.#disposed) throw new UseAfterReleaseError('Executable memory was used after dispose()');
    if (this.#memfdFailure === null) {
      const address = this.#append(code);
      if (typeof address === 'number') return { placed: true, address };
      this.#memfdFailure = address;
    }
    const address = this.#protect(code);
    if (typeof address === 'number') return { placed: true, address };
    return {
      placed: false,
      reason: `The system refuses executable memory: ${this.#memfdFailure}; ${address}`,
      remedy: REMEDY,
    };
  }

  /** Lets other code take the place of `byteLength` bytes that {@link place} put at `address`. No thread may run them any more. */
  release(address: number, byteLength: number): void {
    this.#slabs.release(address, roundUp(byteLength, CODE_ALIGNMENT));
  }

  dispose(): void {
    this.#disposed = true;
    this.#slabs.close();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Writes to a slab. Returns the address, or what failed. */
  #append(code: Uint8Array): number | string {
    const byteLength = roundUp(Math.max(code.byteLength, 1), CODE_ALIGNMENT);
    let place = this.#slabs.take(byteLength);
    if (place === null) {
      const opened = this.#openSlab(Math.max(SLAB_BYTES, roundUp(byteLength, PAGE_BYTES)));
      if (typeof opened === 'string') return opened;
      this.#slabs.add(opened);
      place = this.#slabs.take(byteLength)!;
    }
    const { slab, offset } = place;
    try {
      for (let done = 0; done < code.byteLength; ) {
        done += writeSync(slab.descriptor, code, done, code.byteLength - done, offset + done);
      }
    } catch (error) {
      return `writing to the memfd failed (${(error as Error).message})`;
    }
    return slab.address + offset;
  }

  #openSlab(byteLength: number): Slab | string {
    const { mmap, memfdCreate, close } = this.#calls;
    let descriptor = memfdCreate('qedge-code', MFD_CLOEXEC | MFD_NOEXEC_SEAL);
    if (descriptor < 0) descriptor = memfdCreate('qedge-code', MFD_CLOEXEC);
    if (descriptor < 0) return this.#failure('memfd_create');
    try {
      ftruncateSync(descriptor, byteLength);
    } catch (error) {
      close(descriptor);
      return `ftruncate of the memfd failed (${(error as Error).message})`;
    }
    const address = mmap(0, byteLength, PROT_READ_EXECUTE, MAP_SHARED, descriptor, 0);
    if (address !== MAP_FAILED) return { descriptor, address, byteLength };
    const failure = this.#failure('mmap(PROT_EXEC) of a memfd');
    close(descriptor);
    return failure;
  }

  /** Fills anonymous memory and makes it executable. Returns the address, or what failed. */
  #protect(code: Uint8Array): number | string {
    const { mmap, mprotect, munmap, memcpy } = this.#calls;
    const byteLength = roundUp(Math.max(code.byteLength, 1), PAGE_BYTES);
    const address = mmap(0, byteLength, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
    if (address === MAP_FAILED) return this.#failure('mmap of anonymous memory');
    memcpy(address, code, code.byteLength);
    if (mprotect(address, byteLength, PROT_READ_EXECUTE) === 0) return address;
    const failure = this.#failure('mprotect(PROT_EXEC)');
    munmap(address, byteLength);
    return failure;
  }

  #failure(call: string): string {
    const errno = this.koffi.errno();
    const name = Object.entries(this.koffi.os.errno).find(([, value]) => value === errno)?.[0];
    return `${call} failed with errno ${errno}${name === undefined ? '' : ` (${name})`}`;
  }
}

function bindLibraryCalls(koffi: Koffi): LibraryCalls {
  // The process itself: glibc and musl are both linked into Node.
  const library = koffi.load(null);
  return {
    mmap: library.func('mmap', 'int64_t', ['int64_t', 'size_t', 'int', 'int', 'int', 'int64_t']),
    mprotect: library.func('mprotect', 'int', ['int64_t', 'size_t', 'int']),
    munmap: library.func('munmap', 'int', ['int64_t', 'size_t']),
    memcpy: library.func('memcpy', 'void', ['int64_t', 'const uint8_t *', 'size_t']),
    memfdCreate: library.func('memfd_create', 'int', ['str', 'uint32_t']),
    close: library.func('close', 'int', ['int']),
  };
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
