import { CapabilityUnavailableError, InvalidArgumentError } from '@qedge/core';
import type { Koffi } from '@qedge/core/node';
import { type KernelMemory, MEMORY_ALIGNMENT } from '../host/kernel-host.ts';

/**
 * Memory that machine code and JavaScript share. It is a `SharedArrayBuffer`, which other threads can use and which nobody can
 * detach, and V8 never moves it; so the address holds for as long as the buffer is referenced.
 */
export class MachineMemory implements KernelMemory {
  readonly buffer: SharedArrayBuffer;
  readonly byteOffset: number;
  readonly byteLength: number;
  readonly address: number;

  /** @throws InvalidArgumentError for an impossible length, CapabilityUnavailableError when there is too little memory. */
  constructor(koffi: Koffi, byteLength: number) {
    if (!Number.isSafeInteger(byteLength) || byteLength < 0) {
      throw new InvalidArgumentError('A memory has an impossible length', {
        expected: 'a number of bytes, an integer >= 0',
        actual: byteLength,
      });
    }
    this.buffer = allocate(byteLength + MEMORY_ALIGNMENT);
    // The address of a bare SharedArrayBuffer is refused in Node 20, the address of a view is not.
    const start = Number(koffi.address(new Uint8Array(this.buffer)));
    this.address = Math.ceil(start / MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;
    this.byteOffset = this.address - start;
    this.byteLength = byteLength;
    Object.freeze(this);
  }
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
