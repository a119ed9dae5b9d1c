import './relaxed-simd.ts';
import type { KernelMemory } from '../src/host/kernel-host.ts';
import { encodeModule, type WasmKernel } from '../src/wasm/module.ts';
import { WasmTarget } from '../src/wasm/target.ts';
import { WASM_TRAITS, type WasmDialect } from '../src/wasm/traits.ts';
import { WASM_PAGE_BYTES, webAssembly } from '../src/wasm/web-assembly.ts';
import type { OperationBackend } from './operation-runner.ts';
import { describeOperations } from './operation-suite.ts';

function wasmBackend(dialect: WasmDialect): OperationBackend<WasmKernel> {
  const engine = webAssembly()!;
  const memories = new Map<KernelMemory, object>();
  return {
    name: WASM_TRAITS[dialect].id,
    traits: WASM_TRAITS[dialect],
    createTarget: () => new WasmTarget(dialect),
    createMemory(byteLength) {
      const wasmMemory = new engine.Memory({ initial: byteLength / WASM_PAGE_BYTES });
      const memory = { buffer: wasmMemory.buffer, byteOffset: 0, byteLength, address: 0 };
      memories.set(memory, wasmMemory);
      return memory;
    },
    run(kernel, memory, block) {
      const module = new engine.Module(encodeModule([{ name: 'kernel', kernel }], { shared: false }));
      const instance = new engine.Instance(module, { arena: { memory: memories.get(memory) } });
      (instance.exports.kernel as (block: number) => void)(block);
    },
  };
}

describeOperations(wasmBackend('strict'));
describeOperations(wasmBackend('relaxed'));
describeOperations(wasmBackend('relaxed-pairs'));
