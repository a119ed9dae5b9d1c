import type { KernelMemory } from '@qedge/codegen';
import { CapabilityUnavailableError, systemClock } from '@qedge/core';

/** Bytes for a state, for tables or for scratch, in memory that the machine's code reaches. */
export interface Region {
  readonly memory: KernelMemory;
  readonly address: number;
  readonly byteLength: number;
  /** Gives the bytes back; must be called once. */
  release(): void;
}

/** Where regions come from. */
export interface RegionSource {
  /** @throws CapabilityUnavailableError, with the bytes needed, where there is not enough memory. */
  reserve(byteLength: number, purpose: string): Region;
  /** Bytes that one more region could have now. */
  availableBytes(): number;
}

/** The offset of a region within the buffer of its memory. */
export function bufferOffset({ memory, address }: Region): number {
  return address - memory.address + memory.byteOffset;
}

export function notEnoughMemory(
  purpose: string,
  byteLength: number,
  available: number | null,
  cause?: unknown,
) {
  return new CapabilityUnavailableError(`There is not enough memory for ${purpose}`, {
    expected: `${byteLength} bytes`,
    ...(available === null ? {} : { actual: `${Math.floor(available)} bytes` }),
    remedy: 'Use fewer qubits or float32, dispose of other states, or a machine with more memory.',
    facts: { bytesNeeded: byteLength, bytesAvailable: available },
    ...(cause === undefined ? {} : { cause }),
  });
}

/** What the system says of its memory is believed so long, less what was taken since: asking takes longer than running a small circuit. */
const BELIEVED_MS = 1000;
/** How many released memories are kept; the oldest goes first. */
const MOST_KEPT = 16;

/**
 * Every region is memory of its own: for machine code, which reaches all addresses. What is released is kept and used again, because
 * memory that is touched for the first time costs several times what a sweep costs.
 */
export class SeparateRegions implements RegionSource {
  readonly #create: (byteLength: number) => KernelMemory;
  readonly #askSystem: () => number;
  /** What the system said, less what was taken since. */
  #systemBytes = 0;
  #believedUntilMs = Number.NEGATIVE_INFINITY;
  #kept: KernelMemory[] = [];

  /** @param askSystem how many bytes the system could give. */
  constructor(create: (byteLength: number) => KernelMemory, askSystem: () => number) {
    this.#create = create;
    this.#askSystem = askSystem;
  }

  availableBytes(): number {
    return this.#kept.reduce((most, { byteLength }) => Math.max(most, byteLength), this.#systemAvailable());
  }

  #systemAvailable(): number {
    const nowMs = systemClock.nowMs();
    if (nowMs >= this.#believedUntilMs) {
      this.#systemBytes = this.#askSystem();
      this.#believedUntilMs = nowMs + BELIEVED_MS;
    }
    return this.#systemBytes;
  }

  reserve(byteLength: number, purpose: string): Region {
    const kept = this.#takeKept(byteLength);
    if (kept !== null) return this.#region(kept);
    const available = this.#systemAvailable();
    if (byteLength > available) {
      // What is kept may be what is missing; it is returned when it is collected.
      this.#kept = [];
      throw notEnoughMemory(purpose, byteLength, available);
    }
    try {
      const memory = this.#create(byteLength);
      this.#systemBytes -= byteLength;
      return this.#region(memory);
    } catch (error) {
      if (!(error instanceof CapabilityUnavailableError)) throw error;
      this.#kept = [];
      throw notEnoughMemory(purpose, byteLength, null, error);
    }
  }

  /** The smallest that is large enough and not twice as large as needed. */
  #takeKept(byteLength: number): KernelMemory | null {
    let best: KernelMemory | null = null;
    for (const memory of this.#kept) {
      if (memory.byteLength < byteLength || memory.byteLength > 2 * byteLength) continue;
      if (best === null || memory.byteLength < best.byteLength) best = memory;
    }
    if (best !== null) this.#kept.splice(this.#kept.indexOf(best), 1);
    return best;
  }

  #region(memory: KernelMemory): Region {
    const release = () => {
      this.#kept.push(memory);
      if (this.#kept.length > MOST_KEPT) this.#kept.shift();
    };
    return { memory, address: memory.address, byteLength: memory.byteLength, release };
  }
}

/** Regions start at whole multiples of this, a page. */
const REGION_ALIGNMENT = 4096;

interface Extent {
  readonly start: number;
  readonly end: number;
}

/** All regions lie in one memory: for WebAssembly, whose code reaches no other, and for the interpreter. */
export class SharedRegions implements RegionSource {
  readonly #memory: KernelMemory;
  readonly #grow: (byteLength: number) => void;
  readonly #mostBytes: number;
  /** Free extents, as addresses, ascending and apart. */
  #free: Extent[] = [];
  #end: number;
  #bytesInUse = 0;

  /**
   * @param grow makes the memory at least so many bytes long, or throws.
   * @param mostBytes of all regions together.
   */
  constructor(memory: KernelMemory, grow: (byteLength: number) => void, mostBytes: number) {
    this.#memory = memory;
    this.#grow = grow;
    this.#mostBytes = mostBytes;
    this.#end = roundUp(Math.max(memory.address, 1));
  }

  availableBytes(): number {
    return this.#mostBytes - this.#bytesInUse;
  }

  reserve(byteLength: number, purpose: string): Region {
    const length = roundUp(Math.max(1, byteLength));
    let index = this.#free.findIndex(({ start, end }) => end - start >= length);
    if (index < 0) index = this.#extend(length, purpose);
    const { start, end } = this.#free[index]!;
    this.#free.splice(index, 1, ...(end - start > length ? [{ start: start + length, end }] : []));
    this.#bytesInUse += length;
    const release = () => {
      this.#bytesInUse -= length;
      this.#release({ start, end: start + length });
    };
    return { memory: this.#memory, address: start, byteLength: length, release };
  }

  /** Makes room behind everything; returns the index of a free extent of that length. */
  #extend(length: number, purpose: string): number {
    const last = this.#free.at(-1);
    const start = last !== undefined && last.end === this.#end ? last.start : this.#end;
    const end = start + length;
    try {
      this.#grow(end - this.#memory.address);
    } catch (cause) {
      throw notEnoughMemory(purpose, length, null, cause);
    }
    this.#release({ start: this.#end, end });
    this.#end = end;
    return this.#free.length - 1;
  }

  #release(extent: Extent): void {
    let { start, end } = extent;
    const apart = this.#free.filter((other) => {
      if (other.end === start) start = other.start;
      else if (other.start === end) end = other.end;
      else return true;
      return false;
    });
    this.#free = [...apart, { start, end }].sort((a, b) => a.start - b.start);
  }
}

function roundUp(value: number): number {
  return Math.ceil(value / REGION_ALIGNMENT) * REGION_ALIGNMENT;
}
