import type { Koffi } from '@qedge/core/node';
import type { ForeignMemory, KernelMemory } from '../host/kernel-host.ts';

/**
 * A `WebAssembly.Memory` as machine code sees it. V8 reserves the address space of a 32-bit memory up to its largest size, so that it
 * stays where it is when it grows; where that much could not be reserved it moves. So the address is looked up whenever the buffer
 * has been replaced.
 */
export class AdoptedMachineMemory implements KernelMemory {
  readonly byteOffset = 0;
  readonly #koffi: Koffi;
  readonly #memory: ForeignMemory;
  #known: ArrayBufferLike | null = null;
  #address = 0;

  constructor(koffi: Koffi, memory: ForeignMemory) {
    this.#koffi = koffi;
    this.#memory = memory;
  }

  get buffer(): ArrayBufferLike {
    return this.#memory.buffer;
  }

  get byteLength(): number {
    return this.#memory.buffer.byteLength;
  }

  get address(): number {
    const { buffer } = this.#memory;
    if (buffer !== this.#known) {
      this.#address = Number(this.#koffi.address(new Uint8Array(buffer, 0, 1)));
      this.#known = buffer;
    }
    return this.#address;
  }
}
