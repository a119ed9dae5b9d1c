import type { Capability } from '@qedge/core';

// Modules with one function that uses one instruction of the feature; the engine validates them or not.
const HEADER = [0, 97, 115, 109, 1, 0, 0, 0];
/** `(func (result v128) i32.const 0 i8x16.splat i8x16.popcnt)` */
const SIMD_MODULE = [
  ...HEADER,
  1,
  5,
  1,
  96,
  0,
  1,
  123,
  3,
  2,
  1,
  0,
  10,
  10,
  1,
  8,
  0,
  65,
  0,
  253,
  15,
  253,
  98,
  11,
];
/** `(func (result v128) i32.const 1 i8x16.splat i32.const 2 i8x16.splat i8x16.relaxed_swizzle)` */
const RELAXED_SIMD_MODULE = [
  ...HEADER,
  ...[1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11],
];

// This project compiles without the DOM's types, which declare WebAssembly.
declare const WebAssembly: { validate(bytes: Uint8Array): boolean };

/** Whether this engine runs WebAssembly SIMD (128-bit vectors). */
export function probeWasmSimd(): Capability {
  const available = WebAssembly.validate(new Uint8Array(SIMD_MODULE));
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

/** Whether this engine runs relaxed SIMD (fused multiply-add, integer dot products). */
export function probeWasmRelaxedSimd(): Capability {
  const available = WebAssembly.validate(new Uint8Array(RELAXED_SIMD_MODULE));
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
