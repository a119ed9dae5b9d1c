import { type ForeignMemory, type KernelHost, type KernelMemory, MEMORY_ALIGNMENT } from '@qedge/codegen';
import { CapabilityUnavailableError } from '@qedge/core';
import type { WasmBackend } from './wasm-backend.ts';

/** Memory for one argument block or for packed weights. */
export interface CallBytes {
  /** What a kernel must be told. */
  readonly address: number;
  readonly byteLength: number;
  /** The bytes now; a growth of the memory detaches earlier views. */
  bytes(): Uint8Array<ArrayBufferLike>;
}

/**
 * Where kernels that work on tensors of the backend find their argument blocks and scratch memory: machine code in memory of our own,
 * WebAssembly, which reaches one memory only, in that of the backend.
 */
export interface CallMemory {
  /** The backend's memory as kernels see it. `address` belongs to byte 0 and is to be read after the last allocation. */
  readonly heap: KernelMemory;
  /** What kernels are loaded for. */
  readonly loadedFor: KernelMemory;
  allocate(byteLength: number): CallBytes;
  /** Lets another `allocate` use the bytes. */
  release(bytes: CallBytes): void;
  dispose(): void;
}

/** @throws as `KernelHost.adoptMemory`. */
export function createCallMemory(host: KernelHost, backend: WasmBackend, memory: ForeignMemory): CallMemory {
  const heap = host.adoptMemory(memory);
  const isMachineCode = host.isa === 'avx512' || host.isa === 'avx2';
  return isMachineCode ? new OwnCallMemory(host, heap) : new BackendCallMemory(backend, heap);
}

const SLAB_BYTES = 64 * 1024;
/** What is larger has a memory of its own, which is freed with it. */
const LARGEST_IN_SLAB = 8 * 1024;

class OwnCallMemory implements CallMemory {
  readonly heap: KernelMemory;
  readonly loadedFor: KernelMemory;
  readonly #host: KernelHost;
  readonly #free = new Map<number, CallBytes[]>();
  #slab: KernelMemory;
  #used = 0;

  constructor(host: KernelHost, heap: KernelMemory) {
    this.#host = host;
    this.heap = heap;
    this.loadedFor = heap;
    this.#slab = host.createMemory(SLAB_BYTES);
  }

  allocate(wanted: number): CallBytes {
    const byteLength = align(wanted);
    if (byteLength > LARGEST_IN_SLAB) return bytesOf(this.#host.createMemory(byteLength), 0, byteLength);
    const free = this.#free.get(byteLength)?.pop();
    if (free) return free;
    if (this.#used + byteLength > SLAB_BYTES) {
      this.#slab = this.#host.createMemory(SLAB_BYTES);
      this.#used = 0;
    }
    const bytes = bytesOf(this.#slab, this.#used, byteLength);
    this.#used += byteLength;
    return bytes;
  }

  release(bytes: CallBytes): void {
    if (bytes.byteLength > LARGEST_IN_SLAB) return;
    const free = this.#free.get(bytes.byteLength);
    if (free) free.push(bytes);
    else this.#free.set(bytes.byteLength, [bytes]);
  }

  dispose(): void {
    this.#free.clear();
  }
}

function align(byteLength: number): number {
  return Math.max(1, Math.ceil(byteLength / MEMORY_ALIGNMENT)) * MEMORY_ALIGNMENT;
}

function bytesOf({ buffer, byteOffset, address }: KernelMemory, from: number, byteLength: number): CallBytes {
  const bytes = new Uint8Array(buffer, byteOffset + from, byteLength);
  return { address: address + from, byteLength, bytes: () => bytes };
}

class BackendCallMemory implements CallMemory {
  readonly heap: KernelMemory;
  readonly loadedFor: KernelMemory;
  readonly #backend: WasmBackend;
  readonly #allocated = new Set<number>();

  constructor(backend: WasmBackend, heap: KernelMemory) {
    this.#backend = backend;
    this.heap = heap;
    this.loadedFor = heap;
  }

  allocate(byteLength: number): CallBytes {
    const { wasm } = this.#backend;
    // The function gives a signed number.
    const address = wasm._malloc(align(byteLength)) >>> 0;
    if (address === 0) {
      throw new CapabilityUnavailableError('The memory of the wasm backend is full', {
        expected: `${byteLength} bytes`,
        remedy: 'Dispose tensors.',
      });
    }
    this.#allocated.add(address);
    let view = new Uint8Array(wasm.HEAPU8.buffer, address, byteLength);
    const bytes = () => {
      if (view.buffer !== wasm.HEAPU8.buffer) view = new Uint8Array(wasm.HEAPU8.buffer, address, byteLength);
      return view;
    };
    return { address, byteLength, bytes };
  }

  release({ address }: CallBytes): void {
    if (this.#allocated.delete(address)) this.#backend.wasm._free(address);
  }

  dispose(): void {
    // A backend that was disposed has no module, and no memory, any more.
    for (const address of this.#allocated) this.#backend.wasm?._free(address);
    this.#allocated.clear();
  }
}
