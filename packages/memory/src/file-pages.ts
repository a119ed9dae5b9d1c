import type { ByteSource } from './byte-source.ts';
import type { EvictableMemory, MemoryBudget } from './memory-budget.ts';
import type { LocatedBytes } from './model-file/header.ts';

/**
 * What is counted and given back around borrowed bytes: the largest page of the supported systems, and the window in which Linux maps
 * pages around the one that was touched.
 */
export const WINDOW_BYTES = 65_536;

/** The pages of a mapped file that are borrowed, counted in a budget. Bytes of other sources are lent without counting. */
export class FilePages implements Disposable {
  readonly #source: ByteSource;
  readonly #budget: MemoryBudget;
  readonly #ranges = new Map<LocatedBytes, EvictableMemory>();
  #disposed = false;

  constructor(source: ByteSource, budget: MemoryBudget) {
    this.#source = source;
    this.#budget = budget;
  }

  /** Lends bytes for a call, during which they are held. @throws what the source, the budget and `use` throw. */
  borrow<Result>(located: LocatedBytes, what: string, use: (bytes: Uint8Array) => Result): Result {
    using _ = this.hold(located, what);
    return this.#source.borrow(located.fileOffset, located.byteLength, use);
  }

  /** Keeps bytes in the budget until the result is disposed. @throws BudgetExceededError */
  hold(located: LocatedBytes, what: string): Disposable {
    if (this.#source.lifetime !== 'call') return { [Symbol.dispose]: () => {} };
    const range = this.#rangeOf(located, what);
    this.#budget.hold(range);
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.#budget.release(range);
        if (this.#disposed) this.#budget.evict(range);
      },
    };
  }

  /** Gives the pages of bytes up, unless they are held. */
  evict(located: LocatedBytes): void {
    const range = this.#ranges.get(located);
    if (range) this.#budget.evict(range);
  }

  /** Takes pages that were read once out of memory again, when memory is limited. */
  drop({ fileOffset, byteLength }: Pick<LocatedBytes, 'fileOffset' | 'byteLength'>): void {
    if (this.#budget.bytes !== Number.POSITIVE_INFINITY) this.#dropWindows(fileOffset, byteLength);
  }

  /** Gives up the pages of bytes that were copied, when memory is limited. */
  evictCopied(located: LocatedBytes): void {
    if (this.#budget.bytes !== Number.POSITIVE_INFINITY) this.evict(located);
  }

  /** Gives all pages up. Those that are held at this moment stay in the budget until they are released. */
  dispose(): void {
    for (const range of this.#ranges.values()) this.#budget.evict(range);
    this.#disposed = true;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #rangeOf(located: LocatedBytes, what: string): EvictableMemory {
    const known = this.#ranges.get(located);
    if (known) return known;
    const { fileOffset, byteLength } = located;
    const { start, end } = this.#windows(fileOffset, byteLength);
    const range: EvictableMemory = {
      name: `${this.#source.name}: ${what}`,
      byteLength: byteLength === 0 ? 0 : end - start,
      evict: () => {
        this.#ranges.delete(located);
        this.#dropWindows(fileOffset, byteLength);
      },
    };
    this.#ranges.set(located, range);
    return range;
  }

  #windows(fileOffset: number, byteLength: number): { readonly start: number; readonly end: number } {
    const start = Math.floor(fileOffset / WINDOW_BYTES) * WINDOW_BYTES;
    const end = Math.ceil((fileOffset + byteLength) / WINDOW_BYTES) * WINDOW_BYTES;
    return { start, end: Math.min(end, this.#source.byteLength) };
  }

  #dropWindows(fileOffset: number, byteLength: number): void {
    if (this.#disposed) return;
    const { start, end } = this.#windows(fileOffset, byteLength);
    this.#source.advise?.(start, end - start, 'dont-need');
  }
}
