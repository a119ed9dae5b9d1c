/**
 * How kernels are executed, fastest first:
 * - `avx512`, `avx2`: x86-64 machine code;
 * - `wasm-256`: relaxed SIMD in pairs, which V8 packs to 256 bits where its revectorize flag is on;
 * - `wasm`: WebAssembly with relaxed SIMD (fused multiply-add where the processor has it);
 * - `wasm-strict`: WebAssembly with strict SIMD, the same bits on every host;
 * - `interpreter`: step by step in JavaScript, the same bits as strict code, thousands of times slower.
 */
export type Isa = 'avx512' | 'avx2' | 'wasm-256' | 'wasm' | 'wasm-strict' | 'interpreter';
