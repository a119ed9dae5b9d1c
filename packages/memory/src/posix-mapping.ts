import { platform } from 'node:os';
import { type Koffi, loadKoffi } from '@qedge/core/node';

const PROT_READ = 1;
const MAP_PRIVATE = 2;
/** `MAP_FAILED` is `(void *)-1`, on 64-bit and on 32-bit hosts. */
const MAP_FAILED: readonly bigint[] = [0xffffffffffffffffn, 0xffffffffn];

/** One view covers the whole file; 2 GiB is what every supported engine can view. */
const MAX_MAPPED_BYTES = 2 ** 31;

/** Maps an open file for reading, or says why that is impossible here. */
export type MapResult =
  | { readonly buffer: ArrayBuffer; readonly why: null }
  | { readonly buffer: null; readonly why: string };

interface Mapping {
  readonly address: bigint;
  readonly byteLength: number;
  readonly unmap: (address: bigint, byteLength: number) => number;
}

/**
 * Memory is unmapped when the garbage collector finds that nobody refers to its `ArrayBuffer` any more, and never before: reading
 * unmapped memory would end the process. Until then an unused mapping costs address space only; its pages belong to the page cache.
 */
const unmapWhenUnreferenced = new FinalizationRegistry<Mapping>(({ address, byteLength, unmap }) => {
  unmap(address, byteLength);
});

/**
 * Maps the first `byteLength` bytes of an open file with `mmap(PROT_READ, MAP_PRIVATE)`. The descriptor may be closed afterwards.
 * Writing to the buffer ends the process (SIGSEGV), and so does reading it after the file was truncated (SIGBUS): callers keep it
 * to themselves and check the file before each use.
 */
export function mapDescriptor(descriptor: number, byteLength: number): MapResult {
  if (platform() !== 'linux' && platform() !== 'darwin') {
    return { buffer: null, why: `mapping is not implemented on ${platform()}` };
  }
  if (byteLength === 0) return { buffer: null, why: 'an empty file has no pages to map' };
  if (byteLength > MAX_MAPPED_BYTES) {
    return { buffer: null, why: `files over ${MAX_MAPPED_BYTES} bytes are read on demand` };
  }
  const loaded = loadKoffi();
  if (!loaded.available) return { buffer: null, why: loaded.reason };
  try {
    return mapWith(loaded.koffi, descriptor, byteLength);
  } catch (error) {
    return { buffer: null, why: `koffi could not map the file: ${(error as Error).message}` };
  }
}

function mapWith(koffi: Koffi, descriptor: number, byteLength: number): MapResult {
  // The process itself: glibc, musl and macOS's libSystem are all linked into Node.
  const process = koffi.load(null);
  // `long` is what `off_t` is on every 32-bit and 64-bit ABI where we run.
  const mmap = process.func(
    'void *mmap(void *address, size_t length, int protection, int flags, int descriptor, long offset)',
  );
  const munmap = process.func('int munmap(void *address, size_t length)');
  const address: unknown = mmap(null, byteLength, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (typeof address !== 'bigint') return { buffer: null, why: 'this version of koffi has other pointers' };
  if (MAP_FAILED.includes(address)) return { buffer: null, why: `mmap failed with errno ${koffi.errno()}` };
  let buffer: ArrayBuffer;
  try {
    buffer = koffi.view(address, byteLength);
  } catch (error) {
    munmap(address, byteLength);
    throw error;
  }
  // Transferring the buffer would leave a detached one behind, whose collection would unmap memory that is still in use. It is only
  // ever lent for a call, so nobody can; marking it untransferable as well makes Node 24 abort when the process ends.
  unmapWhenUnreferenced.register(buffer, { address, byteLength, unmap: munmap });
  return { buffer, why: null };
}
