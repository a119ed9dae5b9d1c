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

/** Hands out places in a memory, one after the other, aligned to cache lines. Nothing is given back. */
export class Arena {
  readonly memory: KernelMemory;
  readonly #view: DataView;
  #usedBytes = 0;
  /** By thread: what kernels may overwrite while they run. One kernel per thread runs at a time, so they share it. */
  readonly #scratch: (Place | undefined)[] = [];

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
    if (taken > this.remainingBytes) {
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
