import { platform } from 'node:os';
import { type Koffi, type KoffiLibrary, loadKoffi } from '@qedge/core/node';

/** C functions on pages of memory. Addresses are numbers: user space ends below 2^47 on every supported processor. */
export interface PosixCalls {
  readonly koffi: Koffi;
  /** Bytes of a page as the system answers: 4096, or 16384 on Apple's processors. */
  readonly pageBytes: number;
  readonly mmap: (
    at: number,
    bytes: number,
    protection: number,
    flags: number,
    descriptor: number,
    offset: number,
  ) => number;
  readonly munmap: (at: number, bytes: number) => number;
  readonly madvise: (at: number, bytes: number, advice: number) => number;
  readonly mincore: (at: number, bytes: number, residentPages: Uint8Array) => number;
  /** Linux only, and there only with a C library that has it. Takes addresses, because lending typed arrays allocates. */
  readonly statx:
    | ((folder: number, pathAddress: number, flags: number, mask: number, answerAddress: number) => number)
    | null;
}

/** The calls, or why there are none. */
export type PosixCallsResult =
  | { readonly available: true; readonly calls: PosixCalls }
  | { readonly available: false; readonly reason: string };

export const PROT_READ = 1;
export const PROT_READ_WRITE = 3;
export const MAP_PRIVATE = 2;
export const MAP_FIXED = 0x10;
/** One of the few constants that Linux and macOS do not share. */
export const MAP_ANONYMOUS = platform() === 'darwin' ? 0x1000 : 0x20;
/** `(void *)-1`. */
export const MAP_FAILED = -1;

let bound: PosixCalls | undefined;

/** Binds the calls at the first use. A refusal is not remembered: koffi may be installed meanwhile. */
export function posixCalls(): PosixCallsResult {
  if (bound) return { available: true, calls: bound };
  if (platform() !== 'linux' && platform() !== 'darwin') {
    return { available: false, reason: `mapping is not implemented on ${platform()}` };
  }
  const loaded = loadKoffi();
  if (!loaded.available) return { available: false, reason: loaded.reason };
  try {
    bound = bind(loaded.koffi);
    return { available: true, calls: bound };
  } catch (error) {
    return { available: false, reason: `koffi cannot call the C library: ${(error as Error).message}` };
  }
}

function bind(koffi: Koffi): PosixCalls {
  // The process itself: glibc, musl and macOS's libSystem are all linked into Node.
  const library = koffi.load(null);
  const pageBytes: unknown = library.func('getpagesize', 'int', [])();
  if (typeof pageBytes !== 'number' || !(pageBytes > 0) || !Number.isInteger(Math.log2(pageBytes))) {
    throw new Error(`getpagesize() answered ${String(pageBytes)}`);
  }
  return {
    koffi,
    pageBytes,
    mmap: library.func('mmap', 'int64_t', ['int64_t', 'size_t', 'int', 'int', 'int', 'int64_t']),
    munmap: library.func('munmap', 'int', ['int64_t', 'size_t']),
    madvise: library.func('madvise', 'int', ['int64_t', 'size_t', 'int']),
    mincore: library.func('mincore', 'int', ['int64_t', 'size_t', 'uint8_t *']),
    statx: platform() === 'linux' ? bindStatx(library) : null,
  };
}

function bindStatx(library: KoffiLibrary): PosixCalls['statx'] {
  try {
    return library.func<NonNullable<PosixCalls['statx']>>('statx', 'int', [
      'int',
      'int64_t',
      'int',
      'uint32_t',
      'int64_t',
    ]);
  } catch {
    return null;
  }
}

/** What the last failed call says, for a message: `mmap failed with errno 12 (ENOMEM)`. */
export function describeFailure(call: string, koffi: Koffi): string {
  const errno = koffi.errno();
  const name = Object.entries(koffi.os.errno).find(([, value]) => value === errno)?.[0];
  return `${call} failed with errno ${errno}${name === undefined ? '' : ` (${name})`}`;
}
