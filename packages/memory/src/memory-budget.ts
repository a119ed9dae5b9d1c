import { BudgetExceededError, InvalidArgumentError } from '@qedge/core';

/** Memory that can be given up and had again. */
export interface EvictableMemory {
  /** For messages. */
  readonly name: string;
  readonly byteLength: number;
  /** Gives the memory up. Called only while nobody holds it. */
  evict(): void;
}

/**
 * How many bytes several holders may keep in memory together. Who needs some holds it for as long as it is used; when room is
 * missing, what was not used for the longest time and is not held is evicted. Bytes that are held are never evicted.
 *
 * @example
 * const budget = new MemoryBudget(64 * 2 ** 20);
 * using detection = openModelFile('detection.qez', { budget });
 * using recognition = openModelFile('recognition.qez', { budget });
 */
export class MemoryBudget {
  readonly bytes: number;
  /** Holders of everything that is resident, the least recently used first. */
  readonly #holders = new Map<EvictableMemory, number>();
  #residentBytes = 0;
  #pinnedBytes = 0;
  #evictions = 0;

  /**
   * @param bytes > 0; `Infinity` only counts.
   * @throws InvalidArgumentError for anything else.
   */
  constructor(bytes: number) {
    if (typeof bytes !== 'number' || !(bytes > 0)) {
      throw new InvalidArgumentError('A memory budget is out of range', {
        expected: '> 0 bytes',
        actual: bytes,
      });
    }
    this.bytes = bytes;
  }

  /** Bytes that are kept now, held or not: at most `bytes`. */
  get residentBytes(): number {
    return this.#residentBytes;
  }

  /** Bytes that are held now and cannot be evicted. */
  get pinnedBytes(): number {
    return this.#pinnedBytes;
  }

  /** How often something had to be evicted for something else. */
  get evictions(): number {
    return this.#evictions;
  }

  /**
   * Makes room for `memory` and keeps it from being evicted until the matching {@link release}. It counts as used just now.
   *
   * @throws BudgetExceededError when what is held leaves no room for it. Nothing was evicted then.
   */
  hold(memory: EvictableMemory): void {
    const holders = this.#holders.get(memory);
    if (holders === undefined) this.#makeRoom(memory);
    else this.#holders.delete(memory);
    this.#holders.set(memory, (holders ?? 0) + 1);
    if (holders === undefined) this.#residentBytes += memory.byteLength;
    if (!holders) this.#pinnedBytes += memory.byteLength;
  }

  /** Ends one {@link hold}. The memory stays until its room is needed. @throws InvalidArgumentError when it is not held. */
  release(memory: EvictableMemory): void {
    const holders = this.#holders.get(memory);
    if (!holders) throw new InvalidArgumentError(`${memory.name} is released but not held`);
    this.#holders.set(memory, holders - 1);
    if (holders === 1) this.#pinnedBytes -= memory.byteLength;
  }

  /**
   * Evicts `memory`, if it is there.
   *
   * @returns false when it is held and therefore stays.
   */
  evict(memory: EvictableMemory): boolean {
    const holders = this.#holders.get(memory);
    if (holders === undefined) return true;
    if (holders > 0) return false;
    this.#holders.delete(memory);
    this.#residentBytes -= memory.byteLength;
    memory.evict();
    return true;
  }

  #makeRoom({ name, byteLength }: EvictableMemory): void {
    if (this.#pinnedBytes + byteLength > this.bytes) {
      throw new BudgetExceededError(`A memory budget has no room for ${name}`, {
        expected: `at most ${this.bytes} bytes, of which ${this.#pinnedBytes} are held`,
        actual: `${byteLength} bytes`,
        remedy: 'Raise the budget, or hold less at the same time',
      });
    }
    for (const [memory, holders] of this.#holders) {
      if (this.#residentBytes + byteLength <= this.bytes) return;
      if (holders > 0) continue;
      this.evict(memory);
      this.#evictions++;
    }
  }
}
