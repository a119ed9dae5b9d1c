import { InvalidArgumentError } from '@qedge/core';
import type { ForeignMemory } from './kernel-host.ts';

/** @throws InvalidArgumentError unless `memory` is a `WebAssembly.Memory`. */
export function requireForeignMemory(memory: ForeignMemory): void {
  const { WebAssembly: engine } = globalThis as {
    readonly WebAssembly?: { readonly Memory: abstract new (...values: never[]) => object };
  };
  if (engine && memory instanceof engine.Memory) return;
  throw new InvalidArgumentError('Only a WebAssembly memory can be adopted', {
    expected: 'a WebAssembly.Memory',
    actual: String(memory),
  });
}
