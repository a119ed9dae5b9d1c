import type { Koffi } from '@qedge/core/node';

export const PAGE_BYTES = 4096;
/** What bytes hold that nobody may write. */
export const GUARD = 0xa5;

const [PROT_NONE, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS] = [0, 3, 0x22];

/** Pages that may be used between two that may not. */
export class GuardedPages {
  readonly address: number;
  readonly bytes: Uint8Array;

  constructor(koffi: Koffi, pages: number) {
    const byteLength = pages * PAGE_BYTES;
    const library = koffi.load(null);
    const mmap = library.func<(...values: number[]) => number>(
      'int64_t mmap(int64_t, size_t, int, int, int, int64_t)',
    );
    const mprotect = library.func<(...values: number[]) => number>('int mprotect(int64_t, size_t, int)');
    const start = mmap(0, byteLength + 2 * PAGE_BYTES, PROT_NONE, MAP_PRIVATE_ANONYMOUS, -1, 0);
    this.address = start + PAGE_BYTES;
    if (start === -1 || mprotect(this.address, byteLength, PROT_READ_WRITE) !== 0) {
      throw new Error(`No guarded pages: errno ${koffi.errno()}`);
    }
    this.bytes = new Uint8Array(koffi.view(BigInt(this.address), byteLength));
  }

  /** Where `byteLength` bytes begin that touch the first or the last guard page. */
  place(byteLength: number, atEnd: boolean): number {
    return atEnd ? this.bytes.byteLength - byteLength : 0;
  }
}
