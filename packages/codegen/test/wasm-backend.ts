import type { KernelMemory } from '../src/host/kernel-host.ts';
import type { FloatElement } from '../src/target/target.ts';
import { encodeModule, MEMORY_IMPORT, type WasmKernel } from '../src/wasm/module.ts';
import { WasmTarget } from '../src/wasm/target.ts';
import { WASM_TRAITS, type WasmDialect, wasmTraits } from '../src/wasm/traits.ts';
import { createWasmMemory, requireWebAssembly } from '../src/wasm/web-assembly.ts';
import type { OperationBackend } from './operation-runner.ts';

/** Runs programs as WebAssembly on a memory of their own, one module each. No test framework is used here. */
export function wasmBackend(
  dialect: WasmDialect,
  shared = false,
  element: FloatElement = 'float32',
): OperationBackend<WasmKernel> {
  const memories = new WeakMap<KernelMemory, object>();
  return {
    name: `${WASM_TRAITS[dialect].id}${shared ? ' on shared memory' : ''}`,
    traits: wasmTraits(dialect, false, element),
    createTarget: () => new WasmTarget(dialect, 0, false, { element }),
    createMemory(byteLength) {
      const wasmMemory = createWasmMemory(byteLength, shared);
      const memory = { buffer: wasmMemory.buffer, byteOffset: 0, byteLength, address: 0 };
      memories.set(memory, wasmMemory);
      return memory;
    },
    run(kernel, memory, block) {
      const engine = requireWebAssembly();
      const module = new engine.Module(encodeModule([{ name: 'kernel', kernel }], { shared }));
      const imports = { [MEMORY_IMPORT.module]: { [MEMORY_IMPORT.name]: memories.get(memory) } };
      (new engine.Instance(module, imports).exports.kernel as (block: number) => void)(block);
    },
  };
}
