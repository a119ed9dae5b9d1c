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

/**
 * Hands out places in a memory, aligned to cache lines: one after the other from its start, which are never given back, and temporary ones
 * from its end, which steps that run later use again.
 */
export class Arena {
  readonly memory: KernelMemory;
  readonly #view: DataView;
  #usedBytes = 0;
  /** Bytes before the end that the open {@link reuse} calls have taken, and the most there ever were. */
  #temporaryBytes = 0;
  #mostTemporaryBytes = 0;
  /** Where arrays lie, from lower to higher offsets. */
  readonly #arrays: Place[] = [];

  constructor(memory: KernelMemory) {
    this.memory = memory;
    this.#view = new DataView(memory.buffer);
  }

  get remainingBytes(): number {
    return this.memory.byteLength - this.#usedBytes - this.#mostTemporaryBytes;
  }

  /** Bytes that were handed out for good. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** The most bytes that temporary places take at a time. */
  get temporaryBytes(): number {
    return this.#mostTemporaryBytes;
  }

  /** All of the buffer, to write argument blocks. */
  get view(): DataView {
    return this.#view;
  }

  /** @throws BudgetExceededError when the memory has too few bytes left. */
  allocate(byteLength: number, purpose: string): Place {
    const taken = wholeLines(byteLength);
    this.#requireRoom(taken, this.#mostTemporaryBytes, purpose);
    const start = this.#usedBytes;
    this.#usedBytes += taken;
    return this.#placeAt(start, byteLength);
  }

  /**
   * Plans steps whose temporary places are free again when they have run: what is planned afterwards gets the same bytes. Only one
   * kernel of a memory, or one step on all threads, runs at a time.
   */
  reuse<Planned>(plan: () => Planned): Planned {
    const before = this.#temporaryBytes;
    try {
      return plan();
    } finally {
      this.#temporaryBytes = before;
    }
  }

  /** Bytes of any content for the steps that the innermost {@link reuse} plans. @throws as {@link allocate}. */
  temporary(byteLength: number, purpose: string): Place {
    const end = Math.floor(this.memory.byteLength / MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;
    const slack = this.memory.byteLength - end;
    const taken = this.#temporaryBytes + wholeLines(byteLength);
    this.#requireRoom(0, taken + slack, purpose);
    this.#temporaryBytes = taken;
    this.#mostTemporaryBytes = Math.max(this.#mostTemporaryBytes, taken + slack);
    return this.#placeAt(end - taken, byteLength);
  }

  /** A temporary array of any content; as {@link temporary}. */
  temporaryArray<Values>(type: ArrayConstructor<Values>, length: number, purpose: string): Values {
    const place = this.temporary(length * type.BYTES_PER_ELEMENT, purpose);
    return new type(this.memory.buffer, place.byteOffset, length);
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
    const end = this.memory.byteOffset + this.memory.byteLength;
    if (byteOffset >= end - this.#mostTemporaryBytes) return byteOffset + byteLength <= end;
    return (
      found !== undefined &&
      byteOffset >= found.byteOffset &&
      byteOffset + byteLength <= found.byteOffset + found.byteLength
    );
  }

  /** An argument block of `fields` fields, all 0. */
  block(fields: number): Place {
    return this.allocate(fields * ARGUMENT_BYTES, 'an argument block');
  }

  /** NaN fits nowhere. */
  #requireRoom(more: number, temporary: number, purpose: string): void {
    const room = this.memory.byteLength - this.#usedBytes - temporary;
    if (more <= room) return;
    throw new BudgetExceededError(`The workspace has no room for ${purpose}`, {
      expected: `at most ${this.remainingBytes} bytes, the rest of ${this.memory.byteLength}`,
      actual: more > 0 ? more : this.remainingBytes - room,
      remedy: 'Ask for a larger workspace; memory that is never touched costs nothing.',
    });
  }

  #placeAt(start: number, byteLength: number): Place {
    return {
      byteOffset: this.memory.byteOffset + start,
      byteLength,
      address: this.memory.address + start,
    };
  }
}

function wholeLines(bytes: number): number {
  return Math.ceil(bytes / MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;
}
