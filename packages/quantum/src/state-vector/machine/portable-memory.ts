import type { KernelHost } from '@qedge/codegen';
import { CapabilityUnavailableError } from '@qedge/core';
import { type RegionSource, SharedRegions } from './memory-regions.ts';

/** Memory of the interpreter, which does not grow. */
const INTERPRETER_BYTES = 2 ** 26;
/** What regions may have of the 4 GiB that WebAssembly reaches. */
const WASM_BYTES = 2 ** 32 - 2 ** 26;
const PAGE_BYTES = 65536;
const MOST_PAGES = 65536;

/** Structurally a `WebAssembly.Memory`; declared here, so that no host's type library is needed. */
interface GrowingMemory {
  readonly buffer: ArrayBufferLike;
  grow(pages: number): number;
}

interface WebAssemblyInterface {
  readonly Memory: new (descriptor: {
    readonly initial: number;
    readonly maximum: number;
    readonly shared: boolean;
  }) => GrowingMemory;
}

/** All regions of WebAssembly (up to 4 GiB) or of the interpreter (64 MiB). */
export function createSharedRegions(host: KernelHost, shared: boolean): RegionSource {
  if (host.isa === 'interpreter') {
    const memory = host.createMemory(INTERPRETER_BYTES);
    const grow = (byteLength: number) => {
      if (byteLength <= memory.byteLength) return;
      throw new RangeError(`the interpreter has ${INTERPRETER_BYTES} bytes`);
    };
    return new SharedRegions(memory, grow, INTERPRETER_BYTES);
  }
  const memory = createGrowingMemory(shared);
  const grow = (byteLength: number) => {
    const missing = Math.ceil(byteLength / PAGE_BYTES) - memory.buffer.byteLength / PAGE_BYTES;
    if (missing > 0) memory.grow(missing);
  };
  return new SharedRegions(host.adoptMemory(memory), grow, WASM_BYTES);
}

function createGrowingMemory(shared: boolean): GrowingMemory {
  const { WebAssembly: engine } = globalThis as { readonly WebAssembly?: WebAssemblyInterface };
  if (engine === undefined) throw new CapabilityUnavailableError('This host has no WebAssembly');
  // Less where the host does not give that much address space.
  for (let maximum = MOST_PAGES; ; maximum /= 2) {
    try {
      return new engine.Memory({ initial: 1, maximum, shared });
    } catch (cause) {
      if (maximum > 1024) continue;
      throw new CapabilityUnavailableError('The host cannot allocate a WebAssembly memory', {
        expected: `${maximum} pages of 64 KiB`,
        actual: String(cause),
        cause,
      });
    }
  }
}
