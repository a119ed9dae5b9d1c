import { type KernelMemory, MEMORY_ALIGNMENT } from '../../host/kernel-host.ts';

const GUARD_BYTES = 128;
/** As int8, uint8, int32 and float32 a number that no result of a trial is likely to be. */
const GUARD_BYTE = 0xa5;

/** A part of a trial's memory, with guard bytes on both sides. */
export interface TrialRegion {
  readonly name: string;
  readonly offset: number;
  readonly byteLength: number;
}

/** Lays out the memory of a trial, and notices writes outside of what was laid out. */
export class TrialRegions {
  readonly #regions: TrialRegion[] = [];
  #end = GUARD_BYTES;

  /** Adds a region that starts at an aligned address. */
  place(name: string, byteLength: number): TrialRegion {
    const region = { name, offset: this.#end, byteLength };
    this.#regions.push(region);
    this.#end = Math.ceil((this.#end + byteLength + GUARD_BYTES) / MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;
    return region;
  }

  get byteLength(): number {
    return this.#end;
  }

  address(memory: KernelMemory, region: TrialRegion): number {
    return memory.address + region.offset;
  }

  bytes(memory: KernelMemory, { offset, byteLength }: TrialRegion): Uint8Array {
    return new Uint8Array(memory.buffer, memory.byteOffset + offset, byteLength);
  }

  view(memory: KernelMemory, { offset, byteLength }: TrialRegion): DataView {
    return new DataView(memory.buffer, memory.byteOffset + offset, byteLength);
  }

  floats(memory: KernelMemory, { offset, byteLength }: TrialRegion): Float32Array {
    return new Float32Array(memory.buffer, memory.byteOffset + offset, byteLength / 4);
  }

  integers(memory: KernelMemory, { offset, byteLength }: TrialRegion): Int32Array {
    return new Int32Array(memory.buffer, memory.byteOffset + offset, byteLength / 4);
  }

  /** Fills the space around the regions, and the regions of outputs themselves. */
  fillGuards(memory: KernelMemory, outputs: readonly TrialRegion[]): void {
    for (const [start, end] of this.#gaps()) this.#slice(memory, start, end).fill(GUARD_BYTE);
    for (const output of outputs) this.bytes(memory, output).fill(GUARD_BYTE);
  }

  /** Where a byte around the regions has changed; null when none has. */
  findGuardError(memory: KernelMemory): string | null {
    for (const [start, end, after] of this.#gaps()) {
      const at = this.#slice(memory, start, end).findIndex((byte) => byte !== GUARD_BYTE);
      if (at >= 0) return `byte ${at} after ${after} was overwritten`;
    }
    return null;
  }

  /** Where a byte of an output that no result covers has changed; null when none has. */
  findGapError(memory: KernelMemory, region: TrialRegion, start: number, end: number): string | null {
    const at = this.bytes(memory, region)
      .subarray(start, end)
      .findIndex((byte) => byte !== GUARD_BYTE);
    return at < 0 ? null : `byte ${start + at} of ${region.name}, which is no result, was overwritten`;
  }

  #slice(memory: KernelMemory, start: number, end: number): Uint8Array {
    return new Uint8Array(memory.buffer, memory.byteOffset + start, end - start);
  }

  *#gaps(): Generator<readonly [start: number, end: number, after: string]> {
    let [start, after] = [0, 'the start'];
    for (const region of this.#regions) {
      yield [start, region.offset, after];
      [start, after] = [region.offset + region.byteLength, region.name];
    }
    yield [start, this.#end, after];
  }
}
