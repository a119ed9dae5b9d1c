import { ARGUMENT_BYTES, type KernelMemory, MEMORY_ALIGNMENT } from '@qedge/codegen';
import { BudgetExceededError } from '@qedge/core';

/** A place in a memory: what JavaScript and what kernels call it. */
export interface Place {
  /** From the start of the memory's buffer. */
  readonly byteOffset: number;
  readonly byteLength: number;
  /** For argument blocks. */
  readonly address: number;
}

/** Array types that an arena can make. */
export interface ArrayConstructor<Values> {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): Values;
  readonly BYTES_PER_ELEMENT: number;
}

/** Hands out places in a memory, one after the other, aligned to cache lines. Nothing is given back. */
export class Arena {
  readonly memory: KernelMemory;
  readonly #view: DataView;
  #usedBytes = 0;
  /** By thread: what kernels may overwrite while they run. One kernel per thread runs at a time, so they share it. */
  readonly #scratch: (Place | undefined)[] = [];
  /** Where arrays lie, from lower to higher offsets. */
  readonly #arrays: Place[] = [];

  constructor(memory: KernelMemory) {
    this.memory = memory;
    this.#view = new DataView(memory.buffer);
  }

  get remainingBytes(): number {
    return this.memory.byteLength - this.#usedBytes;
  }

  /** All of the buffer, to write argument blocks. */
  get view(): DataView {
    return this.#view;
  }

  /** @throws BudgetExceededError when the memory has too few bytes left. */
  allocate(byteLength: number, purpose: string): Place {
    const taken = Math.ceil(byteLength / MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;
    // NaN fits nowhere.
    if (!(taken <= this.remainingBytes)) {
      throw new BudgetExceededError(`The workspace has no room for ${purpose}`, {
        expected: `at most ${this.remainingBytes} bytes, the rest of ${this.memory.byteLength}`,
        actual: taken,
        remedy: 'Ask for a larger workspace; memory that is never touched costs nothing.',
      });
    }
    const start = this.#usedBytes;
    this.#usedBytes += taken;
    return {
      byteOffset: this.memory.byteOffset + start,
      byteLength,
      address: this.memory.address + start,
    };
  }

  /** Zeroed numbers. @throws as {@link allocate}. */
  array<Values>(type: ArrayConstructor<Values>, length: number, purpose: string): Values {
    const place = this.allocate(length * type.BYTES_PER_ELEMENT, purpose);
    this.#arrays.push(place);
    return new type(this.memory.buffer, place.byteOffset, length);
  }

  /**
   * Whether all bytes of an array belong to one array of {@link array}. A view of anything else in the memory would let kernels
   * overwrite packed weights or the argument blocks with their addresses.
   */
  lends({ buffer, byteOffset, byteLength }: ArrayBufferView): boolean {
    if (buffer !== this.memory.buffer) return false;
    if (byteLength === 0) return true;
    let [low, high] = [0, this.#arrays.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { byteOffset: start, byteLength: bytes } = this.#arrays[middle]!;
      if (start + bytes <= byteOffset) low = middle + 1;
      else high = middle;
    }
    const found = this.#arrays[low];
    if (found === undefined) return false;
    const end = found.byteOffset + found.byteLength;
    return byteOffset >= found.byteOffset && byteOffset + byteLength <= end;
  }

  /** At least `byteLength` bytes of any content for kernels that run on one thread of a team. */
  scratch(thread: number, byteLength: number): Place {
    const known = this.#scratch[thread];
    if (known && known.byteLength >= byteLength) return known;
    const place = this.allocate(byteLength, 'scratch memory');
    this.#scratch[thread] = place;
    return place;
  }

  /** An argument block of `fields` fields, all 0. */
  block(fields: number): Place {
    return this.allocate(fields * ARGUMENT_BYTES, 'an argument block');
  }
}
