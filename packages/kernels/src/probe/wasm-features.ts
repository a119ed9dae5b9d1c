import { detectWasmFeatures } from '@qedge/codegen';
import type { Capability } from '@qedge/core';

/** Whether this engine runs the WebAssembly SIMD (128-bit vectors) of the generated kernels. */
export function probeWasmSimd(): Capability {
  const available = detectWasmFeatures().simd;
  const engine = `V8 ${process.versions.v8}`;
  return {
    name: 'wasm-simd',
    available,
    reason: available
      ? `${engine} runs 128-bit vectors`
      : `${engine} refuses a module with vector instructions`,
    remedy: available ? null : 'use Node 20.19 or newer',
  };
}

/** Whether this engine runs the relaxed SIMD (multiply-add that may be fused) of the generated kernels. */
export function probeWasmRelaxedSimd(): Capability {
  const available = detectWasmFeatures().relaxedSimd;
  const engine = `V8 ${process.versions.v8}`;
  return {
    name: 'wasm-relaxed-simd',
    available,
    reason: available ? `${engine} runs relaxed vector instructions` : `${engine} has relaxed SIMD off`,
    remedy: available
      ? null
      : 'use Node 22 or newer, or on Node 20 start with node --experimental-wasm-relaxed-simd',
  };
}
