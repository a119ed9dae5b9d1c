import { CapabilityUnavailableError } from '@qedge/core';
import type { Koffi } from '@qedge/core/node';
import { type KernelMemory, MEMORY_ALIGNMENT } from '../host/kernel-host.ts';
import { requireByteLength } from '../host/require-byte-length.ts';

const HUGE_PAGE_BYTES = 2 ** 21;
/** The constant of Linux. */
const MADV_HUGEPAGE = 14;

/**
 * Memory that machine code and JavaScript share. It is a `SharedArrayBuffer`, which other threads can use and which nobody can
 * detach, and V8 never moves it; so the address holds for as long as the buffer is referenced.
 */
export class MachineMemory implements KernelMemory {
  readonly buffer: SharedArrayBuffer;
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly address: number;

  /**
   * @param hugePages whether to ask for pages of 2 MiB.
   * @throws InvalidArgumentError for an impossible length, CapabilityUnavailableError when there is too little memory.
   */
  constructor(koffi: Koffi, byteLength: number, hugePages = true) {
    requireByteLength(byteLength);
    this.buffer = allocate(byteLength + MEMORY_ALIGNMENT);
    // The address of a bare SharedArrayBuffer is refused in Node 20, that of a view is not. A view of all of it could be too long.
    const start = Number(koffi.address(new Uint8Array(this.buffer, 0, 1)));
    this.address = Math.ceil(start / MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;
    this.byteOffset = this.address - start;
    this.byteLength = byteLength;
    if (hugePages) adviseHugePages(koffi, this.address, byteLength);
    Object.freeze(this);
  }
}

/**
 * Asks for pages of 2 MiB inside of large memory: with pages of 4 KiB, kernels that stream through tens of megabytes wait for address
 * translations. A hint, which a kernel without such pages refuses; nothing depends on the answer.
 */
function adviseHugePages(koffi: Koffi, address: number, byteLength: number): void {
  const start = Math.ceil(address / HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES;
  const end = Math.floor((address + byteLength) / HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES;
  if (end <= start) return;
  type Advise = (address: number, bytes: number, advice: number) => number;
  const madvise = koffi.load(null).func<Advise>('int madvise(int64_t address, size_t bytes, int advice)');
  madvise(start, end - start, MADV_HUGEPAGE);
}

function allocate(byteLength: number): SharedArrayBuffer {
  try {
    return new SharedArrayBuffer(byteLength);
  } catch (cause) {
    throw new CapabilityUnavailableError('The host cannot allocate memory for kernels', {
      expected: `${byteLength} bytes`,
      actual: String(cause),
      cause,
    });
  }
}
